"""One real Cassandra with transitional authentication: who is let in, and the service's superusers."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from cassandra import Unauthorized
from cassandra.cluster import NoHostAvailable

from executor.jmx.logins import Watch
from executor.jobs import logins
from executor.jobs.context import JobError
from executor.key_spaces import SERVICE_ROLES
from executor.protocol import JobLaunch
from tests.feature.cassandra_ring import LAUNCH, RingNode, running_ring
from tests.feature.job_context import LocalContext
from tests.waiting import wait_for

pytestmark = pytest.mark.cassandra

ADDRESS = "127.0.47.2"
TRANSITIONAL = {
    "authenticator": "mesos.cassandra.TransitionalAuthenticator",
    "authorizer": "mesos.cassandra.TransitionalAuthorizer",
}
ONE = "WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}"
DEFAULT, SHOP = ("cassandra", "cassandra"), ("shop", "of-the-shop")
PASSWORDS = {name: secrets.token_urlsafe(32) for name in SERVICE_ROLES}


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RingNode]:
    """A node whose clients may log in."""
    launch = replace(LAUNCH, options={**LAUNCH.options, **TRANSITIONAL})
    with running_ring(tmp_path_factory.mktemp("ring"), [ADDRESS], launch) as ring:
        # Cassandra makes its default superuser ten seconds after its start.
        wait_for("the default superuser is made", lambda: _user(ring.nodes[0], DEFAULT) == DEFAULT[0], 60.0)
        yield ring.nodes[0]


def _user(node: RingNode, login: tuple[str, str]) -> str:
    """Return the user that a login becomes: anonymous if it is wrong."""
    with node.cql(login=login) as session, suppress(Unauthorized):
        session.execute("LIST ROLES")
        return login[0]
    return "anonymous"


def _context(node: RingNode, passwords: Mapping[str, str] = PASSWORDS, **parameters: Any) -> LocalContext:
    current, other = SERVICE_ROLES
    given = {
        "cassandra_username": current,
        "cassandra_password": passwords[current],
        "other_username": other,
        "other_password": passwords[other],
    }
    return LocalContext(JobLaunch("logins", "o1", "node-0", "t1", parameters), node.facts(), given_secrets=given)


def _watch(node: RingNode) -> tuple[list[str], list[str]]:
    found = Watch(node.launch.options).read(node.jolokia)
    assert found is not None
    return list(found.silent), list(found.refused)


def test_a_wrong_login_is_anonymous_until_its_role_is_made(node: RingNode) -> None:
    with node.cql(login=SHOP) as shop:
        shop.execute(f"CREATE KEYSPACE IF NOT EXISTS shop {ONE}")
        assert _user(node, SHOP) == "anonymous"
        silent, refused = _watch(node)
        assert silent == []
        assert [words for words in refused if "as shop" in words] == [refused[0]]
        assert "wrong user or password" in refused[0]
        with node.cql(login=DEFAULT) as admin:
            admin.execute("CREATE ROLE shop WITH PASSWORD = 'of-the-shop' AND LOGIN = true")
        wait_for("the login of shop counts as valid", lambda: _watch(node)[1] == [], 20.0)
    with node.cql(login=SHOP) as shop:
        assert _user(node, SHOP) == "shop"
        wait_for("shop has no permissions", lambda: "no permissions" in "".join(_watch(node)[1]), 20.0)
        with node.cql(login=DEFAULT) as admin:
            admin.execute("GRANT SELECT ON KEYSPACE shop TO shop")
        wait_for("shop has a permission", lambda: _watch(node)[1] == [], 20.0)


def test_the_superusers_are_made_and_the_default_one_cannot_log_in(node: RingNode) -> None:
    assert logins.logins_replication(_context(node, data_center="dc1", replicas=1)) == {
        "message": "replicas of system_auth in dc1: 1"
    }
    done = logins.logins_superusers(_context(node))
    assert done["message"].endswith("the role cassandra cannot log in any more")
    assert logins.logins_superusers(_context(node)) == done
    logins.logins_check(_context(node))
    assert _user(node, DEFAULT) == "anonymous"
    with node.cql(login=(SERVICE_ROLES[0], PASSWORDS[SERVICE_ROLES[0]])) as session:
        roles = {row.role: (row.super, row.login) for row in session.execute("LIST ROLES")}
    assert roles["cassandra"] == (False, False)
    assert roles[SERVICE_ROLES[0]] == roles[SERVICE_ROLES[1]] == (True, True)


def test_the_superuser_of_the_operator_is_made_and_gets_its_new_password(node: RingNode) -> None:
    for password in ("of-the-operator", "another-of-the-operator"):
        own = _context(node)
        own.given_secrets = {**own.given_secrets, "operator_username": "dba", "operator_password": password}
        logins.logins_password(own)
        with node.cql(login=("dba", password)) as session:
            assert {row.role: row.super for row in session.execute("LIST ROLES")}["dba"] is True


def test_a_password_changes_also_shortly_after_the_last_change(node: RingNode) -> None:
    for _ in range(2):
        again = {**PASSWORDS, SERVICE_ROLES[1]: secrets.token_urlsafe(32)}
        logins.logins_password(_context(node, again))
    logins.logins_check(_context(node, again))


def test_a_client_without_credentials_is_named_and_let_in_at_its_next_attempt(node: RingNode) -> None:
    with pytest.raises(NoHostAvailable, match="requires authentication"), node.cql():
        pass
    wait_for("the client is named", lambda: _watch(node)[0] != [], 20.0)
    assert _watch(node)[0] == ["127.0.0.1 (Apache Cassandra Python Driver)"]

    def enters() -> bool:
        with suppress(NoHostAvailable), node.cql() as session:
            session.execute("SELECT release_version FROM system.local")
            return True
        return False

    wait_for("the client is let in", enters, 20.0)


def test_a_login_that_the_node_refuses_fails_the_check(node: RingNode, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logins, "_ATTEMPTS", 1)
    with pytest.raises(JobError, match="does not accept mesos_service_2 as a superuser"):
        logins.logins_check(_context(node, {**PASSWORDS, SERVICE_ROLES[1]: "wrong"}))
