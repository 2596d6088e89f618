"""Refused requests: counted, logged and reported as events within bounds; addresses with many of them are slowed down.

No thread waits for it, and the memory is bounded, however many addresses there are.
"""

from __future__ import annotations

import ipaddress
import logging
import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Callable

log = logging.getLogger(__name__)

# After so many wrong tokens, or requests without the right, within a window, an address is answered 429 until it ends.
REFUSED = 30
WINDOW_SECONDS = 60.0
ADDRESSES = 4096
LINES_PER_WINDOW = 60
# The events keep about a thousand entries: refusals that go on get one entry in ever longer intervals.
FIRST_INTERVAL_SECONDS = 60.0
LONGEST_INTERVAL_SECONDS = 3600.0
_NAMED = 5


class Refusals:
    """What is known of refused requests. `note` keeps a sentence as an event, `observe` counts a status code.

    Used by many threads.
    """

    def __init__(
        self,
        note: Callable[[str], object],
        observe: Callable[[int], object],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._note = note
        self._observe = observe
        self._clock = clock
        self._lock = threading.Lock()
        # By status code and address: the window's begin, and how many.
        self._refused: OrderedDict[tuple[int, str], tuple[float, int]] = OrderedDict()
        self._used: OrderedDict[tuple[str, str], None] = OrderedDict()  # addresses with the names of valid tokens
        self._lines: tuple[float, int] = (0.0, 0)
        self._unsaid: Counter[str] = Counter()
        self._said_at: float | None = None
        self._interval = FIRST_INTERVAL_SECONDS

    def wait(self, address: str, status: int) -> int:
        """Return for how many seconds this address gets 429 in place of this status code; 0 if it does not."""
        with self._lock:
            began, refused = self._refused.get((status, _network(address)), (0.0, 0))
            left = began + WINDOW_SECONDS - self._clock()
            return max(1, round(left)) if refused >= REFUSED and left > 0 else 0

    def add(self, address: str, status: int) -> None:
        """Count a refusal of this address with this status code: 401 for a wrong token, or 403."""
        key = (status, _network(address))
        with self._lock:
            began, refused = self._refused.pop(key, (0.0, 0))
            now = self._clock()
            self._refused[key] = (now, 1) if not refused or now - began >= WINDOW_SECONDS else (began, refused + 1)
            if len(self._refused) > ADDRESSES:
                self._refused.popitem(last=False)

    def remember(self, address: str, name: str) -> None:
        """Remember that the holder of this name has been let in from this address: it stays so while others guess."""
        with self._lock:
            self._used[address, name] = None
            self._used.move_to_end((address, name))
            if len(self._used) > ADDRESSES:
                self._used.popitem(last=False)

    def knows(self, address: str, name: str) -> bool:
        """Return whether `remember` was called with these."""
        with self._lock:
            return (address, name) in self._used

    def tell(self, status: int, address: str, name: str, why: str) -> None:
        """Count a refusal, and log and report it unless there were many; `name` is empty where it is not known."""
        who, why = _plain(f"{name} at {address}" if name else address), _plain(why)
        self._observe(status)
        with self._lock:
            self._unsaid[f"{status} for {who}"] += 1
            if len(self._unsaid) > ADDRESSES:
                self._unsaid = Counter({"others": self._unsaid.total()})
            entry = self._due_entry(why)
            line = self._takes_line()
        if line:
            log.warning("refused with %d: %s (%s)", status, who, why)
        if entry:
            self._note(entry)

    def _due_entry(self, why: str) -> str:
        """Return the sentence of the next event; empty if it is too early for one."""
        now = self._clock()
        if self._said_at is not None:
            quiet = now - self._said_at
            if quiet < self._interval:
                return ""
            grown = min(2 * self._interval, LONGEST_INTERVAL_SECONDS)
            self._interval = FIRST_INTERVAL_SECONDS if quiet > 2 * self._interval else grown
        self._said_at = now
        total, named = self._unsaid.total(), self._unsaid.most_common(_NAMED)
        more = ", and others" if len(self._unsaid) > _NAMED else ""
        words = ", ".join(f"{who} ({number})" for who, number in named)
        self._unsaid = Counter()
        if total == 1:
            return f"a request was refused with {named[0][0]}: {why}"
        return f"{total} requests were refused: {words}{more}; the last one: {why}"

    def _takes_line(self) -> bool:
        began, lines = self._lines
        now = self._clock()
        if now - began >= WINDOW_SECONDS:
            began, lines = now, 0
        self._lines = (began, lines + 1)
        if lines == LINES_PER_WINDOW:
            log.warning("more requests are refused than are logged: at most %d lines a minute", LINES_PER_WINDOW)
        return lines < LINES_PER_WINDOW


def _plain(text: str) -> str:
    """Return what a client sent without signs that a terminal would obey."""
    return "".join(sign if sign.isprintable() else "?" for sign in text[:300])


def _network(address: str) -> str:
    """Return the address; of IPv6 the network, since a client there has 2^64 addresses."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv4Address):
        return address
    if found.ipv4_mapped is not None:  # a client of IPv4 on a socket of both
        return str(found.ipv4_mapped)
    return str(ipaddress.ip_network((found, 64), strict=False))
