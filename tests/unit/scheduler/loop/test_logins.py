"""The passwords of the service's users: made once, sealed, and given to jobs and questions."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bench import large
from executor.key_spaces import SERVICE_ROLES
from scheduler.core.commands.apply import apply_command
from scheduler.core.commands.command import StartOperation
from scheduler.core.state.cluster import ClusterState
from scheduler.core.state.codec import encode_record
from scheduler.core.state.operation import OperationRecord, OperationState
from scheduler.loop.logins import PASSWORD, completed, due_rotation, job_logins, with_logins
from scheduler.security.sealing import Sealer, SealError
from tests.unit.sealing_keys import new_key

SEALER = Sealer([new_key()])
FIRST, SECOND = SERVICE_ROLES


def cluster(authentication: str = "on") -> ClusterState:
    state = large.deployed(3)
    spec = state.target.spec
    cassandra = replace(spec.cassandra, authentication=authentication)
    return replace(state, target=replace(state.target, spec=replace(spec, cassandra=cassandra)))


def operation(kind: str, sealed: str = "") -> OperationRecord:
    return OperationRecord(kind, "o1", OperationState.RUNNING, ("node-0",), {"user": SECOND}, 1.0, "me", sealed=sealed)


def test_passwords_are_made_once_and_stored_sealed() -> None:
    state = with_logins(cluster(), SEALER)
    assert state.logins is not None
    assert with_logins(state, SEALER) is state
    found = job_logins(state, SEALER, operation("authentication"))
    assert (found["cassandra_username"], found["other_username"]) == (FIRST, SECOND)
    secrets = {found["cassandra_password"], found["other_password"]}
    assert [len(secret) for secret in secrets] == [43, 43]
    for text in (encode_record(state.logins).decode(), repr(state)):
        assert not any(secret in text for secret in secrets)
    again = job_logins(with_logins(cluster(), SEALER), SEALER)
    assert again["cassandra_password"] not in secrets


@pytest.mark.parametrize(("state", "sealer"), [(cluster("off"), SEALER), (cluster(), None)], ids=["off", "no key"])
def test_none_are_made_without_need_or_key(state: ClusterState, sealer: Sealer | None) -> None:
    assert with_logins(state, sealer).logins is None
    assert job_logins(state, sealer) == {}


def test_a_job_gets_the_current_user_alone() -> None:
    state = with_logins(cluster(), SEALER)
    assert set(job_logins(state, SEALER, operation("repair"))) == {"cassandra_username", "cassandra_password"}


def test_a_rotation_gets_its_new_password() -> None:
    state = with_logins(cluster(), SEALER)
    found = job_logins(state, SEALER, operation("rotation", SEALER.seal("o1", {PASSWORD: "the-new-one"})))
    assert (found["other_username"], found["other_password"]) == (SECOND, "the-new-one")
    assert found["cassandra_username"] == FIRST


def test_a_login_of_the_request_comes_first() -> None:
    state = with_logins(cluster(), SEALER)
    own = {"cassandra_username": "dba", "cassandra_password": "its-password"}
    assert completed(own, state, SEALER) == own
    found = completed({"s3_access_key": "a"}, state, SEALER)
    assert (found["s3_access_key"], found["cassandra_username"]) == ("a", FIRST)


def test_a_lost_key_is_a_problem_only_while_it_is_needed() -> None:
    state = with_logins(cluster(), SEALER)
    with pytest.raises(SealError, match="SECRETS_KEY_FILE"):
        job_logins(state, None)
    with pytest.raises(SealError, match="no key of SECRETS_KEY_FILE"):
        job_logins(state, Sealer([new_key()]))
    off = replace(state, target=cluster("off").target)
    assert job_logins(off, None) == {}


def test_a_key_that_is_lost_for_good_is_got_over_by_off_and_on(caplog: pytest.LogCaptureFixture) -> None:
    """The superusers are made again without a login, as on a cluster that had none."""
    made = with_logins(cluster(), SEALER)
    assert made.logins is not None
    made = replace(made, logins=replace(made.logins, made=True, replicas=3))
    other = Sealer([new_key()])
    assert with_logins(made, other) is made, "the file can be a wrong one"
    off = replace(made, target=cluster("off").target)
    assert with_logins(off, SEALER) is off
    assert with_logins(off, None) is off
    after = with_logins(off, other)
    assert after.logins is not None
    assert (after.logins.made, after.logins.replicas) == (False, 0)
    assert with_logins(after, other) is after
    assert len(caplog.records) == 1
    on_again = replace(after, target=made.target)
    assert set(job_logins(on_again, other)) == {"cassandra_username", "cassandra_password"}


NOW = 1_000_000_000.0
DAY = 86_400.0


def aged(days: float | None = 30, made: bool = True, changed_at: float | None = NOW - 31 * DAY) -> ClusterState:
    """Return a cluster whose users are made, with passwords of 31 days."""
    state = with_logins(cluster(), SEALER)
    assert state.logins is not None
    record = replace(state.logins, made=made, changed_at=changed_at)
    return replace(state, logins=record, policy=replace(state.policy, password_days=days))


def due(state: ClusterState, sealer: Sealer | None = SEALER) -> StartOperation | None:
    return due_rotation(state, sealer, NOW, lambda: "o9")


def stopped(at: float, how: OperationState = OperationState.STOPPED) -> OperationRecord:
    return replace(operation("rotation"), state=how, finished_at=at)


def test_old_passwords_are_rotated() -> None:
    state = aged()
    command = due(state)
    assert command is not None
    assert (command.plan, command.request, command.nodes) == ("rotation", {"user": SECOND}, tuple(state.nodes))
    assert len(SEALER.open("o9", command.sealed)[PASSWORD]) == 43
    after = apply_command(state, command, NOW)
    assert isinstance(after, ClusterState)
    assert due(after) is None, "it runs"


@pytest.mark.parametrize(
    ("state", "is_due"),
    [
        (aged(changed_at=None), True),
        (aged(days=32), False),
        (aged(days=None), False),
        (aged(made=False), False),
        (replace(aged(), operations={"repair": operation("repair")}), False),
        (replace(aged(), operations={"rotation": stopped(NOW - 3599)}), False),
        (replace(aged(), operations={"rotation": stopped(NOW - 3601)}), True),
        (replace(aged(), operations={"rotation": stopped(NOW + 10 * DAY)}), True),
        (replace(aged(), operations={"rotation": stopped(NOW - 1, OperationState.COMPLETE)}), True),
    ],
    ids=("unknown", "young", "off", "no users", "a repair", "stopped now", "stopped long ago", "the clock was set back",
         "complete"),
)  # fmt: skip
def test_when_passwords_are_rotated(state: ClusterState, is_due: bool) -> None:
    assert (due(state) is not None) == is_due


def test_passwords_stay_without_a_key_and_while_a_node_is_down() -> None:
    assert due(aged(), None) is None
    state = aged()
    name, node = next(iter(state.nodes.items()))
    lost = replace(node, task=None)
    assert due(replace(state, nodes={**state.nodes, name: lost})) is None


def test_no_rotation_begins_that_could_not_log_in() -> None:
    assert due(aged(), Sealer([new_key()])) is None
