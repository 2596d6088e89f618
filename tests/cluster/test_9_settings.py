"""Settings given through the API reach one real node first, then the next, and go back; a client loses nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.cluster.test_8_restart import writing
from tests.cluster.test_9_roll_out import deploy_steps, is_rolled_out, restart_scheduler, table
from tests.cluster.world import World
from tests.command_lines import arguments
from tests.waiting import wait_for

__all__ = ["table"]

pytestmark = [pytest.mark.cassandra, pytest.mark.timeout(600)]

MORE_MB = 8


def post(world: World, path: str) -> Any:
    """The JSON of a POST that must be answered with 200."""
    auth = f"Authorization: token={world.token}"
    code, answer = world.curl("-X", "POST", "-H", auth, f"{world.layout.api_url}{path}")
    assert code == 200, answer
    return answer


def with_heap(world: World, size: int) -> int:
    """How many nodes run with this heap."""
    return sum(f"-Xmx{size}M" in arguments(pid) for pid in world.cassandras())


def waits(world: World) -> bool:
    """Whether all that is left to be done waits for an operator."""
    steps = deploy_steps(world)
    reasons = [steps[name]["reason"] for name in ("node-1", "node-2")]
    return reasons == ["CANARY", "CANARY"] and world.read("/v1/plans/recovery")["status"] == "COMPLETE"


@pytest.mark.usefixtures("table")
def test_a_canary_then_the_next_then_back(world: World) -> None:
    before = world.read("/v1/config")
    heap = before["cassandra"]["heap"]["size_mb"]
    as_it_runs = replace(world, layout=replace(world.layout, heap_mb=heap))
    tasks = world.task_ids()
    with writing(world) as written:
        code, answer = world.put("/v1/config", {"CASSANDRA_HEAP_SIZE_MB": heap + MORE_MB, "canary": True})
        assert (code, answer["canary"], answer["restarts"]) == (200, "node-0", ["node-0", "node-1", "node-2"])
        wait_for("the first node has the new heap, the others wait", lambda: waits(world), 120.0)
        assert with_heap(world, heap + MORE_MB) == 1
        assert world.read("/v1/plans/deploy")["status"] == "WAITING"

        restart_scheduler(as_it_runs)
        wait_for("the canary outlives the scheduler", lambda: waits(world), 60.0)
        found = world.read("/v1/config")
        assert (found["id"], found["previous"]) == (answer["configuration"], before["id"])
        assert found["overrides"] == {"CASSANDRA_HEAP_SIZE_MB": str(heap + MORE_MB)}

        assert post(world, "/v1/plans/deploy/continue") == {"message": "Received cmd: continue"}
        wait_for("the next node has it", lambda: with_heap(world, heap + MORE_MB) == 2, 120.0)
        assert post(world, "/v1/config/rollback")["configuration"] == before["id"]
        wait_for("all is as it was", lambda: is_rolled_out(world), 180.0)
    assert with_heap(world, heap) == len(tasks)
    after = world.read("/v1/config")
    assert (after["id"], after["previous"], after["overrides"]) == (before["id"], found["id"], {})
    assert world.task_ids()["node-2"] == tasks["node-2"], "it was never its turn"
    with world.cql() as session:
        rows = {row.id for row in session.execute("SELECT id FROM rolled.rows")}
    assert rows >= set(range(len(written)))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"CASSANDRA_AUTHENTICATOR": "NoAuthenticator"}, "Unable to find class NoAuthenticator"),
        ({"CASSANDRA_YAML": "sstable: {selected_format: xyz}"}, "Selected sstable format 'xyz' is not available"),
        ({"CASSANDRA_JVM_OPTIONS": "-XX:NoSuchOption=1"}, "Unrecognized VM option 'NoSuchOption=1'"),
    ],
    ids=str,
)
def test_what_cassandra_refuses_is_refused_with_its_words(world: World, settings: dict[str, str], words: str) -> None:
    before, tasks = world.read("/v1/config"), world.task_ids()
    code, answer = world.put("/v1/config", settings)
    assert code == 409, answer
    assert words in answer["message"]
    assert world.read("/v1/config") == before
    assert world.task_ids() == tasks
