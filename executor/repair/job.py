"""The job `repair`: repairs this node's ranges, one segment after another; each can fail three times.

Parameters: `key_spaces` and `column_families` (empty: all whose replication is not local), `incremental`,
`primary_range`, `parallelism`, `pending_compactions`, `stall_seconds`, `segment_mb`. The checkpoint has the finished
work; a later attempt, and a run after the ring has changed, do the rest.

A segment waits for its replicas without a limit, and the progress shows it; others go before it. A segment that makes
progress has no time limit. One that makes none is ended, alone, and tried again.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from executor.jmx.jolokia import JolokiaError, NotReachableError
from executor.jobs import chosen
from executor.jobs.context import JobContext, JobError
from executor.protocol import JobProgress
from executor.repair.command import End, Outcome, Repairer, Style
from executor.repair.ledger import Ledger
from executor.repair.plan import Segment, segments
from executor.repair.pressure import Pressure
from executor.repair.replicas import Replicas
from executor.repair.sessions import Sessions
from executor.repair.survey import RingState, Skipped, Survey
from executor.repair.tokens import SPACES, TokenSpace
from executor.sentences import number_of

_LOG = logging.getLogger(__name__)
_STEP = "repair"
_ATTEMPTS = 3
_WAIT_SECONDS = 5.0
_PATIENCE_SECONDS = 120.0
# A result is stored in ZooKeeper: with more tables than this, it has a summary for each keyspace.
_TABLES_IN_RESULT = 500
_FAILURES_IN_ERROR = 3


@dataclass(frozen=True)
class _Request:
    names: chosen.Request
    primary_range: bool
    pending_compactions: int
    segment_bytes: int
    style: Style

    @classmethod
    def parse(cls, parameters: Mapping[str, Any]) -> _Request:
        return cls(
            names=chosen.Request.parse(parameters),
            primary_range=bool(parameters.get("primary_range", True)),
            pending_compactions=int(parameters.get("pending_compactions", 20)),
            segment_bytes=max(1, int(float(parameters.get("segment_mb", 256)) * 1024 * 1024)),
            style=Style(
                incremental=bool(parameters.get("incremental", False)),
                parallelism=str(parameters.get("parallelism", "sequential")),
                stall_seconds=float(parameters.get("stall_seconds", 1800)),
            ),
        )


def repair(context: JobContext) -> Mapping[str, Any]:
    """Repair this node's ranges. Raises JobError if a segment has failed three times, after all others were tried."""
    request = _Request.parse(context.launch.parameters)
    replicas = Replicas(context.node.native_port, context.secrets(), encryption=context.node.encryption)
    if refused := replicas.check_login(context.node.address):
        raise JobError("login", refused, hopeless=True)
    try:
        with Sessions(context.node.jolokia) as sessions:
            run = _Run(context, request, replicas, Repairer(context, sessions, replicas, request.style))
            run.until_done()
            return run.result()
    except JolokiaError as error:
        raise JobError(_STEP, str(error)) from error


