"""The passwords of the service's users: made once, sealed, and given to jobs and questions."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bench import large
from executor.protocol import SERVICE_ROLES
from scheduler.core.state.cluster import ClusterState
from scheduler.core.state.codec import encode_record
from scheduler.core.state.operation import OperationRecord, OperationState
from scheduler.loop.logins import PASSWORD, completed, job_logins, with_logins
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
