"""The bounds of an answer that the library reads whole: a page of a listing, or an error.

The content of an object is read in pieces, by what bounds it itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, MutableMapping
from functools import cache
from typing import Any

from executor.s3.connections import extend
from executor.s3.destinations import RefusedError

# A page has a thousand entries: with names of 1,024 bytes, each written as three, it takes 4 MB and 30,000 signs.
MOST_BYTES = 8 * 1024**2
# An element of three bytes takes a hundred in memory.
MOST_SIGNS = 200_000


def bound_answers(pools: MutableMapping[str, Any]) -> None:
    """Have each connection refuse an answer that no S3 gives. `pools` are urllib3's classes of pools by scheme."""
    extend(pools, _Connection)


class _Connection:
    """A part of a connection of urllib3: what returns an answer."""

    def getresponse(self) -> Any:
        answer = super().getresponse()  # type: ignore[misc]
        # An attribute of the answer that refers to it would keep its socket open when it is dropped.
        kind: Any = type(answer)
        answer.__class__ = _bounded(kind)
        return answer


@cache
def _bounded(kind: Any) -> Any:
    return type(kind.__name__, (_Answer, kind), {})


class _Answer:
    """A part of an answer of urllib3: the method by which the library reads one whole, and nothing else."""

    close: Callable[[], None]

    def stream(self, *given: Any, **named: Any) -> Iterator[bytes]:
        size = signs = 0
        for piece in super().stream(*given, **named):  # type: ignore[misc]
            size, signs = size + len(piece), signs + piece.count(b"<")
            if size > MOST_BYTES or signs > MOST_SIGNS:
                self.close()  # the server would go on sending
                raise RefusedError(reason="the server's answer is longer than any of S3: it is not read")
            yield piece
