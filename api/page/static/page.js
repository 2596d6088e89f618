// What HTML alone cannot do: news of a view, ages of times, a note when the shown state is old.
(() => {
  'use strict';
  const PERIOD = 1000, ASK = 3000, OLD = 10000;
  let last = Date.now(), heard = last, reason = '', stream = null;
  const live = () => document.getElementById('live');

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
    const note = document.getElementById('stale');
    const old = live() !== null && (reason !== '' || Date.now() - last > OLD);
    document.body.classList.toggle('old', old);
    if (!old) { note.hidden = true; return; }
    const since = new Date(last).toLocaleTimeString();
    const silent = Date.now() - heard > OLD ? 'The scheduler does not answer.' : 'The scheduler has nothing newer.';
    const text = `What is shown is old: it is from ${since}. ${reason || silent}`;
    if (note.textContent !== text) note.textContent = text;
    note.hidden = false;
  };

  // The server says that what is shown is as of so many seconds ago.
  const fresh = (age) => {
    reason = '';
    heard = Date.now();
    last = heard - 1000 * (Number(age) || 0);
    if (heard - last < OLD) document.getElementById('unstored')?.remove();
    showStale();
  };

  // News come as server-sent events. While none come, the page asks for them. A hidden page gives its connection
  // back, as a browser has only six to one host.
  const listen = () => {
    if (stream) stream.close();
    stream = null;
    if (document.hidden || !live()) return;
    const [view, query] = live().getAttribute('hx-get').split('?');
    stream = new EventSource(`stream?view=${view}&${query}`);
    stream.addEventListener('alive', (event) => fresh(event.data));
    stream.addEventListener('part', (event) => {
      fresh(0);
      htmx.swap({ text: event.data, target: live(), sourceElement: live(), swap: 'outerMorph' });
    });
  };
  const ask = () => {
    const patience = stream?.readyState === EventSource.OPEN ? 2 * ASK : ASK;
    if (live() && !document.hidden && Date.now() - heard >= patience) htmx.trigger(live(), 'refresh');
  };

  document.addEventListener('visibilitychange', () => {
    if (!document.hidden && reason === '') last = Math.max(last, Date.now() - OLD + 4 * PERIOD);
    listen();
  });

  document.addEventListener('htmx:before:response', (event) => {
    const context = event.detail.ctx;
    if (!context || context.sourceElement.id !== 'live') return;
    const { status, headers } = context.response.raw;
    if (status < 400) { fresh(headers.get('X-State-Age')); return; }
    reason = status === 401 ? 'The session has ended: load the page again to log in.'
      : `The scheduler answers ${status}.`;
    showStale();
  });

  document.addEventListener('htmx:after:swap', (event) => {
    showAges();
    if (event.detail.ctx?.target?.id === 'said' && live()) htmx.trigger(live(), 'refresh');
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
  setInterval(() => { ask(); showAges(); showStale(); }, PERIOD);
  document.querySelector('nav [aria-current]')?.scrollIntoView({ inline: 'center', block: 'nearest' });
  showAges();
  listen();
})();
