"""The log of events: bounded, and stored in the same transaction as the changes that it describes.

The events of a cycle follow from the state that was stored before it and the state that will be. A cycle without events
writes nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import islice

from scheduler.core.configuration.differences import as_text
from scheduler.core.cycle.decision import Decision
from scheduler.core.events.certificates import certificate_entries
from scheduler.core.events.commands import Outcome, command_entry
from scheduler.core.events.maintenance import operation_entries, step_entries
from scheduler.core.events.nodes import clock_entries, node_entries
from scheduler.core.events.reservations import garbage_entries, release_entries, released_entries
from scheduler.core.nodes.missing_keys import missing_key_entries
from scheduler.core.state.cluster import ClusterState
from scheduler.core.state.configuration import Overrides, Texts
from scheduler.core.state.event import Entry, EntryKind, JournalRecord
from scheduler.core.state.lifecycle import shorten
from scheduler.core.state.naming import named

KEPT = 1000
# What one node keeps while the others' events need room: a node that flaps must not push them out.
NODE_KEPT = 250
# So many more go at a time, so that not each event writes old records anew.
_SPARE = 30
# The newest record takes events until it has this size; a cycle with many events begins several records.
RECORD_BYTES = 8192
SENTENCE_LIMIT = 400
CAUSE_LIMIT = 300
_NAME_LIMIT = 80
_FIELDS_BYTES = 200


def journal(
    before: ClusterState,
    folded: ClusterState,
    after: ClusterState,
    decision: Decision,
    outcomes: Sequence[Outcome],
    now: float,
) -> ClusterState:
    """Return `after` with the events since `before` was stored, in the order of cause and effect.

    `folded` is the state with the folded updates and the commands, before the decision.
    """
    entries = [command_entry(outcome, now) for outcome in outcomes]
    entries += _connection(before, after, now)
    entries += _target(before, after, now)
    entries += node_entries(before, folded, now)
    entries += node_entries(folded, after, now)
    entries += garbage_entries(before, after, now)
    entries += release_entries(decision.accepts, after, now)
    entries += released_entries(before, after, now)
    entries += operation_entries(before, after, now)
    entries += step_entries(before, after, now)
    entries += certificate_entries(before, after, now)
    entries += clock_entries(before, after, now)
    entries += missing_key_entries(before, after, now)
    entries += _kills(before, after, decision, now)
    if not entries:
        return after
    return add_entries(after, [replace(entry, cause=named(after, entry.cause)) for entry in entries])


def add_entries(state: ClusterState, entries: Iterable[Entry]) -> ClusterState:
    """Return the state with these events numbered and added, and without the oldest that exceed `KEPT`."""
    records = dict(state.journal)
    last = next(reversed(records.values()), None)
    following = last.entries[-1].sequence + 1 if last is not None else 1
    size = sum(map(_size, last.entries)) if last is not None else 0
    for number, draft in enumerate(entries, following):
        entry = _shorten_entry(draft, number)
        if last is None or size + _size(entry) > RECORD_BYTES:
            last, size = JournalRecord((entry,)), 0
        else:
            last = JournalRecord((*last.entries, entry))
        size += _size(entry)
        records[last.key] = last
    if last is None or records.get(last.key) is state.journal.get(last.key):
        return state
    return replace(state, journal=_bound(records))


def entries_after(state: ClusterState, sequence: int, limit: int) -> list[Entry]:
    """Return up to `limit` events with higher numbers, in their order."""
    return list(islice((entry for entry in _all_entries(state) if entry.sequence > sequence), limit))


def sequence_before(state: ClusterState, at: float) -> int:
    """Return the number of the last event before this time (seconds since the epoch); 0 if there is none."""
    return max((entry.sequence for entry in _all_entries(state) if entry.at < at), default=0)


def newest_sequence(state: ClusterState) -> int:
    """Return the number of the newest event, 0 if there is none."""
    return state.journal[max(state.journal)].entries[-1].sequence if state.journal else 0


def _all_entries(state: ClusterState) -> Iterable[Entry]:
    return (entry for kept in state.journal.values() for entry in kept.entries)


def _bound(records: dict[str, JournalRecord]) -> dict[str, JournalRecord]:
    """Return the records without the events that exceed `KEPT`; small neighbours of what is left become one."""
    entries = [entry for record in records.values() for entry in record.entries]
    if len(entries) <= KEPT:
        return records
    dropped = _dropped(entries, len(entries) - KEPT + _SPARE)
    found: list[JournalRecord] = []
    for record in records.values():
        left = tuple(entry for entry in record.entries if entry.sequence not in dropped)
        if not left:
            continue
        if left == record.entries:
            found.append(record)
        elif found and sum(map(_size, (*found[-1].entries, *left))) <= RECORD_BYTES:
            found[-1] = JournalRecord((*found[-1].entries, *left))
        else:
            found.append(JournalRecord(left))
    return {record.key: record for record in found}


def _dropped(entries: Sequence[Entry], number: int) -> set[int]:
    """Return the sequences of `number` events: the oldest of nodes with more than `NODE_KEPT`, then the oldest."""
    found: set[int] = set()
    counts = Counter(entry.node for entry in entries if entry.node)
    for entry in entries:
        if len(found) < number and counts[entry.node] > NODE_KEPT:
            counts[entry.node] -= 1
            found.add(entry.sequence)
    for entry in entries:
        if len(found) >= number:
            break
        found.add(entry.sequence)
    return found


def _shorten_entry(draft: Entry, sequence: int) -> Entry:
    return replace(
        draft,
        sequence=sequence,
        sentence=shorten(draft.sentence, SENTENCE_LIMIT),
        cause=shorten(draft.cause, CAUSE_LIMIT),
        subject=shorten(draft.subject, _NAME_LIMIT),
        principal=shorten(draft.principal, _NAME_LIMIT),
    )


def _size(entry: Entry) -> int:
    """Return about how many bytes the event takes in a record."""
    return len(f"{entry.sentence}{entry.cause}{entry.subject}{entry.principal}".encode()) + _FIELDS_BYTES


def _connection(before: ClusterState, after: ClusterState, now: float) -> list[Entry]:
    if before.registered == after.registered and before.framework_id == after.framework_id:
        return []
    identifier = after.framework_id or ""
    if not after.registered:
        words = "the connection to Mesos is lost: nodes run on, and the scheduler decides nothing until it is back"
        return [Entry(0, now, EntryKind.MASTER, words, subject=identifier)]
    words = f"Mesos subscribed the scheduler as framework {identifier}"
    cause = (
        "" if before.framework_id == identifier else f"the framework was {before.framework_id or 'not known'} before"
    )
    return [Entry(0, now, EntryKind.MASTER, words, subject=identifier, cause=cause)]


def _target(before: ClusterState, after: ClusterState, now: float) -> list[Entry]:
    if before.target.id == after.target.id:
        return []
    return [target_entry(after.target.id, before.target.id, now)]


def target_entry(new: str, old: str | None, now: float) -> Entry:
    """Return the event of a new target."""
    was = f"before it was {old}" if old else "it is the first"
    words = f"the configuration {new} is the target now; {was}"
    return Entry(0, now, EntryKind.CONFIGURATION, words, subject=new)


def start_entries(state: ClusterState, version: str, now: float) -> list[Entry]:
    """Return the events of a start: the version, and settings that were refused."""
    found = [Entry(0, now, EntryKind.SCHEDULER, f"a scheduler of version {version} starts", subject=version)]
    for reason in state.configuration_errors:
        words = "the new settings were refused, the cluster keeps the old ones"
        found.append(Entry(0, now, EntryKind.CONFIGURATION, words, subject=state.target.id, cause=reason))
    return found


def lapse_entries(overrides: Overrides, state: ClusterState, environment: Texts, now: float) -> list[Entry]:
    """Return the events of overrides that hold no more, because the environment has changed."""
    found = []
    for name in sorted(overrides.keys() - state.overrides.keys()):
        was, is_now = as_text(name, overrides[name].text), as_text(name, environment.get(name, ""))
        words = f"{name} follows the environment again: {is_now}; the API had set {was}"
        changed = overrides[name].over != environment.get(name, "")
        cause = "the environment has changed since" if changed else "the API cannot set this"
        found.append(Entry(0, now, EntryKind.CONFIGURATION, words, subject=state.target.id, cause=cause))
    return found


def _kills(before: ClusterState, after: ClusterState, decision: Decision, now: float) -> list[Entry]:
    """Return the events of kills; a repeated kill is not one."""
    found = []
    for kill in decision.kills:
        stray = before.memory.strays.get(kill.task_id)
        if kill.task_id in before.memory.told or (stray is not None and stray.killed_at is not None):
            continue
        node = kill.task_id.partition("__")[0]
        kind = EntryKind.STRAY if kill.task_id in after.memory.strays else EntryKind.KILLED
        words = f"the task {kill.task_id} is killed, with {kill.grace_seconds:g} s of grace"
        name = node if node in before.nodes else ""
        found.append(Entry(0, now, kind, words, node=name, subject=kill.task_id, cause=kill.reason))
    return found
