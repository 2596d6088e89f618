"""Real clocks a day off, certificates that have expired, and an authority that has: each told, and mended as told."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from devcluster import processes
from tests.chaos.shifted_clocks import Clock, clocks, compiler
from tests.cluster.world import World, make_layout, make_world
from tests.clusters.test_encryption import phase_of, proven, serial, session
from tests.waiting import NotInTimeError, wait_for

pytestmark = [
    pytest.mark.chaos,
    pytest.mark.cassandra,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(compiler() is None, reason="no C compiler"),
]

DAY = 86_400.0
# A node is asked every half a minute, and a renewal that failed is tried again after a minute.
TOLD_SECONDS, AGAIN_SECONDS = 90.0, 150.0


@dataclass(frozen=True)
class Shifted:
    """A cluster of one node that requires TLS. `agent` is the clock of all but the scheduler, which has its own."""

    world: World
    agent: Clock
    scheduler: Clock

    def start_scheduler(self) -> None:
        """Start it with its own clock."""
        with self.scheduler.used():
            self.world.start()

    def warnings(self) -> str:
        """Return what /v1/health tells people."""
        return "\n".join(self.world.read("/v1/health")["warnings"])

    def events(self, kind: str) -> str:
        """Return the sentences of all events of a kind."""
        found = self.world.read("/v1/events?limit=1000")["events"]
        return "\n".join(event["message"] for event in found if event["kind"] == kind)

    def node(self) -> dict[str, Any]:
        """Return what is told of the node's certificate."""
        (found,) = self.world.read("/v1/certificates")["nodes"]
        return dict(found)

    def is_told(self, seconds: float, what: str, *words: str) -> None:
        """Wait until /v1/health says all of this."""
        try:
            wait_for(what, lambda: all(word in self.warnings() for word in words), seconds)
        except NotInTimeError as error:
            raise NotInTimeError(f"{error}: {self.warnings()!r}, {json.dumps(self.node(), indent=1)}") from error


