"""The stages of authentication and authorization, and what holds a node back from the next one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from scheduler.core.commands.apply import apply_command
from scheduler.core.commands.command import ForceComplete, Refusal, RefusalKind
from scheduler.core.configuration.differences import outdated
from scheduler.core.configuration.logins import Stage, join_block, stage_differences, stages
from scheduler.core.nodes.gates import gate_block, let_pass
from scheduler.core.state.cluster import ClusterState
from scheduler.core.state.logins import Login, LoginsRecord
from scheduler.core.state.node import NodeRecord, TaskState
from scheduler.core.state.reason import Code
from tests.unit.scheduler.core.samples import node, spec, state, up

OFF, HALF, ON = "off", "transitional", "on"
USERS = (
    Login("mesos_service_1", "sealed-1", "mesos_service_1"),
    Login("mesos_service_2", "sealed-2", "mesos_service_2"),
)
MADE = LoginsRecord(USERS, "mesos_service_1", made=True, replicas=3)


def member(index: int, authentication: str = OFF, authorization: str = OFF) -> NodeRecord:
    found = up(index)
    assert found.task is not None
    return replace(found, task=replace(found.task, authentication=authentication, authorization=authorization))


def cluster(
    *nodes: NodeRecord,
    wanted: tuple[str, str] = (ON, OFF),
    logins: LoginsRecord | None = MADE,
    silent: tuple[str, ...] | None = (),
    refused: tuple[str, ...] | None = (),
    options: dict[str, str] | None = None,
    ready: float = 60.0,
) -> ClusterState:
    """`ready`: for how many seconds the last of the nodes has been ready; the others have been so for a minute."""
    authentication, authorization = wanted
    base = spec(3).cassandra
    cassandra = replace(base, authentication=authentication, authorization=authorization, options=options or {})
    found = state(*nodes, wanted=replace(spec(3), cassandra=cassandra), logins=logins)
    sightings = {
        name: replace(one, status=replace(one.status, silent_clients=silent, refused_clients=refused))
        for name, one in found.sightings.items()
    }
    settling = {one.known_task.id: 0.0 for one in nodes} | {one.known_task.id: 60.0 - ready for one in nodes[-1:]}
    memory = replace(found.memory, at=60.0, settling=settling)
    return replace(found, sightings=sightings, memory=memory)


@pytest.mark.parametrize(
    ("wanted", "present", "following"),
    [
        pytest.param((ON, OFF), [(OFF, OFF)] * 3, [(HALF, OFF)] * 3, id="clients go on at first"),
        pytest.param((ON, OFF), [(HALF, OFF), (OFF, OFF)], [(HALF, OFF), (HALF, OFF)], id="not before all are"),
        pytest.param((ON, OFF), [(HALF, OFF)] * 3, [(ON, OFF)] * 3, id="then it is enforced"),
        pytest.param((ON, OFF), [(ON, OFF), (HALF, OFF)], [(ON, OFF), (ON, OFF)], id="one after another"),
        pytest.param((ON, OFF), [(ON, OFF), (OFF, OFF)], [(ON, OFF), (HALF, OFF)], id="turned round halfway"),
        pytest.param((ON, ON), [(OFF, OFF)] * 2, [(HALF, HALF)] * 2, id="both at once"),
        pytest.param((ON, ON), [(HALF, HALF)] * 2, [(ON, ON)] * 2, id="both enforced at once"),
        pytest.param((ON, ON), [(ON, OFF)] * 2, [(ON, HALF)] * 2, id="authorization later"),
        pytest.param((ON, ON), [(HALF, OFF)] * 2, [(ON, HALF)] * 2, id="authorization during the switch"),
        pytest.param((OFF, OFF), [(ON, ON), (HALF, OFF)], [(OFF, OFF)] * 2, id="the way back is direct"),
        pytest.param((ON, OFF), [(ON, ON)] * 2, [(ON, OFF)] * 2, id="authorization alone goes back"),
        pytest.param((OFF, OFF), [(OFF, OFF)] * 2, [(OFF, OFF)] * 2, id="nothing to do"),
    ],
)
def test_a_member_goes_to_its_next_stage(
    wanted: tuple[str, str], present: list[tuple[str, str]], following: list[tuple[str, str]]
) -> None:
    found = stages(cluster(*(member(index, *stage) for index, stage in enumerate(present)), wanted=wanted))
    names = [f"node-{index}" for index in range(len(present))]
    assert [found.next_of(name) for name in names] == [Stage(*stage) for stage in following]
    changes = [bool(stage_differences(found, name)) for name in names]
    assert changes == [one != other for one, other in zip(present, following, strict=True)]


@pytest.mark.parametrize(
    ("members", "expected"),
    [([], (ON, ON)), ([(ON, ON)], (ON, ON)), ([(HALF, HALF)], (HALF, HALF)), ([(OFF, OFF)], (HALF, HALF))],
)
def test_a_node_joins_with_the_stage_of_the_members(members: list[tuple[str, str]], expected: tuple[str, str]) -> None:
    joining = node(2, TaskState.FAILED)
    known = cluster(*(member(index, *stage) for index, stage in enumerate(members)), joining, wanted=(ON, ON))
    assert stages(known).next_of("node-2") == Stage(*expected)


def test_classes_of_the_operator_count_as_on() -> None:
    known = cluster(member(0), options={"authenticator": "org.apache.cassandra.auth.PasswordAuthenticator"})
    assert stages(known).members == {"node-0": Stage(ON, OFF)}
    unmanaged = cluster(member(0), options={"authenticator": "PasswordAuthenticator"}, wanted=(OFF, OFF))
    assert outdated(unmanaged) == {}


def test_a_stage_is_rendered_as_classes() -> None:
    assert Stage().options(spec(3)) == {}
    assert Stage(HALF, HALF).options(spec(3)) == {
        "authenticator": "mesos.cassandra.TransitionalAuthenticator",
        "authorizer": "mesos.cassandra.TransitionalAuthorizer",
    }
    found = {"authenticator": "PasswordAuthenticator", "authorizer": "CassandraAuthorizer"}
    assert Stage(ON, ON).options(spec(3)) == found


@pytest.mark.parametrize("word", ["optional", "required"])
def test_a_certificate_stands_for_a_user_where_authentication_is_on(word: str) -> None:
    base = replace(spec(3), service_name="folder/cassandra")
    asking = replace(base, cassandra=replace(base.cassandra, client_certificates=word))
    assert Stage(ON, OFF).options(asking) == {
        "authenticator": {
            "class_name": "mesos.cassandra.CertificateAuthenticator",
            "parameters": {"nodes": "spiffe://folder__cassandra/node-"},
        }
    }
    assert Stage(HALF, OFF).options(asking) == {"authenticator": "mesos.cassandra.TransitionalAuthenticator"}
    assert Stage().options(asking) == {}


def test_the_roll_out_says_what_changes() -> None:
    assert outdated(cluster(member(0), member(1, HALF))) == {
        "node-0": "settings changed: authentication off -> transitional"
    }


def block(known: ClusterState, name: str = "node-0") -> str:
    reason = gate_block(known, known.nodes[name])
    assert reason is None or reason.code in (Code.LOGINS, Code.REFUSED_CLIENTS)
    return "" if reason is None else reason.sentence


ENFORCED = (member(0, HALF), member(1, HALF))


@pytest.mark.parametrize(
    ("known", "words"),
    [
        pytest.param(cluster(*ENFORCED), "", id="all clients can log in"),
        pytest.param(
            cluster(*ENFORCED, logins=replace(MADE, made=False)),
            "waits for the plan authentication to make the superusers of the service",
            id="no superusers",
        ),
        pytest.param(
            cluster(*ENFORCED, refused=None), "waits for node-0 to report the clients that cannot log in", id="unknown"
        ),
        pytest.param(
            cluster(*ENFORCED, refused=("10.0.0.9 as shop (wrong user or password)",)),
            "waits for clients that would be refused: 10.0.0.9 as shop (wrong user or password) at node-0, 10.0.0.9 as "
            "shop (wrong user or password) at node-1; create their roles, correct them, or complete this step by force",
            id="wrong credentials",
        ),
        pytest.param(
            cluster(member(0), member(1, HALF), silent=("10.0.0.9 (cqlsh)",)),
            "waits for clients without credentials: 10.0.0.9 (cqlsh) at node-1; give them a user and a password, or "
            "complete this step by force",
            id="no credentials: the next node waits",
        ),
        pytest.param(cluster(member(0), member(1, HALF), refused=("10.0.0.9 as shop",)), "", id="roles can come later"),
        pytest.param(cluster(member(0), member(1), silent=None, refused=None), "", id="nothing is known at first"),
        pytest.param(
            cluster(*ENFORCED, ready=9.9),
            "waits some seconds, until the clients of node-1 have connected to it again",
            id="clients may not be back",
        ),
        pytest.param(cluster(*ENFORCED, ready=10.0), "", id="clients are back"),
        pytest.param(cluster(member(0), member(1), ready=1.0), "", id="no node is transitional yet"),
        pytest.param(
            cluster(member(0, ON), member(1, HALF), wanted=(OFF, OFF), silent=("10.0.0.9",)),
            "",
            id="never on the way back",
        ),
    ],
)
def test_clients_hold_a_node_back(known: ClusterState, words: str) -> None:
    assert block(known) == words


def test_a_client_has_one_short_line() -> None:
    """It chooses the name under which it tries to log in."""
    words = block(cluster(*ENFORCED, refused=("10.0.0.9 as shop\nnode-1 is down" + "x" * 100_000,)))
    assert words.startswith("waits for clients that would be refused: 10.0.0.9 as shop node-1 is downxxx")
    assert "xxx at node-0, 10.0.0.9 as shop" in words
    assert len(words) < 1000


def test_an_operator_can_accept_that_clients_are_refused_but_not_that_nobody_can_log_in() -> None:
    known = cluster(*ENFORCED, refused=("10.0.0.9 as shop",))
    command = ForceComplete("deploy", None, "node-0")
    forced = apply_command(known, command, 100.0)
    assert isinstance(forced, ClusterState)
    assert forced.plans["deploy"] == let_pass(known, "node-0")
    assert block(forced) == ""
    unmade = cluster(*ENFORCED, logins=replace(MADE, made=False))
    assert apply_command(unmade, command, 100.0) == Refusal(
        RefusalKind.CONFLICT,
        "The step of node-0 cannot be forced: it waits for the plan authentication to make the superusers of the "
        "service",
    )


def test_the_second_node_of_a_new_cluster_waits_for_the_superusers() -> None:
    unmade = replace(MADE, made=False)
    assert join_block(cluster(logins=unmade)) is None
    reason = join_block(cluster(member(0, ON), logins=unmade))
    assert reason is not None
    assert reason.sentence == "waits for the plan authentication to make the superusers of the service"
    assert join_block(cluster(member(0, ON))) is None
    assert join_block(cluster(member(0), logins=unmade)) is None, "a running cluster is switched later"
