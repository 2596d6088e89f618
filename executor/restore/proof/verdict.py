"""The verdict of the comparison, from the findings about each table. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

from executor.restore.request import FULL, NOTHING, SAMPLE
from executor.sentences import list_first

EQUAL, DIFFERENT, NOT_COMPARED = "equal", "different", "not compared"
# A message is stored with the step, the operation and an event; all tables are in the result.
_MESSAGE = 800
_WORST_FIRST = {DIFFERENT: 0, NOT_COMPARED: 1, EQUAL: 2}


@dataclass(frozen=True)
class Rows:
    """The number of a table's rows when the backup counted them, and now; `why` is the reason if it is not known.

    If `alike`, no table of its keyspace can be counted, for the same reason. `after` is the number of seconds between
    the backup's last snapshot and its count.
    """

    backup: int | None = None
    now: int | None = None
    why: str = ""
    alike: bool = False
    after: float | None = None

    @property
    def counted(self) -> bool:
        """Return whether both numbers are known."""
        return self.backup is not None and self.now is not None


@dataclass(frozen=True)
class Sampled:
    """The findings of the nodes that compared rows of the backup's files with the cluster's answers; each copy counts.

    - `rows` were compared, and the lifetime of `expired` of them has ended since.
    - `missing`, `older` and `undeleted` are rows that the cluster lacks, has in an earlier version, or still has
      although the backup deleted them.
    - `hidden` are values by the column whose drop hides them.
    - `newer` rows were written here after the backup, `other` ones before: by other files of the backup, or in the
      table before the restore.
    - `unread` are partitions by the reason why they cannot be read, `missed` are reasons why nothing was compared.
    - `held`: the table had rows before the restore.
    """

    rows: int = 0
    expired: int = 0
    missing: int = 0
    older: int = 0
    undeleted: int = 0
    newer: int = 0
    other: int = 0
    hidden: Mapping[str, int] = field(default_factory=dict)
    unread: Mapping[str, int] = field(default_factory=dict)
    missed: tuple[str, ...] = ()
    held: bool = False

    def different(self, alone: bool) -> list[str]:
        """Return a sentence for each kind of difference.

        `alone`: all rows were compared together, so that no other file of the backup explains a difference.
        """
        of = f"of {self.rows} rows compared"
        found = [
            f"{number} {of} {words}"
            for number, words in (
                (self.missing, "are missing here"),
                (self.older, "are older here"),
                (self.undeleted, "are here, and the backup deleted them"),
                (self.newer, "are newer here: a restore never overwrites what is newer"),
            )
            if number
        ]
        if self.other and (self.held or alone):
            found.append(f"{self.other} {of} are newer here, and not from after the backup: the table had them before")
        found += [
            f"{number} values of {column} are hidden: the column was dropped here after they were written"
            for column, number in sorted(self.hidden.items())
        ]
        return found

    def not_compared(self) -> list[str]:
        """Return sentences about what could not be compared."""
        return [f"rows were not compared: {why}" for why in self.missed] + [
            f"{number} partitions cannot be read: {why}" for why, number in sorted(self.unread.items())
        ]


@dataclass(frozen=True)
class Finding:
    """The state of one table and its reason; the reasons of an equal table are remarks."""

    state: str
    why: str = ""


@dataclass(frozen=True)
class Table:
    """Everything that is known of one table.

    `others` are differences of its views and indexes. `alone`: one batch has all of the backup's rows. `empty`: it has
    no files of the table.
    """

    rows: Rows = field(default_factory=Rows)
    sampled: Sampled | None = None
    others: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    alone: bool = False
    empty: bool = False


def judge(asked: str, table: Table) -> Finding:
    """Judge a table: equal as far as it was compared, different, or not compared."""
    if asked == NOTHING:
        return Finding(NOT_COMPARED, "the request orders no comparison")
    wrong: list[str] = []
    remarks = list(table.remarks)
    if asked not in (SAMPLE, FULL):
        table = replace(table, sampled=None)
    sampled = table.sampled
    compared = table.rows.counted
    if sampled is not None:
        wrong += sampled.different(table.alone)
        remarks += sampled.not_compared()
        compared = compared or sampled.rows > 0
    if table.empty and asked in (SAMPLE, FULL) and not table.rows.counted:
        compared = True
        held = sampled is not None and sampled.held
        words = "the backup has no rows of it"
        (wrong if held else remarks).append(f"{words}, and it had some before" if held else words)
    if table.rows.counted and table.rows.backup != table.rows.now:
        words = f"{table.rows.now} rows, and the backup counted {table.rows.backup}"
        (remarks if _explained(table) else wrong).append(_later(words, table))
    elif table.rows.why and not any(table.rows.why in remark for remark in remarks):
        remarks.append(table.rows.why)
    wrong += table.others
    if wrong:
        return Finding(DIFFERENT, "; ".join(dict.fromkeys(wrong)))
    if asked == FULL and sampled is not None and sampled.not_compared():
        return Finding(NOT_COMPARED, "; ".join(dict.fromkeys(remarks)))
    return Finding(EQUAL if compared else NOT_COMPARED, "; ".join(dict.fromkeys(remarks)))


def _explained(table: Table) -> bool:
    """Return whether the rows are known to be equal, so that only the moment of the count can explain a difference."""
    sampled = table.sampled
    if sampled is None or sampled.rows == 0 or sampled.not_compared() or sampled.different(table.alone):
        return False
    return _is_expired(table) or not sampled.held


def _is_expired(table: Table) -> bool:
    """Return whether the end of rows' lifetime explains the number, which it only makes smaller."""
    fewer = (table.rows.now or 0) < (table.rows.backup or 0)
    return fewer and table.sampled is not None and table.sampled.expired > 0