class _Run:
    def __init__(self, context: JobContext, request: _Request, replicas: Replicas, repairer: Repairer) -> None:
        self._context = context
        self._request = request
        self._replicas = replicas
        self._repairer = repairer
        self._survey = Survey(context.node.jolokia)
        self._pressure = Pressure(replicas, request.pending_compactions)
        saved = context.load()
        self._ledger = Ledger.load(saved.get("done", ()))
        self._ids: dict[str, str] = dict(saved.get("ids", {}))
        self._before = Counter[str](saved.get("counts", {}))
        self._counts: Counter[str] = Counter()
        self._began = time.monotonic()
        self._queue: list[Segment] = []
        self._tables: dict[str, str] = {}
        self._failures: dict[Segment, list[str]] = {}
        self._fingerprint = ""

    def until_done(self) -> None:
        """Run segments until none is left, then raise JobError if some have failed."""
        while True:
            state = self._state()
            if state.fingerprint != self._fingerprint:
                self._plan(state)
            if not self._queue:
                break
            self._next(state)
        self._tell()
        given_up = {segment: words for segment, words in self._failures.items() if len(words) >= _ATTEMPTS}
        if given_up:
            raise JobError(_STEP, _describe(given_up))

    def result(self) -> Mapping[str, Any]:
        """Return the segments and ranges repaired by all attempts, each table's outcome, and this attempt's seconds."""
        total = self._before + self._counts
        result: dict[str, Any] = {
            "segments": total["segments"],
            "ranges": total["ranges"],
            "tables": _summary(self._tables),
            "seconds": round(time.monotonic() - self._began, 1),
        }
        if self._replicas.silent:
            result["not_asked"] = dict(self._replicas.silent)
        words = [
            chosen.dropped_sentence(self._dropped(), len(self._dropped()) < len(self._tables)),
            self._replicas.silent_sentence(),
        ]
        if any(words):
            result["message"] = "; ".join(filter(None, words))
        return result

    def _dropped(self) -> list[str]:
        return [name for name, words in self._tables.items() if words == chosen.DROPPED]

    def _state(self) -> RingState:
        began = time.monotonic()
        while True:
            try:
                return self._survey.state()
            except NotReachableError as error:
                if time.monotonic() - began > _PATIENCE_SECONDS:
                    raise
                self._tell(waiting=str(error))
                self._context.wait(_WAIT_SECONDS)

    # Planning.

    def _plan(self, state: RingState) -> None:
        self._tell("planning")
        space = SPACES.get(partitioner := self._survey.partitioner())
        if space is None:
            text = f"segments need tokens that are numbers, and those of {partitioner} are not; use nodetool repair"
            raise JobError(_STEP, text, hopeless=True)
        found = chosen.find_tables(self._context, self._request.names)
        self._forget(found)
        queue: list[Segment] = []
        # A table of the previous plan that is missing now was dropped meanwhile.
        tables = dict.fromkeys([*self._tables, *found.gone], chosen.DROPPED)
        for name, wanted in found.tables.items():
            tables |= self._plan_key_space(name, wanted, space, state, queue)
        # What failed with other replicas or ranges is part of the new segments, and tried with them.
        self._failures = {segment: self._failures[segment] for segment in queue if segment in self._failures}
        self._queue = [segment for segment in queue if len(self._failures.get(segment, ())) < _ATTEMPTS]
        self._tables = tables | self._given_up(tables)
        self._fingerprint = state.fingerprint
        _LOG.info("repair: %d segments of %d tables", len(self._queue), len(tables))

    def _plan_key_space(
        self, name: str, wanted: Sequence[str], space: TokenSpace, state: RingState, queue: list[Segment]
    ) -> dict[str, str]:
        """Return the outcome of the keyspace's tables, and add their segments to the queue."""
        keys = [f"{name}.{table}" for table in wanted]
        try:
            found = self._survey.key_space(name, wanted, space, state.own, self._request.primary_range)
        except NotReachableError:
            raise
        except JolokiaError:
            if name in self._survey.key_spaces():
                raise
            return dict.fromkeys(keys, chosen.DROPPED)
        if isinstance(found, Skipped):
            return dict.fromkeys(keys, f"skipped: {found.why}")
        queue += segments(found, self._ledger, self._request.segment_bytes)
        return dict.fromkeys(keys, "done")

    def _given_up(self, tables: Mapping[str, str]) -> dict[str, str]:
        """Return the tables that failed before this plan and are still part of it."""
        return {
            key: f"failed: {words[-1]}"
            for segment, words in self._failures.items()
            if len(words) >= _ATTEMPTS
            for key in (f"{segment.key_space}.{table}" for table in segment.tables)
            if tables.get(key) == "done"
        }

    def _forget(self, found: chosen.Chosen) -> None:
        """Forget the work on a table that is gone, even if another table has its name now."""
        keys = [f"{name}.{table}" for name, tables in found.tables.items() for table in tables]
        ids = chosen.table_ids(self._context.node.jolokia, keys)
        for key in [key for key in keys if key in self._ids and self._ids[key] != ids.get(key, self._ids[key])]:
            key_space, _, table = key.partition(".")
            self._ledger.forget(key_space, table)
            self._failures = {
                s: w for s, w in self._failures.items() if key_space != s.key_space or table not in s.tables
            }
        self._ids |= ids

    # One segment.

    def _next(self, state: RingState) -> None:
        held_up = self._pressure.survey(self._queue, state)
        segment = next((segment for segment in self._queue if segment not in held_up), None)
        if segment is None:
            self._tell(waiting=", ".join(sorted(set(held_up.values()))))
            self._context.wait(_WAIT_SECONDS)
            return
        self._tell(describe_work(segment, held_up))
        try:
            outcome = self._repairer.run(segment)
        except NotReachableError:
            raise
        except JolokiaError:
            if segment.key_space in self._survey.key_spaces():
                raise
            # The keyspace was dropped after the plan: plan again.
            self._fingerprint = ""
            return
        if outcome.end is End.DROPPED:
            # Only some of its tables may be gone: the next plan has the others.
            self._fingerprint = ""
            return
        self._settle(segment, outcome)

    def _settle(self, segment: Segment, outcome: Outcome) -> None:
        self._queue.remove(segment)
        if outcome.end in (End.DONE, End.NOTHING):
            self._ledger.add(segment.key_space, segment.tables, segment.replicas, segment.intervals)
            self._counts.update(segments=1, ranges=len(segment.intervals), cost=segment.cost)
            counts = self._before + self._counts
            self._context.save({"done": self._ledger.dump(), "counts": dict(counts), "ids": self._ids})
            return
        _LOG.warning("repair of %s: %s: %s", _name(segment), outcome.end.value, outcome.words)
        if outcome.end is End.FAILED and not self._pressure.down(segment, self._state()):
            words = self._failures.setdefault(segment, [])
            words.append(outcome.words)
            if len(words) >= _ATTEMPTS:
                self._tables |= {f"{segment.key_space}.{table}": f"failed: {words[-1]}" for table in segment.tables}
                return
        self._queue.append(segment)
        self._tell(waiting=f"{_name(segment)}: {outcome.words}")
        self._context.wait(_WAIT_SECONDS)

    # Progress.

    def _tell(self, doing: str = "", waiting: str = "") -> None:
        done = self._before + self._counts
        left = sum(segment.cost for segment in self._queue)
        whole = done["cost"] + left
        here = self._counts["cost"]
        elapsed = time.monotonic() - self._began
        silent = self._replicas.silent_sentence()
        self._context.tell(
            JobProgress(
                doing=f"{doing}; {silent}" if doing and silent else doing,
                waiting=waiting,
                done={"ranges": done["ranges"], "segments": done["segments"]},
                total={
                    "ranges": done["ranges"] + sum(len(segment.intervals) for segment in self._queue),
                    "segments": done["segments"] + len(self._queue),
                },
                percent=round(100 * done["cost"] / whole, 1) if whole else None,
                seconds_left=round(elapsed * left / here, 1) if here else None,
            )
        )


