"""What one cycle asks for, ends and gives back beside its launches."""

from __future__ import annotations

from dataclasses import replace

import pytest

from scheduler.core.cycle.decision import Decision, Kill, Reconcile
from scheduler.core.decide import decide
from scheduler.core.mesos.offer import Offer
from scheduler.core.state.cluster import Asked, ClusterState, Memory, Reconciliation, Sighting, Stray
from scheduler.core.state.node import Abandoned, NodeRecord, TaskState
from tests.unit.scheduler.core.samples import (
    PRINCIPAL,
    ROLE,
    Ids,
    down,
    held_offer,
    node,
    offer,
    scalar,
    state,
    status,
    up,
)

NOW = 110.0
QUIET = Memory(implicit_at=1e9)


def run(found: ClusterState, *offers: Offer, now: float = NOW) -> tuple[Decision, ClusterState]:
    return decide(found, offers, now, Ids())


# --- questions


def test_reconciliation_names_tasks_with_their_agents_and_slows_down() -> None:
    pending = frozenset({"node-10", "node-2"})
    found = state(up(2), up(10), reconciliation=Reconciliation(pending, started=True, next_at=NOW))
    at, pauses = NOW, []
    for _ in range(7):
        decision, found = run(found, now=at)
        assert decision.reconcile == Reconcile((("node-2__a", "S2"), ("node-10__a", "S10")))
        pauses.append(found.reconciliation.next_at - at)
        assert run(found, now=at + 0.5)[0].reconcile is None
        at = found.reconciliation.next_at
    assert pauses == [1, 2, 4, 8, 16, 30, 30]


@pytest.mark.parametrize(
    ("record", "unanswered", "asked"),
    [
        (down(0, TaskState.UNREACHABLE), 0, True),
        (down(0, TaskState.UNKNOWN), 0, True),
        (node(0, TaskState.STAGING), 0, True),
        (node(0, TaskState.KILLING), 0, True),
        (up(0), 0, False),
        (up(0), 2, False),
        (up(0), 3, True),
        # An operator may have marked its agent as gone.
        (down(0), 9, True),
        (down(0, TaskState.LOST), 9, True),
        (down(0, TaskState.GONE_BY_OPERATOR), 9, False),
    ],
)
def test_mesos_is_asked_about_tasks_of_which_nothing_is_heard(record: NodeRecord, unanswered: int, asked: bool) -> None:
    found = state(record, memory=replace(QUIET, asked={"node-0": Asked(NOW, unanswered)}))
    decision, after = run(found)
    assert decision.reconcile == (Reconcile((("node-0__a", "S0"),)) if asked else None)
    assert run(after, now=NOW + 29)[0].reconcile is None


def test_once_all_were_heard_of_mesos_is_asked_for_the_rest_and_again_every_hour() -> None:
    found = state(up(0))
    decision, found = run(found)
    assert decision.reconcile == Reconcile(())
    assert run(found, now=NOW + 3599)[0].reconcile is None
    assert run(found, now=NOW + 3600)[0].reconcile == Reconcile(())


@pytest.mark.parametrize(
    ("age", "asked", "expected"),
    [
        pytest.param(None, None, True, id="never heard of"),
        pytest.param(None, Asked(NOW - 1.9, 1), False, id="asked just now"),
        pytest.param(None, Asked(NOW - 2.0, 1), True, id="no answer"),
        pytest.param(None, Asked(NOW - 29.0, 4), False, id="no answer for long"),
        pytest.param(None, Asked(NOW - 30.0, 4), True, id="no answer for long, again"),
        pytest.param(29.0, None, False, id="fresh"),
        pytest.param(30.0, None, True, id="old"),
        pytest.param(40.0, Asked(NOW - 1.0, 1), False, id="old, but asked"),
    ],
)
def test_members_are_asked_for_their_status(age: float | None, asked: Asked | None, expected: bool) -> None:
    sightings = {} if age is None else {"node-0": Sighting("node-0__a", status(), NOW - age)}
    memory = replace(QUIET, asked={} if asked is None else {"node-0": asked})
    decision, after = run(state(up(0), sightings=sightings, memory=memory))
    assert [(ask.node, ask.executor_id, ask.agent_id, ask.task_id) for ask in decision.asks] == (
        [("node-0", "node-0_executor__a", "S0", "node-0__a")] if expected else []
    )
    if expected:
        assert after.memory.asked["node-0"] == Asked(NOW, 1 if asked is None else asked.unanswered + 1)


