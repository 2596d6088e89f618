"""A story played on a real cluster through CQL and the REST API, with its problems."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from cassandra.cluster import Session

from tests.cluster.world import World
from tests.restore_model import events as ev
from tests.restore_model.cluster import Described, describe, problems, schema_problems
from tests.restore_model.drawn_stories import Steps
from tests.restore_model.model import Expectation, Model, expect
from tests.restore_model.verdict import DIFFERENT, ERROR, REFUSED, Found, Outcome, judge
from tests.waiting import wait_for

_SECONDS = 180.0
# A drop is told in milliseconds: what was written in the same one may outlive it.
_MILLISECONDS = 0.003
_ENDED = ("COMPLETE", "DIFFERENT", "STOPPED", "ERROR")


@dataclass
class Player:
    """One story on one cluster. `lines` is what was done, as a script; `defects` what was wrong.

    `location` is where backups are, if not in the cluster's own bucket; `described` is how Cassandra described the
    schema of each backup.
    """

    world: World
    session: Session
    model: Model = field(default_factory=Model)
    lines: list[str] = field(default_factory=list)
    defects: list[str] = field(default_factory=list)
    location: str = ""
    described: dict[str, Described] = field(default_factory=dict)
    _expired_at: float = 0.0
    _names: set[str] = field(default_factory=set)

    def play(self, steps: Steps) -> None:
        """Play all steps in order, and drop the keyspaces at the end."""
        try:
            for step in steps:
                self.lines.append(step.cql)
                if isinstance(step, ev.Restore):
                    self._restore(step)
                else:
                    self._do(step)
                    self.model.apply(step)
        finally:
            for name in sorted(self._names):
                self.session.execute(f"DROP KEYSPACE IF EXISTS {name}")

    @property
    def script(self) -> str:
        """Return the events and problems as text."""
        return ";\n".join(self.lines) + "\n\n" + "\n".join(self.defects)

    def _do(self, event: ev.Event) -> None:
        if isinstance(event, ev.Maintain):
            self.world.run(event.kind, {"nodes": ["*"], "key_spaces": list(map(_name, event.key_spaces))}, _SECONDS)
        elif isinstance(event, ev.Backup):
            self._back_up(event)
        else:
            if isinstance(event, ev.MakeKeySpace):
                self._names.add(event.made.name)
            if isinstance(event, ev.DropColumn):
                time.sleep(_MILLISECONDS)
            for statement in _statements(event):
                self.session.execute(statement)
            if isinstance(event, ev.Write) and event.ttl == ev.SHORT_TTL_SECONDS:
                self._expired_at = time.monotonic() + event.ttl + 1.5

    def _back_up(self, event: ev.Backup) -> None:
        self._wait_expired()
        if wrong := problems(self.session, self.model):
            raise AssertionError(f"the model is wrong before any restore: {wrong}\n{self.script}")
        self.described[event.name] = describe(self.session, list(event.key_spaces))
        self.world.run("backup", {**event.body, **self._place}, _SECONDS)

    @property
    def _place(self) -> dict[str, Any]:
        return {"external_location": self.location or self.world.location}

    def _wait_expired(self) -> None:
        time.sleep(max(0.0, self._expired_at - time.monotonic()))

    def _restore(self, restore: ev.Restore) -> None:
        expected = expect(self.model, restore)
        self._names |= set(expected.after.spaces)
        names = sorted(self._names)
        before = describe(self.session, names)
        self._wait_expired()
        outcome = self._run(restore)
        self.lines.append(f"-- {outcome.state} {outcome.message}\n-- obstacles: {'; '.join(expected.obstacles)}")
        now = describe(self.session, names)
        same = {} if outcome.state != REFUSED else problems(self.session, self.model)
        after = {} if outcome.state == REFUSED else problems(self.session, expected.after)
        schema = [] if restore.rename else schema_problems(self.described[restore.backup], now, expected)
        found = Found(after, same, schema if outcome.state != REFUSED else [], before != now)
        defects = judge(expected, outcome, found)
        self.lines += [f"-- DEFECT: {text}" for text in defects]
        self.defects += [f"{restore.cql}\n  {text}" for text in defects]
        self._go_on(expected, outcome, found)

    def _go_on(self, expected: Expectation, outcome: Outcome, found: Found) -> None:
        """Take the cluster's state into the model: where it is not as expected, it is unknown."""
        if outcome.state == REFUSED:
            return
        self.model = expected.after
        for ref in found.after if outcome.state != ERROR else set(expected.targets) | set(found.after):
            table = self.model.table(ref)
            if table is not None:
                table.unknown = True

    def _run(self, restore: ev.Restore) -> Outcome:
        code, answer = self.world.put("/v1/restore/start", {**restore.body, **self._place})
        if code in (400, 409):
            return Outcome(REFUSED, str(answer["message"]))
        assert code == 202, (code, answer)
        status: dict[str, Any] = {}

        def ended() -> bool:
            status.update(self.world.read("/v1/restore/status"))
            return status["state"] in _ENDED

        wait_for("the restore has ended", ended, _SECONDS)
        if status["state"] != "ERROR":
            return Outcome(status["state"], str(status["message"]) if status["state"] == DIFFERENT else "")
        self.world.put("/v1/restore/stop")
        # A step that one node does for all is named by its phase alone.
        steps = [*status["nodes"].items(), *status["cluster"].items()]
        failed = {str(step.get("phase", name)) for name, step in steps if step.get("state") == "ERROR"}
        wait_for("it is stopped", lambda: self.world.read("/v1/restore/status")["state"] == "STOPPED", _SECONDS)
        return Outcome(REFUSED if failed <= {"Check"} else ERROR, f"{sorted(failed)}: {status['message']}")


def _statements(event: ev.Event) -> Iterator[str]:
    if isinstance(event, ev.MakeKeySpace):
        yield from event.made.statements()
    elif isinstance(event, ev.MakeTable):
        yield from event.made.statements(event.key_space)
    else:
        yield event.cql


def _name(name: str) -> str:
    return name[1:-1] if name.startswith('"') else name
