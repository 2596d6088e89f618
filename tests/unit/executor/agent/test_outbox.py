from __future__ import annotations

from typing import Any

from executor.agent.outbox import Outbox


def _update(uuid: str, task: str = "t") -> dict[str, Any]:
    return {"status": {"uuid": uuid, "task_id": {"value": task}, "state": "TASK_RUNNING"}}


def _names(updates: list[dict[str, Any]]) -> list[str]:
    return [update["status"]["uuid"] for update in updates]


def test_a_subscription_carries_all_that_is_not_acknowledged() -> None:
    outbox = Outbox()
    assert outbox.add_task("t", {"task_id": {"value": "t"}})
    for uuid in "abc":
        outbox.add_update(_update(uuid))
    outbox.mark_sent(_update("a"))
    found = outbox.subscribe()
    assert found["unacknowledged_tasks"] == [{"task_id": {"value": "t"}}]
    assert _names(found["unacknowledged_updates"]) == ["a", "b", "c"]
    assert outbox.next_unsent() is None


def test_what_comes_after_a_subscription_is_sent_in_order() -> None:
    outbox = Outbox()
    outbox.subscribe()
    outbox.add_update(_update("a"))
    outbox.add_update(_update("b"))
    assert outbox.next_unsent() == _update("a")
    outbox.mark_sent(_update("a"))
    assert outbox.next_unsent() == _update("b")


def test_acknowledged_is_forgotten() -> None:
    outbox = Outbox()
    outbox.add_task("t", {})
    outbox.add_update(_update("a"))
    outbox.add_update(_update("b"))
    outbox.acknowledge("t", "a")
    assert not outbox.is_empty()
    assert outbox.next_unsent() == _update("b")
    outbox.acknowledge("t", "b")
    outbox.acknowledge("t", "never seen")
    assert outbox.is_empty()
    assert outbox.next_unsent() is None
    assert outbox.subscribe() == {"unacknowledged_tasks": [], "unacknowledged_updates": []}


def test_a_task_that_comes_twice_is_known() -> None:
    outbox = Outbox()
    assert outbox.add_task("t", {"n": 1})
    assert not outbox.add_task("t", {"n": 2})


def test_a_node_and_its_jobs_are_kept_apart() -> None:
    outbox = Outbox()
    for task in ("node", "job-1", "job-2"):
        outbox.add_task(task, {"task_id": {"value": task}})
        outbox.add_update(_update(f"{task} runs", task))
    outbox.add_update(_update("job-1 ends", "job-1"))
    outbox.acknowledge("job-1", "job-1 runs")
    found = outbox.subscribe()
    assert [task["task_id"]["value"] for task in found["unacknowledged_tasks"]] == ["node", "job-2"]
    assert _names(found["unacknowledged_updates"]) == ["node runs", "job-2 runs", "job-1 ends"]
    outbox.acknowledge("node", "node runs")
    outbox.acknowledge("job-2", "job-2 runs")
    assert not outbox.is_empty()
    outbox.acknowledge("job-1", "job-1 ends")
    assert outbox.is_empty()