def _later(words: str, table: Table) -> str:
    sampled = table.sampled
    if sampled is None or not _explained(table):
        return words
    if _is_expired(table):
        return f"{words}: the lifetime of rows has ended since (of {sampled.expired} of {sampled.rows} compared)"
    after = table.rows.after
    when = "later than it took its snapshots" if after is None else f"{after:.0f} s after its last snapshot"
    return f"{words}, {when}: all {sampled.rows} rows compared are equal"


def overall(found: Mapping[str, Finding]) -> str:
    """Return the worst state; a table that was not compared is reported, but is no difference."""
    states = {finding.state for finding in found.values()}
    return min(states, key=lambda state: _WORST_FIRST[state], default=EQUAL)


def message(asked: str, found: Mapping[str, Finding]) -> str:
    """Return a sentence with the tables that differ, and those that were not compared; empty if all are equal."""
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
    tables = (f"{name} ({one.why})" if one.why else name for name, one in found.items())
    return f"{word}: {list_first(tables)}"


def by_state(found: Mapping[str, Finding]) -> Sequence[str]:
    """Return the names of all tables, the worst first."""
    return sorted(found, key=lambda name: (_WORST_FIRST[found[name].state], name))


def fit(found: Mapping[str, Any], order: Iterable[str], most: int) -> dict[str, Any]:
    """Return the first items that take at most `most` characters of JSON together."""
    kept = {}
    for name in order:
        most -= len(json.dumps({name: found[name]}))
        if most < 0:
            break
        kept[name] = found[name]
    return kept


def count_state(found: Iterable[Finding], state: str) -> int:
    """Return the number of findings with a state."""
    return sum(one.state == state for one in found)


def parse_sampled(found: Mapping[str, Any] | None) -> Sampled | None:
    """Parse all nodes' findings about a table; None if there are none."""
    if found is None:
        return None
    known = {item.name: found[item.name] for item in fields(Sampled) if item.name in found}
    return Sampled(**{**known, "missed": tuple(map(str, found.get("missed", ())))})
