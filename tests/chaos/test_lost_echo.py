"""A peer that paused when it was asked whether it is up is seen as up again, without a restart of any node."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from devcluster import processes
from tests.cluster.world import World, deployed, make_layout
from tests.waiting import wait_for

pytestmark = [pytest.mark.chaos, pytest.mark.cassandra, pytest.mark.timeout(900)]

PAUSES, WITNESS, ASKS = "node-0", "node-1", "node-2"
WORDS = "did not answer whether it is up; Cassandra asks again"


@pytest.fixture
def ring(tmp_path: Path) -> Iterator[World]:
    with deployed(make_layout(tmp_path / "local", nodes=3, network="127.0.84")) as world:
        yield world


def sees(world: World, node: str, address: str) -> Callable[[], bool]:
    """Return a condition: the node sees this peer as up."""
    return lambda: address in world.read(f"/v1/nodes/{node}/status")["live"]


def has_asked(world: World, node: str) -> Callable[[], bool]:
    """Return a condition: the node's executor says that Cassandra asks a peer again."""
    work = world.agent_of(node).work_directory
    return lambda: any(WORDS in path.read_text() for path in work.rglob("runs/*/stderr") if not path.is_symlink())


def test_a_lost_question_is_asked_again(ring: World) -> None:
    """The question is lost for certain: its peer pauses until after it is asked, and longer than it is valid."""
    tasks = ring.task_ids()
    address = ring.read(f"/v1/nodes/{PAUSES}/info")["hostname"]
    pauses, asks = (ring.cassandras_on(ring.agent_of(node)) for node in (PAUSES, ASKS))
    with ExitStack() as first, ExitStack() as second, ExitStack() as third:
        first.enter_context(ring.halted(pauses))
        seen = [sees(ring, node, address) for node in (WITNESS, ASKS)]
        wait_for(f"both take {PAUSES} as down", lambda: not any(is_seen() for is_seen in seen), 90.0)
        second.enter_context(ring.halted(asks))
        first.close()
        wait_for(f"{WITNESS} has news of {PAUSES}", sees(ring, WITNESS, address), 60.0)
        # What the witness knows now is news for the other one, which then asks the peer itself.
        third.enter_context(ring.halted(pauses))
        second.close()
        wait_for("the question is lost, and asked again", has_asked(ring, ASKS), 120.0)
    for node in (WITNESS, ASKS):
        wait_for(f"{node} sees {PAUSES}", sees(ring, node, address), 90.0)
    assert ring.task_ids() == tasks


def test_a_node_that_starts_asks_a_pausing_peer_again(ring: World) -> None:
    """Its first question is lost: it knows the peer from its disk, and has not seen it since."""
    address = ring.read(f"/v1/nodes/{PAUSES}/info")["hostname"]
    before = ring.task_ids()
    with ring.halted(ring.cassandras_on(ring.agent_of(PAUSES))):
        (restarts,) = ring.cassandras_on(ring.agent_of(ASKS))
        assert processes.send(restarts, signal.SIGKILL)
        wait_for("another task", lambda: ring.task_ids()[ASKS] != before[ASKS], 90.0)
        wait_for("the question is lost, and asked again", has_asked(ring, ASKS), 120.0)
    wait_for(f"{ASKS} sees {PAUSES}", sees(ring, ASKS, address), 90.0)
    assert {**ring.task_ids(), ASKS: ""} == {**before, ASKS: ""}
