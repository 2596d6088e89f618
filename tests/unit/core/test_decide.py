"""What one cycle decides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from scheduler.core.decide import decide
from scheduler.core.decision import Decision, Kill, Reconcile
from scheduler.core.offers import Offer
from scheduler.core.state import (
    Abandoned,
    Asked,
    ClusterState,
    Failures,
    Memory,
    NodeRecord,
    PlanRecord,
    Reconciliation,
    Reservation,
    Sighting,
    Stray,
    TaskState,
)
from tests.unit.core.samples import PRINCIPAL, ROLE, Ids, node, offer, scalar, spec, state, status, up

NOW = 110.0
QUIET = Memory(implicit_at=1e9)


def run(found: ClusterState, *offers: Offer, now: float = NOW) -> tuple[Decision, ClusterState]:
    return decide(found, offers, now, Ids())


def held_offer(index: int, resource_id: str, volume_id: str, made: bool = True, **changes: Any) -> Offer:
    """An offer of all that a node holds."""
    labels = {"labels": [{"key": "resource_id", "value": resource_id}]}
    reservation = {"type": "DYNAMIC", "role": ROLE, "principal": PRINCIPAL, "labels": labels}
    ranges = [{"begin": 7000, "end": 7001}, {"begin": 7199, "end": 7199}, {"begin": 9042, "end": 9042}]
    ports = {"name": "ports", "type": "RANGES", "ranges": {"range": ranges}, "allocation_info": {"role": ROLE}}
    disk: Mapping[str, Any] = {"disk": {"persistence": {"id": volume_id, "principal": PRINCIPAL}}} if made else {}
    pieces = [scalar("cpus", 0.7), scalar("mem", 640), ports, scalar("disk", 1024, **disk)]
    return offer(index, resources=[{**piece, "reservations": [reservation]} for piece in pieces], **changes)


def own(index: int) -> Offer:
    return held_offer(index, f"reservation-{index}", f"volume-{index}")


def down(index: int, word: TaskState = TaskState.FAILED, **changes: Any) -> NodeRecord:
    member = up(index)
    assert member.task is not None
    return replace(member, task=replace(member.task, state=word), mode="UNKNOWN", **changes)


def launched(decision: Decision) -> list[str]:
    return [accept.node for accept in decision.accepts]


def test_without_a_subscription_nothing_is_decided() -> None:
    found = state(down(0), registered=False)
    assert run(found, own(0)) == (Decision(), found)


# --- deploy and recovery


@pytest.mark.parametrize(
    ("found", "offers", "expected"),
    [
        pytest.param(state(), [offer(0), offer(1)], ["node-0"], id="the first node"),
        pytest.param(state(up(0)), [offer(1), offer(2)], ["node-1"], id="the next one, alone"),
        pytest.param(state(up(0)), [offer(0)], [], id="never two on one agent"),
        pytest.param(state(node(0, TaskState.STAGING)), [offer(1)], [], id="not while the first starts"),
        pytest.param(state(node(0, mode="NORMAL")), [offer(1)], [], id="not while it has no address"),
        pytest.param(state(up(0), node(1, TaskState.UNREACHABLE)), [offer(2)], [], id="not while it is unreachable"),
        pytest.param(state(down(0)), [offer(1)], [], id="not while a member is down"),
        pytest.param(state(up(0), up(1), up(2)), [offer(3)], [], id="none that is not wanted"),
        pytest.param(
            state(down(0), down(1)), [own(0), own(1), offer(2)], ["node-0", "node-1"], id="all members at once"
        ),
        pytest.param(state(up(0), up(1), up(2)), [own(0)], [], id="never a member that runs"),
        pytest.param(state(down(0, TaskState.KILLING)), [own(0)], [], id="not while it stops"),
        pytest.param(state(down(0, TaskState.GONE_BY_OPERATOR)), [own(0)], [], id="not what has to be replaced"),
        pytest.param(state(down(0, failures=Failures(2, NOW + 1))), [own(0)], [], id="not before its time"),
        pytest.param(state(down(0, failures=Failures(5, 0.0))), [own(0)], [], id="not after five failures"),
        pytest.param(state(down(0, TaskState.UNREACHABLE)), [own(0)], ["node-0"], id="unseen, but its volume is free"),
        pytest.param(state(down(0, TaskState.UNKNOWN)), [own(0)], ["node-0"], id="unknown, but its volume is free"),
        pytest.param(state(node(0, TaskState.FAILED)), [own(0), offer(1)], ["node-0"], id="a failed join, in place"),
        pytest.param(state(node(0, TaskState.FAILED)), [offer(0), offer(1)], [], id="a failed join never elsewhere"),
        pytest.param(
            state(down(0), reconciliation=Reconciliation(frozenset({"node-1"}), started=True, next_at=1e9)),
            [own(0)],
            [],
            id="nothing before reconciliation",
        ),
        pytest.param(
            state(down(0), plans={"recovery": PlanRecord("recovery", interrupted=True)}), [own(0)], [], id="interrupted"
        ),
        pytest.param(
            state(down(0), plans={"deploy": PlanRecord("deploy", interrupted=True)}),
            [own(0)],
            ["node-0"],
            id="other plan",
        ),
        pytest.param(state(plans={"deploy": PlanRecord("deploy", interrupted=True)}), [offer(0)], [], id="no deploy"),
        pytest.param(state(up(0), wanted=spec(3, placement="rack:UNIQUE")), [offer(5)], [], id="placement"),
    ],
)
def test_launches(found: ClusterState, offers: list[Offer], expected: list[str]) -> None:
    decision, after = run(found, *offers)
    assert launched(decision) == expected
    given = [name for accept in decision.accepts for name in accept.offer_ids]
    given += [decline.offer_id for decline in decision.declines]
    assert sorted(given) == sorted(name for item in offers for name in item.ids), "every offer is answered once"
    for name in expected:
        record = next(record for record in decision.records if record.name == name)
        assert record == after.nodes[name], "what is launched is stored first"


def test_the_rack_with_the_fewest_nodes_is_chosen_then_the_first_host() -> None:
    found = state(up(0), wanted=spec(3, seeds=1))
    offers = [offer(3, rack="r1"), offer(5, rack="r2"), offer(4, rack="r3")]
    decision, after = run(found, *offers)
    agent = after.nodes["node-1"].agent
    assert agent is not None
    assert agent.hostname == "127.0.0.6"
    outcomes = {item["hostname"]: item["outcome"] for item in decision.evaluations}
    assert outcomes == {"127.0.0.5": "fits", "127.0.0.7": "fits", "127.0.0.6": "launched"}


NEVER_SEEN = Reservation("reservation-0", "volume-0", seen=False)


@pytest.mark.parametrize(
    ("word", "reason", "since", "offers", "places"),
    [
        pytest.param("TASK_ERROR", "", 100.0, [offer(0)], "S0", id="its agent offers without it"),
        pytest.param("TASK_ERROR", "", 109.0, [offer(0)], None, id="too soon to tell"),
        pytest.param("TASK_ERROR", "", 100.0, [offer(1)], None, id="only others offer"),
        pytest.param("TASK_DROPPED", "REASON_INVALID_OFFERS", 109.9, [offer(1)], "S1", id="offers were not valid"),
        pytest.param("TASK_GONE", "REASON_RECONCILIATION", 100.0, [offer(0)], "S0", id="never arrived"),
        pytest.param("TASK_UNKNOWN", "", 0.0, [offer(0)], None, id="may live"),
        pytest.param("TASK_GONE_BY_OPERATOR", "", 0.0, [offer(1)], None, id="has to be replaced"),
    ],
)
def test_a_reservation_that_was_never_seen(
    word: str, reason: str, since: float, offers: list[Offer], places: str | None
) -> None:
    record = node(0, TaskState(word), reservation=NEVER_SEEN)
    assert record.task is not None
    record = replace(record, task=replace(record.task, reason=reason, updated_at=since))
    decision, after = run(state(record), *offers)
    assert bool(decision.accepts) == (places is not None)
    if places is not None:
        agent, reservation = after.nodes["node-0"].agent, after.nodes["node-0"].reservation
        assert agent is not None
        assert reservation is not None
        assert agent.id == places
        assert reservation.id != NEVER_SEEN.id
        assert [item.id for item in after.nodes["node-0"].abandoned] == [NEVER_SEEN.id]


def test_readiness_becomes_a_fact_and_failures_are_forgotten_only_later() -> None:
    joined = node(1, address="127.0.0.3", mode="NORMAL", failures=Failures(2, 0.0, "x"))
    found = state(up(0), joined)
    _, after = run(found, now=10.0)
    assert (after.nodes["node-1"].deployed, after.nodes["node-1"].failures.count) == ("configuration-1", 2)
    _, later = run(after, now=70.0)
    assert later.nodes["node-1"].failures == Failures()


# --- offers


@pytest.mark.parametrize(
    ("found", "given", "reason", "seconds"),
    [
        pytest.param(state(up(0), up(1), up(2)), offer(3), "NO_WORK", 3600.0, id="idle"),
        pytest.param(state(), offer(0, resources=[]), "CPUS", 5.0, id="too small"),
        pytest.param(state(up(0)), offer(0), "AGENT_TAKEN", 3600.0, id="taken"),
        pytest.param(state(down(0)), offer(3), "NO_WORK", 3600.0, id="of no use for recovery"),
        pytest.param(
            state(down(0)), held_offer(0, "reservation-0", "other"), "RESERVATION_PARTIAL", 1.0, id="not all of it yet"
        ),
        pytest.param(
            state(up(0), reconciliation=Reconciliation(frozenset({"node-0"}), started=True)),
            offer(3),
            "NOT_RECONCILED",
            5.0,
            id="not reconciled",
        ),
        pytest.param(
            state(plans={"deploy": PlanRecord("deploy", interrupted=True)}),
            offer(0),
            "NO_WORK",
            3600.0,
            id="interrupted",
        ),
    ],
)
def test_declines(found: ClusterState, given: Offer, reason: str, seconds: float) -> None:
    (decline,) = run(found, given)[0].declines
    assert decline.reason.startswith(f"{reason}: ")
    assert decline.seconds == seconds


@pytest.mark.parametrize(
    ("found", "now", "calls"),
    [
        pytest.param(state(up(0), up(1), up(2)), NOW, "suppress", id="idle"),
        pytest.param(state(up(0), up(1), up(2), suppressed=True), NOW, "", id="idle, and said so"),
        pytest.param(state(up(0)), NOW, "revive", id="new work"),
        pytest.param(state(up(0), suppressed=True), NOW, "revive", id="new work after silence"),
        pytest.param(
            state(up(0), memory=Memory(wanted=frozenset({"node-1 anywhere"}), revived_at=NOW - 29)), NOW, "", id="old"
        ),
        pytest.param(
            state(up(0), memory=Memory(wanted=frozenset({"node-1 anywhere"}), revived_at=NOW - 30)),
            NOW,
            "revive",
            id="lost",
        ),
        pytest.param(
            state(up(0), memory=Memory(wanted=frozenset({"node-1 anywhere"}), revived_at=NOW - 59, revivals=1)),
            NOW,
            "",
            id="lost twice",
        ),
        pytest.param(
            state(up(0), memory=Memory(wanted=frozenset({"node-1 anywhere"}), revived_at=NOW - 99, heard_at=NOW - 98)),
            NOW,
            "",
            id="heard",
        ),
        pytest.param(state(up(0), memory=Memory(revived_at=NOW - 0.5)), NOW, "", id="not twice in a second"),
        pytest.param(state(node(0, TaskState.STAGING)), NOW, "suppress", id="work that needs no offers"),
        pytest.param(
            state(up(0), up(1), reconciliation=Reconciliation(frozenset({"node-0"}), started=True)),
            NOW,
            "",
            id="unreconciled",
        ),
        pytest.param(state(down(0, TaskState.UNREACHABLE)), NOW, "revive", id="offers could tell of it"),
    ],
)
def test_suppress_and_revive(found: ClusterState, now: float, calls: str) -> None:
    decision, after = run(found, now=now)
    assert ("suppress" if decision.suppress else "revive" if decision.revive else "") == calls
    assert after.suppressed == (calls == "suppress" or (found.suppressed and calls != "revive"))


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
        (down(0), 9, False),
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
    decision, _ = run(found, held_offer(7, "old", "v-old", made))
    assert operations(decision) == expected
    assert decision.records == ()


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
