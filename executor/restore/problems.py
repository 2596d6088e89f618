"""The problems of a restore: place, cause, and help."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Problem:
    """One reason against a restore. `kind` is a code for programs, the rest is for people.

    `where` names the keyspace, table, node or object. `help` is empty if the cause says what to do.
    """

    kind: str
    where: str
    why: str
    help: str = ""

    def __str__(self) -> str:
        words = f"{self.where}: {self.why}" if self.where else self.why
        return f"{words}; {self.help}" if self.help else words

    def covers(self, other: Problem) -> bool:
        """Return whether it is about the other's element too; its place can go on: `index k.i of the table t`."""
        return f"{self.where} ".startswith(f"{other.where} ")

    def document(self) -> Mapping[str, str]:
        """Return the problem as the API's JSON."""
        return asdict(self)


# An error is stored in ZooKeeper.
_LISTED = 20


def sentence(problems: Iterable[Problem]) -> str:
    """Return a sentence with the first problems; equal help for one place follows the last problem with it."""
    every = list(problems)
    listed = every[:_LISTED]
    words = []
    for index, problem in enumerate(listed):
        later = any((other.where, other.help) == (problem.where, problem.help) for other in listed[index + 1 :])
        earlier = any(other.where == problem.where and other.help == problem.help for other in listed[:index])
        place = "" if earlier or not problem.where else f"{problem.where}: "
        words.append(place + problem.why + (f"; {problem.help}" if problem.help and not later else ""))
    if len(every) > len(listed):
        words.append(f"and {len(every) - len(listed)} more: PUT /v1/restore/plan lists them all")
    return "; ".join(words)