def _name(segment: Segment) -> str:
    first = f"{segment.key_space}.{segment.tables[0]}"
    return first if len(segment.tables) == 1 else f"{first} and {number_of(len(segment.tables) - 1, 'more table')}"


def describe_work(segment: Segment, held_up: Mapping[Segment, str]) -> str:
    """Return which ranges a repair compares now, and what waits for what."""
    ranges = f"{number_of(len(segment.intervals), 'range')} of {_name(segment)}"
    if not held_up:
        return ranges
    wait = "1 segment waits" if len(held_up) == 1 else f"{len(held_up)} segments wait"
    return f"{ranges}; {wait}: {', '.join(sorted(set(held_up.values())))}"


def _describe(given_up: Mapping[Segment, Sequence[str]]) -> str:
    texts = [f"{_name(segment)}: {words[-1]}" for segment, words in given_up.items()]
    more = f" and {len(texts) - _FAILURES_IN_ERROR} more" if len(texts) > _FAILURES_IN_ERROR else ""
    return f"{number_of(len(texts), 'segment')} failed {_ATTEMPTS} times: {'; '.join(texts[:_FAILURES_IN_ERROR])}{more}"


def _summary(tables: Mapping[str, str]) -> dict[str, str]:
    if len(tables) <= _TABLES_IN_RESULT:
        return dict(tables)
    counts = Counter((name.split(".")[0], what) for name, what in tables.items())
    return {f"{key_space}.*": f"{what} ({count} tables)" for (key_space, what), count in counts.items()}
