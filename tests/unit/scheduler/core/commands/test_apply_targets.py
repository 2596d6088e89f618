"""Another target that an operator asks for, and what is kept of old ones."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from scheduler.core.commands.apply import apply_command
from scheduler.core.commands.command import Interrupt, Proceed, Refusal, RefusalKind, SetTarget
from scheduler.core.configuration.overrides import Wanted
from scheduler.core.configuration.target import KEPT, set_target
from scheduler.core.nodes.rollout import first_node, next_node
from scheduler.core.plans.build import build_plans
from scheduler.core.plans.plan import Status
from scheduler.core.state.cluster import ClusterState
from scheduler.core.state.configuration import Canary, Configuration, Override, Overrides, PlanRecord
from scheduler.core.state.node import Intent, IntentKind, Membership, NodeRecord
from scheduler.core.state.operation import OperationState
from scheduler.core.state.spec import ClusterSpec, Policy
from tests.unit.scheduler.core.samples import TARGET, down, operation, spec, state, up

GIVEN = {"CASSANDRA_HEAP_SIZE_MB": Override("300", "")}
BEFORE = state(up(0), up(1), up(2), configuration_errors=("not taken",))


def heap(size: int) -> ClusterSpec:
    return spec(3, cassandra=replace(spec().cassandra, heap_mb=size))


def ask(
    of: ClusterState, wanted: ClusterSpec, overrides: Overrides | None = None, policy: Policy | None = None, **more: Any
) -> SetTarget:
    """As the API computes it on this state."""
    made = Wanted(wanted, {"A": "1"}, of.overrides if overrides is None else overrides, policy or of.policy)
    return replace(SetTarget("c-2", made, of.target.id, of.overrides), **more)


def after(of: ClusterState, command: SetTarget) -> ClusterState:
    found = apply_command(of, command, 9.0)
    assert isinstance(found, ClusterState), found
    return found


def test_other_settings_are_the_target_and_what_was_before_is_known() -> None:
    found = after(BEFORE, ask(BEFORE, heap(300), GIVEN))
    assert found.target == Configuration("c-2", 9.0, heap(300), {"A": "1"})
    assert found.configurations == {TARGET: BEFORE.target, "c-2": found.target}
    assert (found.previous, found.overrides, found.configuration_errors) == (TARGET, GIVEN, ())
    assert found.plans == {}


def test_the_same_settings_change_nothing() -> None:
    quiet = replace(BEFORE, configuration_errors=())
    assert apply_command(quiet, ask(quiet, spec(3)), 9.0) is quiet


def test_settings_that_come_to_the_same_change_no_target() -> None:
    policy = Policy(replace_after_seconds=600.0)
    found = after(BEFORE, ask(BEFORE, spec(3), GIVEN, policy, canary=True))
    assert found == replace(BEFORE, overrides=GIVEN, policy=policy, configuration_errors=())


@pytest.mark.parametrize(
    ("command", "says"),
    [
        (ask(BEFORE, heap(300), base="other"), "Other settings were stored meanwhile"),
        (ask(BEFORE, heap(300), base_overrides=GIVEN), "Other settings were stored meanwhile"),
        (ask(BEFORE, spec(3, disk_mb=7)), "The configured disk size can not be changed"),
        (ask(BEFORE, spec(3, seeds=4)), "The number of configured seeds (4) is greater"),
    ],
)
def test_refused(command: SetTarget, says: str) -> None:
    refusal = apply_command(BEFORE, command, 9.0)
    assert isinstance(refusal, Refusal)
    assert refusal.kind is RefusalKind.CONFLICT
    assert says in refusal.message


def test_a_configuration_is_brought_back_as_itself_and_forth_again() -> None:
    there = after(BEFORE, ask(BEFORE, heap(300), GIVEN))
    back = after(there, ask(there, spec(3), {}, new_id="c-3", configuration=TARGET))
    assert (back.target, back.previous, back.overrides) == (BEFORE.target, "c-2", {})
    again = after(back, ask(back, heap(300), GIVEN, new_id="c-4", configuration="c-2"))
    assert (again.target, again.previous, again.overrides) == (there.target, TARGET, GIVEN)


def test_one_that_is_not_quite_the_same_any_more_is_a_new_one() -> None:
    there = after(BEFORE, ask(BEFORE, heap(300)))
    wanted = spec(3, executor=replace(spec().executor, command="./other"))
    found = after(there, ask(there, wanted, new_id="c-3", configuration=TARGET))
    assert (found.target.id, found.previous) == ("c-3", "c-2")


@pytest.mark.parametrize(
    ("wanted", "canary"),
    [(heap(300), Canary("c-2")), (spec(4), None), (spec(3, placement="hostname:UNIQUE"), None)],
    ids=["restarts", "more nodes", "no launch"],
)
def test_a_canary_is_stored_with_the_target_if_any_node_has_to_be_restarted(
    wanted: ClusterSpec, canary: Canary | None
) -> None:
    found = after(BEFORE, ask(BEFORE, wanted, canary=True))
    assert found.target.id == "c-2"
    assert found.plans.get("deploy", PlanRecord("deploy")).canary == canary
    assert found.previous == TARGET


@pytest.mark.parametrize("asked", [True, False])
def test_another_target_has_a_canary_of_its_own_or_none(asked: bool) -> None:
    there = after(BEFORE, ask(BEFORE, heap(300), canary=True))
    found = after(there, ask(there, heap(350), new_id="c-3", canary=asked))
    assert found.plans["deploy"].canary == (Canary("c-3") if asked else None)


def launched_with(name: str) -> NodeRecord:
    node = up(0, deployed=name)
    assert node.task is not None
    return replace(node, task=replace(node.task, configuration=name))


HELD = set_target(replace(BEFORE, configuration_errors=()), Configuration("c-2", 9.0, heap(300)), canary=True)
CHOSEN = replace(HELD, plans={"deploy": PlanRecord("deploy", canary=Canary("c-2", "node-0"))})
DONE = replace(CHOSEN, nodes={**CHOSEN.nodes, "node-0": launched_with("c-2")})


@pytest.mark.parametrize(
    ("of", "following"),
    [
        (BEFORE, None),
        (HELD, "node-0"),
        (replace(HELD, nodes={**HELD.nodes, "node-1": down(1)}), "node-1"),
        (CHOSEN, "node-0"),
        (replace(CHOSEN, nodes={**CHOSEN.nodes, "node-1": down(1)}), "node-0"),
        (DONE, None),
        (replace(DONE, plans={}), "node-1"),
    ],
    ids=["no roll-out", "first", "first is down", "chosen", "another is down", "done", "let go on"],
)
def test_beside_a_canary_no_node_is_next(of: ClusterState, following: str | None) -> None:
    node = next_node(of)
    assert (node.name if node is not None else None) == following


def test_what_is_under_way_is_the_first() -> None:
    intent = Intent(IntentKind.RESTART, 1.0, "node-2__a", begun_at=2.0, configuration="c-1")
    found = first_node(replace(HELD, nodes={**HELD.nodes, "node-2": up(2, intent=intent)}))
    assert found is not None
    assert found.name == "node-2"


def test_the_steps_say_that_an_operator_is_waited_for() -> None:
    plan = build_plans(DONE, 9.0)["deploy"]
    steps = plan.phases[-1].steps
    assert [step.status for step in steps] == [Status.COMPLETE, Status.WAITING, Status.WAITING]
    assert steps[1].reason == "CANARY"
    text = "waits for an operator: node-0 has the new settings; continue the plan deploy, or roll back"
    assert text in steps[1].message
    assert plan.status is Status.WAITING


@pytest.mark.parametrize(
    ("of", "reason"), [(DONE, "CANARY"), (HELD, "CANARY"), (replace(DONE, plans={}), "NO_OFFER")], ids=str
)
def test_a_new_node_waits_too(of: ClusterState, reason: str) -> None:
    wanted = replace(of, target=replace(of.target, spec=replace(of.target.spec, nodes=4)))
    assert build_plans(wanted, 9.0)["deploy"].phases[-1].steps[-1].reason == reason


def test_going_on_ends_an_interrupt_first_and_then_the_wait_for_the_canary() -> None:
    halted = apply_command(DONE, Interrupt("deploy"), 9.0)
    assert isinstance(halted, ClusterState)
    assert halted.plans["deploy"].canary == Canary("c-2", "node-0")
    freed = apply_command(halted, Proceed("deploy"), 9.0)
    assert isinstance(freed, ClusterState)
    assert freed.plans == DONE.plans
    gone_on = apply_command(freed, Proceed("deploy"), 9.0)
    assert isinstance(gone_on, ClusterState)
    assert gone_on.plans["deploy"].canary is None


def named(index: int, name: str) -> dict[str, NodeRecord]:
    """A node whose record names a configuration in each place where it may."""
    node = up(index)
    assert node.task is not None
    assert node.agent is not None
    assert node.reservation is not None
    was = Membership(node.agent, node.reservation, False, "r1", name, "h", "127.0.0.2")
    intent = Intent(IntentKind.RESTART, 1.0, node.task.id)
    return {
        "deployed": replace(node, deployed=name),
        "task": replace(node, task=replace(node.task, configuration=name)),
        "intent": replace(node, intent=replace(intent, configuration=name)),
        "previous": replace(node, intent=replace(intent, previous=was)),
    }


@pytest.mark.parametrize("place", ["deployed", "task", "intent", "previous"])
def test_old_configurations_go_but_for_the_newest_and_those_that_are_named(place: str) -> None:
    old = {f"o-{number}": Configuration(f"o-{number}", float(number), spec(3)) for number in range(KEPT + 5)}
    of = state(named(0, "o-2")[place], up(1), configurations={**old, TARGET: Configuration(TARGET, 0.0, spec(3))})
    found = set_target(of, Configuration("c-2", 99.0, heap(300)))
    kept = {f"o-{number}" for number in range(5, KEPT + 5)}
    assert set(found.configurations) == {"o-2", *kept, TARGET, "c-2"}


@pytest.mark.parametrize(
    ("nodes", "how", "serves_settings", "lapsed"),
    [
        (2, OperationState.RUNNING, True, False),
        (2, OperationState.COMPLETE, True, False),
        (2, OperationState.STOPPED, True, False),
        (3, OperationState.RUNNING, False, False),
        (3, OperationState.STOPPED, False, True),
    ],
)
def test_what_nodes_said_of_a_node_that_leaves_is_noted_once_it_changes(
    nodes: int, how: OperationState, serves_settings: bool, lapsed: bool
) -> None:
    leaving = replace(operation("decommission", how, principal="alice"), nodes=("node-2",))
    of = state(up(0), up(1), up(2), wanted=spec(nodes), operations={"decommission": leaving})
    found = set_target(of, Configuration("c-2", 99.0, spec(4))).operations["decommission"]
    assert (found.serves_settings, found.lapsed) == (serves_settings, lapsed)


@pytest.mark.parametrize(("nodes", "left"), [(2, False), (3, True)])
def test_a_node_that_was_let_go_is_not_kept_away_once_nodes_was_less(nodes: int, left: bool) -> None:
    of = state(up(0), up(1), NodeRecord(2, left=True), wanted=spec(nodes))
    assert set_target(of, Configuration("c-2", 99.0, spec(4))).nodes["node-2"].left is left
