"""Whether what was restored is what was backed up: from what was found of each table to one verdict. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from executor.restore.request import FULL, NOTHING, SAMPLE

EQUAL, DIFFERENT, NOT_COMPARED = "equal", "different", "not compared"
# A message is stored with the step, the operation and an event; all tables are in the result.
_NAMED = 5
_MESSAGE = 800
_WORST_FIRST = {DIFFERENT: 0, NOT_COMPARED: 1, EQUAL: 2}


@dataclass(frozen=True)
class Rows:
    """How many rows a table had when the backup counted them, and has now; `why` says why that is not known."""

    backup: int | None = None
    now: int | None = None
    why: str = ""

    @property
    def counted(self) -> bool:
        """Whether both are known."""
        return self.backup is not None and self.now is not None


@dataclass(frozen=True)
class Sampled:
    """What the nodes found that compared rows of the backup's files with the cluster's answers.

    `rows` were compared, and `expired` of them had a lifetime that has ended since. `different` and `missed` say what
    was found and what could not be looked at; `held` is whether the table had rows before the restore.
    """

    rows: int = 0
    expired: int = 0
    different: tuple[str, ...] = ()
    missed: tuple[str, ...] = ()
    held: bool = False


@dataclass(frozen=True)
class Finding:
    """One table's: its state and why; the reasons of an equal one are remarks."""

    state: str
    why: str = ""


@dataclass(frozen=True)
class Table:
    """All that is known of one table. `others` are differences of its columns, views and indexes."""

    rows: Rows = field(default_factory=Rows)
    sampled: Sampled | None = None
    others: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()


def judge(asked: str, table: Table) -> Finding:
    """Equal as far as asked, different, or not compared."""
    if asked == NOTHING:
        return Finding(NOT_COMPARED, "not asked for")
    wrong, remarks = list(table.others), list(table.remarks)
    sampled = table.sampled if asked in (SAMPLE, FULL) else None
    compared = table.rows.counted
    if sampled is not None:
        wrong += sampled.different
        remarks += sampled.missed
        compared = compared or sampled.rows > 0
    if table.rows.counted and table.rows.backup != table.rows.now:
        words = f"{table.rows.now} rows, and the backup counted {table.rows.backup}"
        (remarks if _explained(sampled) else wrong).append(_later(words, sampled))
    elif table.rows.why:
        remarks.append(table.rows.why)
    if wrong:
        return Finding(DIFFERENT, "; ".join(dict.fromkeys(wrong)))
    if asked == FULL and sampled is not None and sampled.missed:
        return Finding(NOT_COMPARED, "; ".join(dict.fromkeys(remarks)))
    return Finding(EQUAL if compared else NOT_COMPARED, "; ".join(dict.fromkeys(remarks)))


def _explained(sampled: Sampled | None) -> bool:
    """Whether the rows themselves are known to be right, so that only the moment of the count can be another one."""
    return sampled is not None and sampled.rows > 0 and not (sampled.different or sampled.missed or sampled.held)


def _later(words: str, sampled: Sampled | None) -> str:
    if sampled is None or not _explained(sampled):
        return words
    if sampled.expired:
        return f"{words}: the lifetime of rows has ended since (of {sampled.expired} of {sampled.rows} compared)"
    return f"{words}, later than it took its snapshots: all {sampled.rows} rows compared are equal"


def overall(found: Mapping[str, Finding]) -> str:
    """The worst of all; that something was not compared is told, and is no difference."""
    states = {finding.state for finding in found.values()}
    if DIFFERENT in states:
        return DIFFERENT
    return EQUAL if EQUAL in states or not states else NOT_COMPARED


def message(asked: str, found: Mapping[str, Finding]) -> str:
    """For people: which tables differ and why, and which could not be compared; empty if all are equal."""
    if asked == NOTHING:
        return "not compared: compare is none"
    texts = [
        _listed("different", {name: one for name, one in found.items() if one.state == DIFFERENT}),
        _listed("not compared", {name: one for name, one in found.items() if one.state == NOT_COMPARED}),
    ]
    text = "; ".join(filter(None, texts))
    return text if len(text) <= _MESSAGE else f"{text[:_MESSAGE]}… (all tables are in the result)"


def _listed(word: str, found: Mapping[str, Finding]) -> str:
    if not found:
        return ""
    named = [f"{name} ({one.why})" if one.why else name for name, one in list(found.items())[:_NAMED]]
    more = f" and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
    return f"{word}: {', '.join(named)}{more}"


def by_state(found: Mapping[str, Finding]) -> Sequence[str]:
    """The names of all tables, the worst first."""
    return sorted(found, key=lambda name: (_WORST_FIRST[found[name].state], name))


def count_state(found: Iterable[Finding], state: str) -> int:
    """How many are that."""
    return sum(one.state == state for one in found)


def sampled(reports: Iterable[Mapping[str, Any]], table: str) -> Sampled | None:
    """What all nodes together say of a table, from the results of their steps; None if none has a word of it."""
    total: Sampled | None = None
    for report in reports:
        own = report.get("samples", {}).get(table)
        if own is None:
            continue
        before = total or Sampled()
        total = Sampled(
            rows=before.rows + int(own.get("rows", 0)),
            expired=before.expired + int(own.get("expired", 0)),
            different=(*before.different, *map(str, own.get("different", ()))),
            missed=(*before.missed, *map(str, own.get("missed", ()))),
            held=before.held or bool(own.get("held")),
        )
    return total
