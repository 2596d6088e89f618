"""The API's certificate while the process runs: it follows its source, and reports what an operator must know."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence

from scheduler.security.api_certificate import CertificateSource, Identity, Material, UnusableCertificate, identify
from scheduler.security.expiry import FAR, OVER, day, describe_end, level_of

log = logging.getLogger(__name__)

POLL_SECONDS = 1.0
# Programs replace certificate and key one after the other. Only what stays wrong for so many polls is reported.
BAD_POLLS = 5
_KEPT_SENTENCES = 20

# Keeps a sentence as an event; returns whether the loop took it.
Note = Callable[[str], bool]


class ApiCertificate:
    """The certificate in use. A new one that cannot be used changes nothing.

    `identity`, `warnings` and `seconds_left` are for all threads, `refresh` for one.
    """

    def __init__(self, source: CertificateSource, clock: Callable[[], float] = time.time) -> None:
        """Read the certificate; raises UnusableCertificate."""
        self._source = source
        self._clock = clock
        self._current = identify(source.read(), clock())
        self._problem = ""
        self._bad_polls = 0
        self._told: tuple[str, float] | None = None
        self._unsaid: deque[str] = deque(maxlen=_KEPT_SENTENCES)
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def identity(self) -> Identity:
        """Return the certificate for new connections."""
        return self._current

    def seconds_left(self) -> float:
        """Return the seconds until it ends; negative once it has expired."""
        return self._current.ends_at - self._clock()

    def warnings(self) -> Sequence[str]:
        """Return what an operator must do, as sentences."""
        return tuple(filter(None, (self._problem, self._expiry()[1])))

    def watch(self, note: Note) -> None:
        """Follow the source on a thread of its own."""
        self._thread = threading.Thread(target=self._run, args=(note,), name="certificate-watch", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(5.0)

    def refresh(self, note: Note) -> None:
        """Use what the source has now, and report changes, problems and the approaching end."""
        problem = self._follow()
        self._bad_polls = self._bad_polls + 1 if problem else 0
        if self._bad_polls >= BAD_POLLS and problem != self._problem:
            log.error("%s", problem)
            self._unsaid.append(problem)
        if not problem or self._bad_polls >= BAD_POLLS:
            self._problem = problem
        level, sentence = self._expiry()
        told = (self._current.serial, level)
        if sentence and told != self._told:
            log.warning("%s", sentence)
            self._unsaid.append(sentence)
        self._told = told
        while self._unsaid and note(self._unsaid[0]):
            self._unsaid.popleft()

    def _run(self, note: Note) -> None:
        while not self._stopping.wait(POLL_SECONDS):
            self.refresh(note)

    def _follow(self) -> str:
        """Take a new certificate over; return why it cannot be used, in a sentence."""
        try:
            found: Material = self._source.read()
            if found == self._current.material:
                return ""
            new = identify(found, self._clock())
        except UnusableCertificate as error:
            return f"The API keeps its certificate that ends on {day(self._current.ends_at)}: {error}"
        if new.serial != self._current.serial:
            words = f"The API uses a new certificate, serial {new.serial}, that ends on {day(new.ends_at)}."
        else:
            words = "The API uses the changed files of its certificate."
        log.info("%s", words)
        self._unsaid.append(words)
        self._current = new
        return ""

    def _expiry(self) -> tuple[int, str]:
        """Return how near the end of the certificate is, and the sentence for it."""
        material, end = self._current.material, self._current.ends_at
        level = level_of(end, self._clock())
        if level == OVER:
            what = "its renewal failed" if material.renews_itself else f"replace {material.certificate_name}"
            return OVER, f"The API's certificate has expired on {day(end)}, so clients refuse it: {what}."
        # One that renews itself is always near its end. If it was not renewed, the problem has the reason.
        if level == FAR or material.renews_itself:
            return FAR, ""
        return level, f"The API's certificate {describe_end(level, end)}: replace {material.certificate_name}."
