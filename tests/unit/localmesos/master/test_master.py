"""A master's parts together: offers, tasks, lost agents, reconciliation, restarts."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from localmesos.master.agents import AgentRefusedError, UnknownAgentError
from localmesos.master.state.registry import JournalError
from localmesos.resources.arithmetic import Resources
from tests.unit.localmesos.master_parts import FakeAgent, FakeScheduler, World, world

Json = dict[str, Any]

EXECUTOR: Json = {"executor_id": {"value": "e"}, "command": {"value": "true"}, "resources": []}
RESERVATION = {"type": "DYNAMIC", "role": "r", "principal": "p"}


def reserve(**more: Any) -> Json:
    cpus = {"name": "cpus", "type": "SCALAR", "scalar": {"value": 1.0}, "reservations": [RESERVATION]}
    return {"type": "RESERVE", "reserve": {"resources": [cpus]}, **more}


@pytest.fixture
def w(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path) as made:
        yield made


def amounts(data: list[Json]) -> dict[str, float]:
    return {piece.name: piece.value / 1000 for piece in Resources.parse(data) if isinstance(piece.value, int)}


def test_a_task_from_offer_to_end(w: World) -> None:
    agent, scheduler = w.start("t1")
    (sent,) = agent.took("RUN_TASK")
    assert sent["task"]["task_id"] == {"value": "t1"}
    assert sent["launch_executor"] is True
    offer = scheduler.offer()
    assert amounts(offer["resources"]) == {"cpus": 3.9, "mem": 4064.0, "disk": 20480.0}
    scheduler.call("KILL", {"task_id": {"value": "t1"}})
    assert agent.took("KILL_TASK") == [{"framework_id": scheduler.info["id"], "task_id": {"value": "t1"}}]
    key = agent.update(scheduler.framework_id, "t1", "TASK_KILLED")
    assert [status["state"] for status in scheduler.updates()] == ["TASK_KILLED"]
    assert amounts(scheduler.offer()["resources"]) == {"cpus": 0.1, "mem": 32.0}
    scheduler.acknowledge(agent, "t1", key)
    assert [found["uuid"] for found in agent.took("ACKNOWLEDGE")][-1] == key
    assert scheduler.framework is not None
    assert scheduler.framework.tasks == {}


@pytest.mark.parametrize(
    ("refuse", "after", "offered"),
    [(None, 4.9, False), (None, 5.1, True), (0.0, 0.0, True), (2.0, 1.9, False), (2.0, 2.1, True), (-3.0, 4.9, False)],
)
def test_filters(w: World, refuse: float | None, after: float, offered: bool) -> None:
    _, scheduler = w.start()
    filters = {} if refuse is None else {"filters": {"refuse_seconds": refuse}}
    scheduler.call("DECLINE", {"offer_ids": [scheduler.offer()["id"]], **filters})
    w.now += after
    assert bool(scheduler.offers()) is offered


def test_a_clock_that_jumps_ends_no_filter(w: World) -> None:
    _, scheduler = w.start()
    scheduler.call("DECLINE", {"offer_ids": [scheduler.offer()["id"]], "filters": {"refuse_seconds": 2.0}})
    w.jumps = 3600.0
    assert not scheduler.offers()
    w.now += 2.1
    assert scheduler.offers()


def test_revive_and_suppress(w: World) -> None:
    _, scheduler = w.start()
    offer = scheduler.offer()
    scheduler.call("SUPPRESS", {"roles": ["another"]})
    scheduler.call("DECLINE", {"offer_ids": [offer["id"]], "filters": {"refuse_seconds": 600}})
    w.run(lambda: scheduler.call("REVIVE"))
    offer = scheduler.offer()
    scheduler.call("SUPPRESS")
    scheduler.call("DECLINE", {"offer_ids": [offer["id"]], "filters": {"refuse_seconds": 0}})
    assert scheduler.offers() == []
    w.run(lambda: scheduler.call("REVIVE", {"roles": ["r"]}))
    assert scheduler.offer()


def test_the_framework_with_less_is_offered_first(w: World) -> None:
    _, rich = w.start("t1")
    poor = FakeScheduler(w)
    w.run(poor.subscribe)
    assert rich.offers() == []
    assert poor.offers()


def test_formats_of_offers(w: World) -> None:
    agent, modern, old = FakeAgent(w), FakeScheduler(w), FakeScheduler(w, modern=False)
    w.run(agent.register, modern.subscribe)
    offer = modern.offer()
    modern.accept(offer, reserve(), refuse_seconds=600.0)
    w.run(old.subscribe)
    resources = old.offer()["resources"]
    found = {(r["name"], r["role"], "reservation" in r) for r in resources}
    assert ("cpus", "r", True) in found
    assert ("cpus", "*", False) in found
    assert all("allocation_info" not in r and "reservations" not in r for r in resources)


def test_operation_feedback(w: World) -> None:
    agent, scheduler = w.start()
    bad = reserve(id={"value": "bad"})
    bad["reserve"]["resources"][0]["scalar"] = {"value": 100.0}
    scheduler.accept(scheduler.offer(), reserve(id={"value": "good"}), bad, reserve(), refuse_seconds=0.0)
    (refused,) = [update["status"] for update in scheduler.stream.take("UPDATE_OPERATION_STATUS")]
    assert (refused["operation_id"], refused["state"]) == ({"value": "bad"}, "OPERATION_ERROR")
    assert refused["message"].endswith(f"; on agent {agent.agent_id} at slave(1)@127.0.0.2:5051 (127.0.0.2)")
    (sent,) = agent.took("CHECKPOINT_RESOURCES")
    assert amounts(sent["resources"]) == {"cpus": 2.0}
    w.run(lambda: agent.call("CHECKPOINTED", sent))
    (done,) = [update["status"] for update in scheduler.stream.take("UPDATE_OPERATION_STATUS")]
    assert done["state"] == "OPERATION_FINISHED"
    asked = [{"operation_id": {"value": "good"}}, {"operation_id": {"value": "nope"}, "agent_id": done["agent_id"]}]
    scheduler.call("RECONCILE_OPERATIONS", {"operations": asked})
    states = [update["status"]["state"] for update in scheduler.stream.take("UPDATE_OPERATION_STATUS")]
    assert states == ["OPERATION_FINISHED", "OPERATION_UNKNOWN"]
    acknowledge = {"operation_id": {"value": "good"}, "uuid": done["uuid"]["value"], "agent_id": done["agent_id"]}
    scheduler.call("ACKNOWLEDGE_OPERATION_STATUS", acknowledge)
    scheduler.call("RECONCILE_OPERATIONS", {"operations": asked[:1]})
    (gone,) = [update["status"] for update in scheduler.stream.take("UPDATE_OPERATION_STATUS")]
    assert gone["state"] == "OPERATION_UNKNOWN"
    assert "no 'agent_id' was provided" in gone["message"]


def test_failover_and_removal(w: World) -> None:
    agent, scheduler = w.start("t1")
    first = scheduler.stream
    w.run(scheduler.subscribe)
    assert first.take("ERROR") == [{"message": "Framework failed over"}]
    assert first.closed
    w.run(lambda: scheduler.call("TEARDOWN"))
    assert scheduler.stream.closed
    assert agent.took("SHUTDOWN_FRAMEWORK") == [{"framework_id": scheduler.info["id"]}]
    assert w.run(scheduler.subscribe)[0] == {
        "type": "ERROR",
        "error": {"message": "Framework has been removed"},
    }


def test_the_failover_timeout_ends_a_framework(w: World) -> None:
    agent, scheduler = w.start("t1", failover_timeout=0.01)

    async def wait() -> None:
        scheduler.hang_up()
        assert scheduler.framework_id in w.cluster.frameworks
        async with asyncio.timeout(5):
            while scheduler.framework_id in w.cluster.frameworks:
                await asyncio.sleep(0.01)

    w.runner.run(wait())
    assert agent.took("SHUTDOWN_FRAMEWORK")
    assert w.cluster.agents[str(agent.agent_id)].ledger.used == {}


def test_offers_of_an_old_subscription_are_not_valid(w: World) -> None:
    _, scheduler = w.start()
    offer = scheduler.offer()
    w.run(scheduler.hang_up, scheduler.subscribe, lambda: scheduler.launch(offer, "t1"))
    (status,) = scheduler.updates()
    assert (status["state"], status["reason"]) == ("TASK_DROPPED", "REASON_INVALID_OFFERS")
    assert status["message"] == f"Task launched with invalid offers: Offer {offer['id']['value']} is no longer valid"


def test_principal_may_not_change(w: World) -> None:
    _, scheduler = w.start("t1")
    scheduler.info["principal"] = "x"
    words = "Changing framework's principal is not allowed."
    assert w.run(scheduler.subscribe) == [{"type": "ERROR", "error": {"message": words}}]


@pytest.mark.parametrize(("modern", "lost"), [(True, "TASK_UNREACHABLE"), (False, "TASK_LOST")])
def test_an_agent_lost_and_back(w: World, modern: bool, lost: str) -> None:
    agent, scheduler = w.start("t1", modern=modern)
    offer = scheduler.offer()
    w.run(agent.leave)
    assert scheduler.stream.take("RESCIND") == [{"offer_id": offer["id"]}]
    w.run(*[lambda: w.master.agents.ping(3)] * 4)
    (status,) = scheduler.updates()
    assert (status["state"], status["reason"]) == (lost, "REASON_AGENT_REMOVED")
    assert status["message"] == "health check timed out"
    assert scheduler.stream.take("FAILURE") == [{"agent_id": {"value": agent.agent_id}}]
    states = reconcile(scheduler, {"task_id": {"value": "any"}, "agent_id": {"value": agent.agent_id}})
    assert states == [(lost, "Reconciliation: Task is unreachable")]
    agent.frameworks = [scheduler.info]
    agent.tasks = [
        {
            "name": "t1",
            "task_id": {"value": "t1"},
            "framework_id": scheduler.info["id"],
            "agent_id": {"value": agent.agent_id},
            "resources": [{"name": "cpus", "type": "SCALAR", "scalar": {"value": 0.1}, "role": "*"}],
            "state": "TASK_RUNNING",
            "statuses": [{"state": "TASK_RUNNING", "healthy": True, "uuid": "u"}],
        }
    ]
    w.run(agent.register)
    (status,) = scheduler.updates()
    assert (status["state"], status["reason"]) == ("TASK_RUNNING", "REASON_AGENT_REREGISTERED")
    assert status["message"] == "Unreachable agent re-reregistered"
    assert status["healthy"] is True
    assert amounts(scheduler.offer()["resources"])["cpus"] == 3.9


def reconcile(scheduler: FakeScheduler, *tasks: Json) -> list[tuple[str, str]]:
    scheduler.call("RECONCILE", {"tasks": list(tasks)})
    return [(status["state"], status["message"]) for status in scheduler.updates()]


@pytest.mark.parametrize("modern", [True, False])
def test_reconcile(w: World, modern: bool) -> None:
    agent, scheduler = w.start("t1", modern=modern)
    here = {"value": agent.agent_id}

    def shown(state: str) -> str:
        return state if modern else "TASK_LOST"

    latest = [("TASK_RUNNING", "Reconciliation: Latest task state")]
    assert reconcile(scheduler) == latest
    for more in ({}, {"agent_id": here}, {"agent_id": {"value": "z"}}):
        assert reconcile(scheduler, {"task_id": {"value": "t1"}, **more}) == latest
    unknown = [(shown("TASK_UNKNOWN"), "Reconciliation: Task is unknown")]
    assert reconcile(scheduler, {"task_id": {"value": "z"}}) == unknown
    assert reconcile(scheduler, {"task_id": {"value": "z"}, "agent_id": {"value": "z"}}) == unknown
    gone = [(shown("TASK_GONE"), "Reconciliation: Task is unknown to the agent")]
    assert reconcile(scheduler, {"task_id": {"value": "z"}, "agent_id": here}) == gone


def test_marked_gone(w: World) -> None:
    agent, scheduler = w.start("t1")
    assert not w.master.agents.mark_gone("nobody")
    assert w.run(lambda: w.master.agents.mark_gone(str(agent.agent_id)))[0]
    (status,) = scheduler.updates()
    assert (status["state"], status["message"]) == ("TASK_GONE_BY_OPERATOR", "Agent has been marked gone")
    assert agent.took("SHUTDOWN") == [{"message": "Agent has been marked gone"}]
    with pytest.raises(AgentRefusedError, match="marked gone"):
        w.run(agent.register)
    with pytest.raises(UnknownAgentError):
        agent.call("PONG", {})
    item = {"task_id": {"value": "t1"}, "agent_id": {"value": agent.agent_id}}
    assert reconcile(scheduler, item) == [("TASK_GONE_BY_OPERATOR", "Reconciliation: Task is gone")]


@pytest.mark.parametrize("replaced", [True, False])
def test_removed_for_good_is_lost_even_for_a_partition_aware_framework(w: World, replaced: bool) -> None:
    agent, scheduler = w.start("t1")
    if replaced:
        w.run(FakeAgent(w, agent.number).register)
    else:
        w.run(lambda: agent.call("UNREGISTER", {}))
    (status,) = scheduler.updates()
    cause = "a new agent registered at the same address" if replaced else "the agent unregistered"
    assert (status["state"], status["message"]) == ("TASK_LOST", f"Agent 127.0.0.2 removed: {cause}")


def test_tasks_of_a_framework_without_checkpoints_are_lost_at_once(w: World) -> None:
    agent, scheduler = w.start("t1", modern=False, checkpoint=False)
    w.run(agent.leave)
    (status,) = scheduler.updates()
    assert (status["state"], status["reason"]) == ("TASK_LOST", "REASON_AGENT_DISCONNECTED")


def test_a_task_that_never_reached_its_agent_is_dropped(w: World) -> None:
    agent, scheduler = w.start()
    w.run(lambda: scheduler.launch(scheduler.offer(), "t1"), agent.leave, agent.register)
    (status,) = scheduler.updates()
    assert (status["state"], status["reason"]) == ("TASK_DROPPED", "REASON_RECONCILIATION")
    assert amounts(scheduler.offer()["resources"])["cpus"] == 4.0


def test_an_executor_and_its_end(w: World) -> None:
    agent, scheduler = w.start()
    executor = {**EXECUTOR, "resources": [{"name": "cpus", "type": "SCALAR", "scalar": {"value": 1.0}}]}
    scheduler.launch(scheduler.offer(), "t1", executor=executor)
    offer = scheduler.offer()
    assert offer["executor_ids"] == [{"value": "e"}]
    scheduler.launch(offer, "t2", executor=executor)
    assert [sent["launch_executor"] for sent in agent.took("RUN_TASK")] == [True, False]
    ids = {"executor_id": {"value": "e"}}
    message = {"agent_id": {"value": agent.agent_id}, **ids, "data": "aGk="}
    scheduler.call("MESSAGE", message)
    assert agent.took("FRAMEWORK_MESSAGE") == [{"framework_id": scheduler.info["id"], **ids, "data": "aGk="}]
    agent.call("EXECUTOR_MESSAGE", {"framework_id": scheduler.info["id"], **ids, "data": "aG8="})
    assert scheduler.stream.take("MESSAGE") == [{"agent_id": {"value": agent.agent_id}, **ids, "data": "aG8="}]
    agent.call("EXITED_EXECUTOR", {"framework_id": scheduler.info["id"], **ids, "status": 768})
    (failure,) = scheduler.stream.take("FAILURE")
    assert failure == {"agent_id": {"value": agent.agent_id}, **ids, "status": 768}
    # A command task's executor is not the framework's affair.
    agent.call("EXITED_EXECUTOR", {"framework_id": scheduler.info["id"], "executor_id": {"value": "t9"}, "status": 9})
    assert scheduler.stream.take("FAILURE") == []


def test_a_restarted_master_knows_frameworks_and_agents(tmp_path: Path) -> None:
    with world(tmp_path) as w:
        agent, scheduler = w.start("t1")
        removed = FakeScheduler(w)
        w.run(removed.subscribe, lambda: removed.call("TEARDOWN"))
    with world(tmp_path) as w:
        agent.world = scheduler.world = removed.world = w
        assert list(w.cluster.recovered_agents) == [agent.agent_id]
        assert w.run(removed.subscribe)[0]["error"]["message"] == "Framework has been removed"
        w.run(scheduler.subscribe)
        assert scheduler.framework is not None
        here = {"value": agent.agent_id}
        # While agents may come back nothing is said, neither about them nor about nobody in particular.
        for item in ({"task_id": {"value": "t1"}, "agent_id": here}, {"task_id": {"value": "z"}}):
            assert reconcile(scheduler, item) == []
        w.run(agent.register)
        assert scheduler.updates() == []
        gone = [("TASK_GONE", "Reconciliation: Task is unknown to the agent")]
        assert reconcile(scheduler, {"task_id": {"value": "z"}, "agent_id": here}) == gone


def test_an_agent_that_does_not_come_back_after_a_restart_is_unreachable(tmp_path: Path) -> None:
    with world(tmp_path) as w:
        agent, _ = w.start("t1")
    with world(tmp_path) as w:
        w.run(w.master.agents.recovered_too_late)
        assert list(w.cluster.unreachable) == [agent.agent_id]


@pytest.mark.parametrize("text", ["", "[]", "{", '{"format": 99}'])
def test_a_broken_journal_is_not_taken_for_an_empty_one(tmp_path: Path, text: str) -> None:
    (tmp_path / "registry.json").write_text(text)
    with pytest.raises(JournalError), world(tmp_path):
        pass


def test_reservations_come_back_with_their_agent(w: World) -> None:
    agent, scheduler = w.start()
    scheduler.accept(scheduler.offer(), reserve(), refuse_seconds=0.0)
    (sent,) = agent.took("CHECKPOINT_RESOURCES")
    w.run(agent.leave, *[lambda: w.master.agents.ping(3)] * 4)
    agent.checkpointed = sent["resources"]
    w.run(agent.register)
    cpus = [item for item in scheduler.offer()["resources"] if item["name"] == "cpus"]
    assert sorted((item["scalar"]["value"], "reservations" in item) for item in cpus) == [(1.0, True), (3.0, False)]
