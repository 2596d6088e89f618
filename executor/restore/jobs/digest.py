"""The job `restore-digest`: compares rows that this node loaded with the cluster's answers; differences are results."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from executor.jmx.jolokia import JolokiaError
from executor.jobs.context import Cancelled, JobContext
from executor.protocol import JobProgress
from executor.restore.proof.restored_rows import Prover, is_gone, why_not
from executor.restore.proof.samples import Kept, Samples
from executor.restore.proof.verdict import fit
from executor.restore.request import FULL, SAMPLE, read

_ATTEMPTS = 3
_AGAIN_SECONDS = 5.0
# A result is stored in ZooKeeper; tables without differences come last.
_ROOM = 50_000
_WHY = 200
# Of one table; more are counted together.
_KINDS = 10
_OTHERS = {"hidden": "other columns", "unread": "other reasons"}
_NUMBERS = ("rows", "expired", "missing", "older", "undeleted", "newer", "other")


def restore_digest(context: JobContext) -> Mapping[str, Any]:
    """Compare the rows that were kept before the load; `samples` has the findings by table."""
    request = read(context.launch.parameters)
    if request.compare not in (SAMPLE, FULL):
        return {}
    samples = Samples(context.node.scratch, request.operation)
    if (result := samples.result()) is not None:
        return result
    plan = samples.plan()
    if plan is None:
        # The volume is a new one: the missing samples show that it has not compared what it loaded.
        return {} if request.sources else {"samples": {}}
    try:
        found = _Digest(context, samples).all()
    except Cancelled:
        samples.give_up()
        raise
    held = plan.get("held")
    for name in found if held is None else held:
        found.setdefault(name, {})["held"] = True
    order = sorted(found, key=lambda name: (set(found[name]) <= {"rows", "held"}, name))
    result = {"samples": fit(found, order, _ROOM)}
    samples.finish(result)
    return result


class _Digest:
    """The comparison of everything that is kept, piece by piece; it continues an earlier attempt's work."""

    def __init__(self, context: JobContext, samples: Samples) -> None:
        self._context = context
        self._samples = samples
        self._prover = Prover(context.node.jolokia, context.check)
        saved = context.load()
        self._found: dict[str, dict[str, Any]] = dict(saved.get("found", {}))
        self._next = int(saved.get("next", 0))
        self._cursor = str(saved.get("cursor", ""))

    def all(self) -> dict[str, dict[str, Any]]:
        """Return the findings by table."""
        kept = list(self._samples.all())
        for index, one in enumerate(kept):
            if one.number < self._next:
                continue
            doing, percent = f"comparing rows of {one.table}", 100.0 * index / len(kept)
            self._context.tell(JobProgress(doing=doing, percent=percent))
            self._compare(one)
            self._done(one.number + 1, "")
        return self._found

    def _compare(self, kept: Kept) -> None:
        own = self._found.setdefault(kept.table, {"rows": 0})
        if kept.why:
            return _miss(own, kept.why)
        failures = 0
        while True:
            self._context.check()
            try:
                found = self._prover.compare(kept, self._cursor)
            except JolokiaError as error:
                failures += 1
                if failures == _ATTEMPTS or is_gone(error):
                    return _miss(own, why_not(error))
                self._context.wait(_AGAIN_SECONDS)
                continue
            add(own, found)
            if not found["next"]:
                return None
            self._done(kept.number, str(found["next"]))

    def _done(self, following: int, cursor: str) -> None:
        self._next, self._cursor = following, cursor
        self._context.save({"next": following, "cursor": cursor, "found": self._found})


def add(own: dict[str, Any], found: Mapping[str, Any]) -> None:
    """Add Cassandra's findings about some rows to those of their table, which stay within bounds."""
    for name in _NUMBERS:
        if found.get(name):
            own[name] = own.get(name, 0) + int(found[name])
    for name, others in _OTHERS.items():
        for what, number in found.get(name, {}).items():
            kept = own.setdefault(name, {})
            key = what[:_WHY]
            if key not in kept and len(kept) >= _KINDS:
                key = others
            kept[key] = kept.get(key, 0) + int(number)


def _miss(own: dict[str, Any], why: str) -> None:
    missed = own.setdefault("missed", [])
    if why[:_WHY] not in missed:
        missed.append(why[:_WHY])
