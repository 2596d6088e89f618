"""What one cycle decides."""

from __future__ import annotations

from dataclasses import replace

import pytest

from scheduler.core.cycle.decision import Decision
from scheduler.core.decide import decide
from scheduler.core.mesos.offer import Offer
from scheduler.core.state.cluster import ClusterState, Memory, Need, NeedKind, Reconciliation
from scheduler.core.state.configuration import PlanRecord
from scheduler.core.state.node import Failures, Reservation, TaskState
from tests.unit.scheduler.core.samples import Ids, down, held_offer, node, offer, own, spec, state, up

NOW = 110.0
QUIET = Memory(implicit_at=1e9)


def run(found: ClusterState, *offers: Offer, now: float = NOW) -> tuple[Decision, ClusterState]:
    return decide(found, offers, now, Ids())


def launched(decision: Decision) -> list[str]:
    return [accept.node for accept in decision.accepts]


def test_without_a_subscription_nothing_is_decided() -> None:
    found = state(down(0), registered=False)
    assert run(found, own(0)) == (Decision(), found)


# --- deploy and recovery


NODE_1 = Need(NeedKind.PLACEMENT, "node-1")


@pytest.mark.parametrize(
    ("found", "offers", "expected"),
    [
        pytest.param(state(), [offer(0), offer(1)], ["node-0"], id="the first node"),
        pytest.param(state(up(0)), [offer(1), offer(2)], ["node-1", "node-2"], id="the next two, with one member"),
        pytest.param(state(up(0)), [offer(1)], ["node-1"], id="the next one, without an offer for another"),
        pytest.param(state(up(0), up(1), wanted=spec(5)), [offer(2), offer(3)], ["node-2"], id="the next one, alone"),
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
            state(down(0), up(1), reconciliation=Reconciliation(frozenset({"node-1"}), started=True, next_at=1e9)),
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
        assert after.nodes[name] != found.nodes.get(name), "what is launched is stored first"


def test_the_rack_with_the_fewest_nodes_is_chosen_then_the_first_host() -> None:
    found = state(up(0), wanted=spec(2, seeds=1))
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
        pytest.param(state(up(0), memory=Memory(wanted=frozenset({NODE_1}), revived_at=NOW - 29)), NOW, "", id="old"),
        pytest.param(
            state(up(0), memory=Memory(wanted=frozenset({NODE_1}), revived_at=NOW - 30)),
            NOW,
            "revive",
            id="lost",
        ),
        pytest.param(
            state(up(0), memory=Memory(wanted=frozenset({NODE_1}), revived_at=NOW - 59, revivals=1)),
            NOW,
            "",
            id="lost twice",
        ),
        pytest.param(
            state(up(0), memory=Memory(wanted=frozenset({NODE_1}), revived_at=NOW - 99, heard_at=NOW - 98)),
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


def test_a_launch_leaves_nothing_wanted() -> None:
    decision, after = run(state(up(0), wanted=spec(2)), offer(1))
    assert launched(decision) == ["node-1"]
    assert (decision.suppress, decision.revive, after.memory.wanted) == (True, False, frozenset())


def test_offers_that_do_not_fit_still_show_that_the_revive_was_heard() -> None:
    _, found = run(state(up(0)))
    _, found = run(found, offer(1, resources=[]), now=NOW + 5)
    assert not run(found, now=NOW + 599)[0].revive
    assert run(found, now=NOW + 600)[0].revive