@pytest.fixture(scope="module")
def shifted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shifted]:
    folder = tmp_path_factory.mktemp("clocks")
    world = make_world(make_layout(folder / "local", nodes=1, network="127.0.44"))
    found = Shifted(world, *clocks(folder, "agent", "scheduler"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SECURITY_TRANSPORT_ENCRYPTION", "required")
        try:
            with found.agent.used():
                world.start()
            world.kill("scheduler")
            found.start_scheduler()
            world.wait_deployed()
            wait_for("the certificate is proven", lambda: len(proven(world)) == 1, 120.0)
            yield found
        finally:
            world.stop()


def test_an_agent_that_is_a_day_ahead(shifted: Shifted) -> None:
    world, task = shifted.world, shifted.world.task_ids()
    assert shifted.warnings() == ""
    shifted.agent.set(DAY)
    shifted.is_told(TOLD_SECONDS, "the clock is told", "the agent of node-0, is 24 hours ahead of the scheduler's")
    assert "24 hours ahead" in shifted.events("CLOCK")
    # Its certificate is valid for it as for others.
    with session(world, tls=True) as cql:
        assert cql.execute("SELECT release_version FROM system.local").one() is not None
    assert world.put("/v1/certificates/renew")[0] == 200
    before = shifted.node()["serial"]
    wait_for("it is renewed", lambda: shifted.node()["serial"] != before and bool(proven(world)), AGAIN_SECONDS)
    shifted.agent.set(0.0)
    wait_for("nothing is told", lambda: shifted.warnings() == "", TOLD_SECONDS)
    assert "agrees with the scheduler's again" in shifted.events("CLOCK")
    assert world.task_ids() == task


def test_an_agent_that_is_a_day_behind(shifted: Shifted) -> None:
    world, task, before = shifted.world, shifted.world.task_ids(), shifted.node()["serial"]
    shifted.agent.set(-DAY)
    shifted.is_told(TOLD_SECONDS, "the clock is told", "is 24 hours behind the scheduler's")
    assert world.put("/v1/certificates/renew")[0] == 200
    words = "set the clocks of the agent and of the scheduler's machine"
    wait_for("the renewal is refused", lambda: words in shifted.node()["message"], AGAIN_SECONDS)
    signed = signatures(world)
    # The one that it has is used on.
    assert {serial(world, node["address"], 9042) for node in [shifted.node()]} == {before}
    shifted.agent.set(0.0)
    wait_for("it is renewed", lambda: shifted.node()["serial"] != before and bool(proven(world)), AGAIN_SECONDS)
    assert shifted.node()["message"] == ""
    assert world.task_ids() == task
    assert signatures(world) - signed <= 3


def test_a_launch_on_an_agent_that_is_a_day_behind(shifted: Shifted) -> None:
    world = shifted.world
    shifted.agent.set(-DAY)
    for process in world.cassandras_on(*world.layout.agents):
        processes.send(process, signal.SIGKILL)
    words = "set the clocks of the agent and of the scheduler's machine"
    wait_for("the launch says why", lambda: words in json.dumps(world.read("/v1/plans/recovery")), TOLD_SECONDS)
    shifted.agent.set(0.0)
    wait_for("it is launched", lambda: world.is_whole() and bool(proven(world)), 240.0)
    assert world.read("/v1/nodes/node-0/info")["failures"] <= 4


def test_a_certificate_that_expired_while_no_scheduler_was_there(shifted: Shifted) -> None:
    world, task, before = shifted.world, shifted.world.task_ids(), shifted.node()["serial"]
    world.kill("scheduler")
    executors = world.executors_on(*world.layout.agents)
    with world.halted(executors):
        shifted.agent.set(31 * DAY)
        shifted.scheduler.set(31 * DAY)
    shifted.start_scheduler()
    words = "the certificate of node-0 expired at"
    wait_for("that it expired is told", lambda: words in shifted.events("CERTIFICATE"), 60.0)
    wait_for("it is renewed", lambda: shifted.node()["serial"] != before and bool(proven(world)), AGAIN_SECONDS)
    assert shifted.warnings() == ""
    assert world.task_ids() == task


def test_a_certificate_that_expired_while_its_executor_was_halted(shifted: Shifted) -> None:
    world, task, before = shifted.world, shifted.world.task_ids(), shifted.node()["serial"]
    with world.halted(world.executors_on(*world.layout.agents)):
        shifted.agent.set(63 * DAY)
        shifted.scheduler.set(63 * DAY)
        shifted.is_told(
            TOLD_SECONDS, "that it expired is told", "The certificate of node-0 expired at", "restart node-0"
        )
        assert shifted.node()["state"] == "expired"
    wait_for("it is renewed", lambda: shifted.node()["serial"] != before and bool(proven(world)), AGAIN_SECONDS)
    assert shifted.warnings() == ""
    assert world.task_ids() == task


def test_an_authority_that_expired(shifted: Shifted) -> None:
    world, task = shifted.world, shifted.world.task_ids()
    (old,) = world.read("/v1/certificates")["authorities"]
    shifted.agent.set(3660 * DAY)
    shifted.scheduler.set(3660 * DAY)
    words = "The authority of certificates has expired on", "rotate it by PUT /v1/certificates/rotate"
    shifted.is_told(TOLD_SECONDS, "that it expired is told", *words, "The certificate of node-0 expired at")
    wait_for("the node says why", lambda: "the authority expired on" in shifted.node()["message"], AGAIN_SECONDS)
    signed = signatures(world)
    code, answer = world.put("/v1/certificates/rotate")
    assert code == 200, answer
    wait_for("it has another certificate", lambda: phase_of(world, "New certificates") == "COMPLETE", AGAIN_SECONDS)
    assert world.put("/v1/plans/certificates/continue")[0] == 200
    wait_for("the rotation is complete", lambda: phase_of(world, "Trust the new one") == "COMPLETE", AGAIN_SECONDS)
    (new,) = world.read("/v1/certificates")["authorities"]
    assert new["fingerprint"] != old["fingerprint"]
    wait_for("nothing is told", lambda: shifted.warnings() == "", TOLD_SECONDS)
    assert world.task_ids() == task
    assert signatures(world) - signed <= 6


def signatures(world: World) -> int:
    """Return how often the scheduler was asked for a certificate."""
    log = (world.layout.directory / "logs" / "scheduler.log").read_text()
    return log.count("certificate signed for") + log.count("certificate not sent to")
