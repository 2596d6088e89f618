"""What holds a change of transport encryption or of clients' certificates up, and which changes are refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from scheduler.core.commands.apply import apply_command
from scheduler.core.commands.command import ForceComplete, Refusal
from scheduler.core.configuration.target import refused_encryption
from scheduler.core.nodes.gates import gate_block, has_passed, let_pass, undecided
from scheduler.core.plans.nodes import deploy_plan
from scheduler.core.plans.plan import Status
from scheduler.core.state.cluster import ClusterState
from scheduler.core.state.configuration import Configuration
from scheduler.core.state.logins import LoginsRecord
from scheduler.core.state.spec import ClusterSpec
from tests.unit.scheduler.core.samples import down, spec, state, up


def encrypted(word: str) -> ClusterSpec:
    base = spec(3)
    return replace(base, cassandra=replace(base.cassandra, encryption=word))


def changing(before: str, after: str, **clients: tuple[str, ...] | None) -> ClusterState:
    """Three members with one encryption; the target has another. `clients` are those without TLS, by node."""
    found = state(up(0), up(1), up(2), wanted=encrypted(before))
    target = Configuration("configuration-2", 1.0, encrypted(after))
    sightings = {
        name: replace(seen, status=replace(seen.status, plain_clients=clients.get(name.replace("-", "_"), ())))
        for name, seen in found.sightings.items()
    }
    settling = {node.known_task.id: 0.0 for node in found.nodes.values()}
    return replace(
        found,
        target=target,
        configurations={**found.configurations, target.id: target},
        sightings=sightings,
        memory=replace(found.memory, at=100.0, settling=settling),
    )


@pytest.mark.parametrize(("before", "after"), [("off", "optional"), ("required", "optional"), ("optional", "off")])
def test_other_changes_wait_for_nobody(before: str, after: str) -> None:
    found = changing(before, after, node_1=("10.0.0.9",))
    assert gate_block(found, found.nodes["node-0"]) is None


def test_required_waits_for_clients_in_plain_text_and_names_them() -> None:
    found = changing("optional", "required", node_1=("10.0.0.8", "10.0.0.9"), node_2=None)
    reason = gate_block(found, found.nodes["node-0"])
    assert reason is not None
    assert reason.code == "PLAIN_CLIENTS"
    assert "node-1 serves 10.0.0.8, 10.0.0.9; let them use TLS, or complete this step by force" in reason.sentence
    step = deploy_plan(found, 100.0).phases[2].steps[0]
    assert (step.status, step.reason) == (Status.WAITING, "PLAIN_CLIENTS")


def test_required_waits_until_all_have_counted() -> None:
    found = changing("optional", "required", node_2=None)
    reason = gate_block(found, found.nodes["node-0"])
    assert reason is not None
    assert "waits for node-2 to tell which clients use no TLS" in reason.sentence


def test_required_goes_on_without_such_clients() -> None:
    found = changing("optional", "required")
    assert gate_block(found, found.nodes["node-0"]) is None
    # A node that is down has no clients.
    lost = replace(found, nodes={**found.nodes, "node-2": down(2)})
    assert gate_block(lost, lost.nodes["node-0"]) is None


def test_force_lets_one_node_pass_for_this_target() -> None:
    found = changing("optional", "required", node_0=("10.0.0.9",), node_1=("10.0.0.9",))
    after = apply_command(found, ForceComplete("deploy", "Deploy", "node-0"), 100.0)
    assert not isinstance(after, Refusal)
    assert not after.nodes["node-0"].forced
    assert gate_block(after, after.nodes["node-0"]) is None
    assert gate_block(after, after.nodes["node-1"]) is not None
    other = replace(after, target=replace(after.target, id="configuration-3"))
    assert not has_passed(other, "node-0")


@pytest.mark.parametrize(
    ("before", "after", "refused"),
    [
        ("off", "required", True),
        ("required", "off", True),
        ("off", "optional", False),
        ("optional", "required", False),
        ("required", "optional", False),
        ("optional", "off", False),
        ("required", "required", False),
    ],
)
def test_off_and_required_exclude_each_other(before: str, after: str, refused: bool) -> None:
    found = state(up(0), up(1), wanted=encrypted(before))
    words = refused_encryption(found.nodes.values(), found.configurations, encrypted(after))
    assert bool(words) == refused
    if words:
        assert f"can not be changed to {after} while node-0, node-1 run with {before}" in words[0]
        assert "Change it to optional first" in words[0]


def test_a_new_cluster_can_require_tls_at_once() -> None:
    assert refused_encryption([], {}, encrypted("required")) == ()


def test_the_change_to_optional_must_be_rolled_out_before_the_next() -> None:
    found = changing("off", "optional")
    words = refused_encryption(found.nodes.values(), found.configurations, encrypted("required"))
    assert "while node-0, node-1, node-2 run with off" in words[0]


@pytest.mark.parametrize(("waited", "blocked"), [(0.0, True), (5.0, True), (6.0, False)])
def test_the_next_node_waits_until_peers_have_found_the_new_encryption(waited: float, blocked: bool) -> None:
    found = changing("optional", "off")
    first = found.nodes["node-0"]
    assert first.task is not None
    begun = replace(first, task=replace(first.task, configuration="configuration-2"), deployed="configuration-2")
    settling = {**found.memory.settling, begun.known_task.id: 100.0}
    memory = replace(found.memory, at=100.0 + waited, settling=settling)
    found = replace(found, nodes={**found.nodes, "node-0": begun}, memory=memory)
    reason = gate_block(found, found.nodes["node-1"])
    assert (reason is not None) == blocked
    if reason is not None:
        assert "until the peers of node-0 have found which encryption it has now" in reason.sentence


def asking(word: str) -> ClusterSpec:
    base = encrypted("required")
    return replace(base, cassandra=replace(base.cassandra, authentication="on", client_certificates=word))


def certifying(before: str, after: str, **clients: tuple[str, ...] | None) -> ClusterState:
    """Three members, of which one word tells who needs certificates; `clients` are those without one, by node."""
    found = changing("required", "required")
    old, new = (Configuration(name, 1.0, asking(word)) for name, word in (("configuration-1", before), ("new", after)))
    sightings = {
        name: replace(seen, status=replace(seen.status, uncertified_clients=clients.get(name.replace("-", "_"), ())))
        for name, seen in found.sightings.items()
    }
    nodes = {
        name: replace(node, task=replace(node.known_task, configuration=old.id, authentication="on"))
        for name, node in found.nodes.items()
    }
    known = {old.id: old, new.id: new}
    logins = LoginsRecord((), "", made=True, replicas=3)
    return replace(found, target=new, configurations=known, sightings=sightings, nodes=nodes, logins=logins)


@pytest.mark.parametrize(
    ("before", "after", "clients", "says"),
    [
        ("off", "optional", {"node_1": ("10.0.0.9",)}, None),
        ("required", "optional", {"node_1": ("10.0.0.9",)}, None),
        ("optional", "off", {"node_1": ("10.0.0.9",)}, None),
        ("optional", "required", {}, None),
        (
            "optional",
            "required",
            {"node_1": ("10.0.0.8", "10.0.0.9"), "node_2": None},
            "clients present no certificate, which would be refused: node-1 serves 10.0.0.8, 10.0.0.9; give them",
        ),
        ("optional", "required", {"node_2": None}, "waits for node-2 to report which clients present no certificate"),
    ],
)
def test_certificates_are_required_once_all_clients_have_one(
    before: str, after: str, clients: dict[str, tuple[str, ...] | None], says: str | None
) -> None:
    found = certifying(before, after, **clients)
    reason = gate_block(found, found.nodes["node-0"])
    assert (reason is None) == (says is None)
    if reason is not None and says is not None:
        assert reason.code == "UNCERTIFIED_CLIENTS"
        assert says in reason.sentence
        passed = replace(found, plans={**found.plans, "deploy": let_pass(found, "node-0")})
        assert gate_block(passed, passed.nodes["node-0"]) is None
    assert len(list(undecided(found))) == (3 if (before, after) == ("optional", "required") else 0)


@pytest.mark.parametrize("change", [changing, certifying])
@pytest.mark.parametrize(("waited", "blocked"), [(9.9, True), (10.0, False)])
def test_clients_have_connected_again_before_none_is_known(
    change: Callable[[str, str], ClusterState], waited: float, blocked: bool
) -> None:
    found = change("optional", "required")
    settling = {**found.memory.settling, found.nodes["node-1"].known_task.id: found.memory.at - waited}
    found = replace(found, memory=replace(found.memory, settling=settling))
    reason = gate_block(found, found.nodes["node-0"])
    assert (reason is not None) == blocked
    if reason is not None:
        assert "until the clients of node-1 have connected to it again" in reason.sentence


@pytest.mark.parametrize(
    ("before", "after", "refused"),
    [
        ("off", "required", True),
        ("off", "optional", False),
        ("optional", "required", False),
        ("required", "off", False),
    ],
)
def test_certificates_can_be_required_only_where_they_were_optional(before: str, after: str, refused: bool) -> None:
    found = certifying(before, after)
    words = refused_encryption(found.nodes.values(), found.configurations, asking(after))
    assert bool(words) == refused
    if words:
        assert "can not be changed to required while node-0, node-1, node-2 run with off" in words[0]
        assert "Change it to optional first" in words[0]
    assert refused_encryption([], {}, asking(after)) == ()