def test_peers_that_keep_a_node_from_being_ready_are_asked_at_once_and_others_not() -> None:
    found = state(up(0), up(1), node(2, address="127.0.0.4", mode="NORMAL"))
    blind = Sighting("node-1__a", status(live=("127.0.0.2",), host_id="h1", endpoint="127.0.0.3"), 105.0)
    found = replace(found, sightings={**found.sightings, "node-1": blind}, memory=QUIET)
    assert [ask.node for ask in run(found)[0].asks] == ["node-1"]


def test_nobody_is_asked_whose_task_does_not_run() -> None:
    found = state(down(0), down(1, TaskState.UNREACHABLE), node(2, TaskState.STAGING), sightings={})
    assert run(found)[0].asks == ()


# --- tasks and reservations that nobody wants


@pytest.mark.parametrize(
    ("task_id", "stray", "killed"),
    [
        pytest.param("node-0__old", Stray("S9", TaskState.RUNNING, NOW - 5), True, id="launched anew since"),
        pytest.param("node-0__old", Stray("S9", TaskState.RUNNING, NOW - 4), False, id="its end may be on the way"),
        pytest.param("node-0__old", Stray("S9", TaskState.RUNNING, 0.0, NOW - 29), False, id="told already"),
        pytest.param("node-0__old", Stray("S9", TaskState.RUNNING, 0.0, NOW - 30), True, id="told in vain"),
        pytest.param("node-7__x", Stray("S9", TaskState.RUNNING, 0.0), False, id="no record at all"),
        pytest.param("node-1__x", Stray("S9", TaskState.RUNNING, 0.0), False, id="never launched"),
        pytest.param("stranger", Stray("S9", TaskState.RUNNING, 0.0), False, id="not one of ours"),
        pytest.param("node-0__a", Stray("S0", TaskState.RUNNING, 0.0), False, id="the newest after all"),
    ],
)
def test_only_what_was_launched_anew_is_killed(task_id: str, stray: Stray, killed: bool) -> None:
    found = state(up(0), NodeRecord(index=1), memory=replace(QUIET, strays={task_id: stray}))
    decision, after = run(found)
    expected = (Kill(task_id, "S9", 120.0, "node-0 has been launched anew since"),) if killed else ()
    assert decision.kills == expected
    if killed:
        assert after.memory.strays[task_id].killed_at == NOW


def test_nothing_is_killed_before_reconciliation() -> None:
    stray = {"node-0__old": Stray("S9", TaskState.RUNNING, 0.0)}
    waiting = Reconciliation(frozenset({"node-0"}), started=True)
    found = state(up(0), memory=replace(QUIET, strays=stray), reconciliation=waiting)
    assert run(found)[0].kills == ()


def operations(decision: Decision) -> list[tuple[str, list[str]]]:
    keys = {"UNRESERVE": "resources", "DESTROY": "volumes"}
    return [
        (item["type"], [resource["name"] for resource in item[item["type"].lower()][keys[item["type"]]]])
        for accept in decision.accepts
        for item in accept.operations
    ]


ALL = ["cpus", "mem", "ports"]


@pytest.mark.parametrize(
    ("unused", "made", "expected"),
    [
        (True, True, [("DESTROY", ["disk"]), ("UNRESERVE", [*ALL, "disk"])]),
        (True, False, [("UNRESERVE", [*ALL, "disk"])]),
        (False, True, [("UNRESERVE", ALL)]),
        (False, False, [("UNRESERVE", [*ALL, "disk"])]),
    ],
)
def test_an_abandoned_reservation_is_given_back_but_no_volume_that_may_have_been_used(
    unused: bool, made: bool, expected: list[tuple[str, list[str]]]
) -> None:
    found = state(up(0, abandoned=(Abandoned("old", unused),)), up(1), up(2))
    decision, after = run(found, held_offer(7, "old", "v-old", made))
    assert operations(decision) == expected
    assert after.nodes == found.nodes


@pytest.mark.parametrize("resource_id", ["reservation-0", "unknown"])
def test_what_is_not_named_as_abandoned_is_never_given_back(resource_id: str) -> None:
    found = state(up(0, abandoned=(Abandoned("reservation-0", unused=True),)), up(1), up(2))
    decision, _ = run(found, held_offer(7, resource_id, "v"))
    assert decision.accepts == ()


def test_what_has_no_resources_left_to_give_back_is_declined() -> None:
    labels = {"labels": [{"key": "resource_id", "value": "old"}]}
    reservation = {"type": "DYNAMIC", "role": ROLE, "principal": PRINCIPAL, "labels": labels}
    volume = scalar("disk", 1, disk={"persistence": {"id": "v"}}, reservations=[reservation])
    found = state(up(0, abandoned=(Abandoned("old", unused=False),)), up(1), up(2))
    decision, _ = run(found, offer(7, resources=[volume]))
    assert (decision.accepts, len(decision.declines)) == ((), 1)
