// What HTML alone cannot do: ages of times, a note when the shown state is old, and details that stay open.
(() => {
  'use strict';
  const PERIOD = 1000, OLD = 10000;
  let last = Date.now(), reason = '';

  const ago = (seconds) => {
    if (seconds < 0) return 'just now';
    if (seconds < 60) return `${seconds} s ago`;
    if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
    if (seconds < 86400) return `${Math.floor(seconds / 3600)} h ago`;
    return `${Math.floor(seconds / 86400)} d ago`;
  };

  const showAges = () => {
    for (const time of document.querySelectorAll('time[datetime]')) {
      const text = ago(Math.floor((Date.now() - Date.parse(time.dateTime)) / 1000));
      if (time.dataset.ago !== text) time.dataset.ago = text;
    }
  };

  const showStale = () => {
    const note = document.getElementById('stale'), live = document.getElementById('live');
    const old = live !== null && (reason !== '' || Date.now() - last > OLD);
    document.body.classList.toggle('old', old);
    if (!old) { note.hidden = true; return; }
    const since = new Date(last).toLocaleTimeString();
    const text = `What is shown is old: it is from ${since}. ${reason || 'The scheduler does not answer.'}`;
    if (note.textContent !== text) note.textContent = text;
    note.hidden = false;
  };

  // A hidden page is not refreshed by the browser in time; it is not old before it had its turn.
  document.addEventListener('visibilitychange', () => {
    if (!document.hidden && reason === '') last = Math.max(last, Date.now() - OLD + 4 * PERIOD);
  });

  document.addEventListener('htmx:before:response', (event) => {
    const context = event.detail.ctx;
    if (!context || context.sourceElement.id !== 'live') return;
    const status = context.response.raw.status;
    if (status === 401) reason = 'The session has ended: load the page again to log in.';
    else if (status >= 400) reason = `The scheduler answers ${status}.`;
    else { reason = ''; last = Date.now(); }
    showStale();
  });

  document.addEventListener('htmx:after:swap', (event) => {
    showAges();
    if (event.detail.ctx?.target?.id === 'said') htmx.trigger(document.getElementById('live'), 'refresh');
  });
  document.addEventListener('click', (event) => {
    const code = event.target.closest('.lines code');
    if (code && navigator.clipboard && getSelection().isCollapsed) {
      navigator.clipboard.writeText(code.textContent).then(() => {
        code.dataset.copied = 'copied';
        setTimeout(() => delete code.dataset.copied, 1500);
      });
    }
  });
  setInterval(() => { showAges(); showStale(); }, PERIOD);
  showAges();
})();
