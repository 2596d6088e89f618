"""Which nodes start beside others, and when one of them may join: tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from scheduler.core.configuration.standing_plans import DEPLOY
from scheduler.core.cycle.workspace import Cycle
from scheduler.core.decide import decide
from scheduler.core.nodes.decommission import shrink_reason
from scheduler.core.nodes.side_by_side import (
    CONTACT_SECONDS,
    START_SECONDS,
    companions,
    join_reason,
    let_join,
    send_orders,
)
from scheduler.core.state.cluster import Asked, ClusterState, Memory, Trial
from scheduler.core.state.configuration import Configuration, PlanRecord
from scheduler.core.state.node import Failures, NodeRecord, TaskState
from scheduler.core.state.reason import Code
from tests.unit.scheduler.core.samples import TARGET, Ids, node, spec, state, up

NOW = 100.0


def waiting(index: int, mode: str = "STANDBY", **task: Any) -> NodeRecord:
    """Return a node that was launched in standby."""
    record = node(index, mode=mode, address=f"127.0.0.{index + 2}")
    return replace(record, task=replace(record.known_task, **{"standby": True, "launched_at": NOW - 5, **task}))


def cluster(*nodes: NodeRecord, gossip: bool = True, **status: Any) -> ClusterState:
    """Return a state whose nodes have reported; `status` changes what those in standby say."""
    found = state(*nodes, wanted=spec(len(nodes)))
    sightings = dict(found.sightings)
    for record in nodes:
        if record.task is not None and record.task.standby and record.name in sightings:
            known = sightings[record.name]
            changed = replace(known.status, gossip_running=gossip, **status)
            sightings[record.name] = replace(known, status=changed, mode_since=NOW - 1)
    return replace(found, sightings=sightings)


@pytest.mark.parametrize(
    ("first", "nodes", "others", "expected"),
    [
        (0, 3, (), [1, 2]),
        (0, 7, (), [1, 2]),
        (0, 2, (), [1]),
        (0, 1, (), []),
        (1, 7, (), [2]),
        (2, 7, (), []),
        (3, 7, (), [4, 5]),
        (6, 7, (), []),
        (0, 3, (node(1, None),), [2]),
        (0, 3, (NodeRecord(1, forced=True), NodeRecord(2, failures=Failures(1))), []),
    ],
)
def test_companions(first: int, nodes: int, others: Sequence[NodeRecord], expected: list[int]) -> None:
    found = state(*others, wanted=spec(nodes))
    assert [item.index for item in companions(found, NodeRecord(first))] == expected
    over = replace(found, plans={DEPLOY: PlanRecord(DEPLOY, completed=True)})
    assert companions(over, NodeRecord(first)) == []


@pytest.mark.parametrize(
    ("found", "code"),
    [
        pytest.param(cluster(up(0), waiting(1), waiting(2)), None, id="it can join"),
        pytest.param(
            cluster(up(0), waiting(1), waiting(2, "UNKNOWN")), Code.OTHER_JOINS, id="another's start would fail"
        ),
        pytest.param(
            cluster(up(0), waiting(1), waiting(2, state=TaskState.STARTING, launched_at=NOW - START_SECONDS)),
            None,
            id="nor for ever",
        ),
        pytest.param(cluster(up(0), waiting(1, "STARTING"), waiting(2)), Code.MODE, id="it starts"),
        pytest.param(cluster(up(0), waiting(1), live=("127.0.0.9",)), Code.PEER_VIEW, id="it sees no member"),
        pytest.param(
            replace(whole := cluster(up(0), waiting(1)), sightings={"node-1": whole.sightings["node-1"]}),
            Code.NO_STATUS,
            id="a member has said nothing yet",
        ),
        pytest.param(
            replace(whole, sightings={**whole.sightings, "node-0": replace(whole.sightings["node-0"], mode_since=NOW)}),
            None,
            id="its view is as new as the member",
        ),
        pytest.param(
            replace(
                whole, sightings={**whole.sightings, "node-0": replace(whole.sightings["node-0"], mode_since=NOW + 1)}
            ),
            Code.PEER_SILENT,
            id="the member could have been in standby as well",
        ),
        pytest.param(
            replace(whole, memory=Memory(asked={"node-1": Asked(NOW, 2)})), Code.NO_STATUS, id="it does not answer"
        ),
        pytest.param(
            cluster(up(0), waiting(1, authentication="on")), Code.STOPPING_TASK, id="it has settings of its launch"
        ),
    ],
)
def test_join_reason(found: ClusterState, code: Code | None) -> None:
    reason = join_reason(found, found.nodes["node-1"], NOW)
    assert (reason and reason.code) == code


def test_a_node_that_can_join_is_noted_before_it_is_told() -> None:
    cycle = Cycle(cluster(up(0), waiting(1)), [], NOW, Ids())
    let_join(cycle, cycle.state.nodes["node-1"])
    send_orders(cycle)
    decision, after = cycle.result([])
    assert after.nodes["node-1"].known_task.join_at == NOW
    assert [ask.node for ask in decision.joins] == ["node-1"]


@pytest.mark.parametrize(("seconds", "sent"), [(0.5, 0), (2.0, 1)])
def test_an_order_without_effect_is_sent_again(seconds: float, sent: int) -> None:
    cycle = Cycle(cluster(up(0), waiting(1, join_at=NOW)), [], NOW, Ids())
    send_orders(cycle)
    first, after = cycle.result([])
    later = Cycle(after, [], NOW + seconds, Ids())
    send_orders(later)
    assert (len(first.joins), len(later.result([])[0].joins)) == (1, sent)


@pytest.mark.parametrize(
    ("mode", "seconds", "kills"),
    [
        ("STARTING", CONTACT_SECONDS, 1),
        ("STARTING", CONTACT_SECONDS - 2, 0),
        ("UNKNOWN", CONTACT_SECONDS, 0),
    ],
)
def test_a_node_that_does_not_meet_its_seed_is_ended(mode: str, seconds: float, kills: int) -> None:
    cycle = Cycle(cluster(up(0), waiting(1, mode)), [], NOW - 1 + seconds, Ids())
    let_join(cycle, cycle.state.nodes["node-1"])
    let_join(cycle, cycle.state.nodes["node-1"])
    assert [kill.task_id for kill in cycle.kills] == ["node-1__a"] * kills


@pytest.mark.parametrize("raised", [False, True])
def test_what_the_target_asks_for_no_more_is_ended_and_does_not_join(raised: bool) -> None:
    found = replace(cluster(up(0), up(1), waiting(2)), target=Configuration(TARGET, 0.0, spec(3 if raised else 2)))
    decision, after = decide(found, [], NOW, Ids())
    assert [ask.node for ask in decision.joins] == ["node-2"] * raised
    assert [kill.task_id for kill in decision.kills] == ["node-2__a"] * (not raised)
    assert (after.nodes["node-2"].known_task.join_at is not None) == raised


def test_a_forced_node_that_cannot_join_holds_up_no_other() -> None:
    away = replace(waiting(1, state=TaskState.UNREACHABLE), forced=True)
    found = cluster(up(0), away, replace(waiting(2), forced=True))
    decision, _ = decide(found, [], NOW, Ids())
    assert [ask.node for ask in decision.joins] == ["node-2"]


@pytest.mark.parametrize(("join_at", "released"), [(None, True), (NOW - 5, False)])
def test_what_was_never_let_in_is_released_though_peers_know_it(join_at: float | None, released: bool) -> None:
    """A node in standby is in the gossip of its peers, for some time after its end too."""
    ended = waiting(1, state=TaskState.KILLED, join_at=join_at, updated_at=NOW - 1)
    found = replace(cluster(up(0), ended), target=Configuration(TARGET, 0.0, spec(1)))
    _, after = decide(found, [], NOW, Ids())
    assert (after.nodes["node-1"].reservation is None) == released


@pytest.mark.parametrize(
    ("task", "code"), [(TaskState.RUNNING, Code.LEAVES), (TaskState.UNREACHABLE, Code.UNREACHABLE)]
)
def test_the_step_of_a_surplus_standby_tells_what_it_waits_for(task: TaskState, code: Code) -> None:
    found = replace(cluster(up(0), waiting(1, state=task)), target=Configuration(TARGET, 0.0, spec(1)))
    assert shrink_reason(found, found.nodes["node-1"]).code == code


@pytest.mark.parametrize(
    ("trial", "kills", "code"),
    [
        (Trial(TARGET, words=""), 1, Code.STOPPING_TASK),
        (Trial(TARGET, words="no such key"), 0, Code.SETTINGS_REFUSED),
        (Trial(TARGET), 0, Code.SETTINGS_TRIED),
    ],
)
def test_a_standby_does_not_start_again_with_settings_that_cassandra_refuses(
    trial: Trial, kills: int, code: Code
) -> None:
    found = replace(cluster(up(0), waiting(1, authentication="on")), memory=Memory(trial=trial))
    decision, _ = decide(found, [], NOW, Ids())
    reason = join_reason(found, found.nodes["node-1"], NOW)
    assert (len(decision.kills), reason and reason.code) == (kills, code)
