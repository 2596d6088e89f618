from __future__ import annotations

from pathlib import Path

import pytest

from executor.agent.environment import AgentTls, MesosEnvironmentError, parse
from executor.agent.tls import make_peer
from executor.mesos_http import TlsError

ENVIRON = {
    "MESOS_AGENT_ENDPOINT": "127.0.0.2:5051",
    "MESOS_FRAMEWORK_ID": "f",
    "MESOS_EXECUTOR_ID": "e",
    "MESOS_SANDBOX": "/sandbox",
    "MESOS_CHECKPOINT": "1",
    "MESOS_RECOVERY_TIMEOUT": "15mins",
    "MESOS_SUBSCRIPTION_BACKOFF_MAX": "2secs",
    "MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD": "500ms",
    "LIBPROCESS_IP": "127.0.2.1",
}


def test_everything_given() -> None:
    found = parse(ENVIRON)
    assert (found.address, found.sandbox, found.checkpoint) == ("127.0.2.1", Path("/sandbox"), True)
    assert (found.recovery_timeout, found.backoff_max, found.shutdown_grace) == (900.0, 2.0, 0.5)


def test_what_an_agent_may_leave_out() -> None:
    left = {"MESOS_AGENT_ENDPOINT", "MESOS_FRAMEWORK_ID", "MESOS_EXECUTOR_ID"}
    found = parse({**{name: ENVIRON[name] for name in left}, "MESOS_DIRECTORY": "/d"})
    assert (found.address, found.sandbox, found.checkpoint) == ("127.0.0.2", Path("/d"), False)
    assert (found.recovery_timeout, found.shutdown_grace) == (900.0, 5.0)


def test_a_token_is_read_and_not_shown() -> None:
    found = parse({**ENVIRON, "MESOS_EXECUTOR_AUTHENTICATION_TOKEN": "a.b.c"})
    assert (found.token, "a.b.c" in repr(found), parse(ENVIRON).token) == ("a.b.c", False, None)


def test_checkpoint_zero_is_no_checkpoint() -> None:
    assert parse({**ENVIRON, "MESOS_CHECKPOINT": "0"}).checkpoint is False


@pytest.mark.parametrize("name", ["MESOS_AGENT_ENDPOINT", "MESOS_FRAMEWORK_ID", "MESOS_EXECUTOR_ID"])
def test_a_missing_variable_is_named(name: str) -> None:
    with pytest.raises(MesosEnvironmentError, match=name):
        parse({key: value for key, value in ENVIRON.items() if key != name})


@pytest.mark.parametrize(
    "text", ["", "15", "mins", "15 parsecs", "x15mins", "1_5mins", "١٥mins", "1e400secs", "nansecs"]
)
def test_a_bad_duration_is_named(text: str) -> None:
    with pytest.raises(MesosEnvironmentError, match="MESOS_RECOVERY_TIMEOUT"):
        parse({**ENVIRON, "MESOS_RECOVERY_TIMEOUT": text})


SSL = "LIBPROCESS_SSL_"


@pytest.mark.parametrize(
    ("variables", "tls"),
    [
        ({}, None),
        ({"ENABLED": "false", "CA_FILE": "/ca"}, None),
        ({"ENABLED": "1"}, AgentTls()),
        ({"ENABLED": "true", "CA_FILE": "/ca", "VERIFY_IPADD": "true"}, AgentTls("/ca", check_address=True)),
        ({"ENABLED": "TRUE", "VERIFY_CERT": "false"}, AgentTls(verify=False)),
        ({"ENABLED": "true", "VERIFY_CERT": "false", "VERIFY_SERVER_CERT": "true"}, AgentTls()),
        ({"ENABLED": "true", "CERT_FILE": "/c", "KEY_FILE": "/k"}, AgentTls(certificate_file="/c", key_file="/k")),
    ],
)
def test_tls_is_as_the_agents_variables_have_it(variables: dict[str, str], tls: AgentTls | None) -> None:
    assert parse(ENVIRON | {f"{SSL}{name}": value for name, value in variables.items()}).tls == tls


def test_files_of_tls_that_cannot_be_used_are_an_error_of_tls(tmp_path: Path) -> None:
    environment = parse(ENVIRON | {f"{SSL}ENABLED": "true", f"{SSL}CA_FILE": str(tmp_path / "missing")})
    with pytest.raises(TlsError, match="LIBPROCESS_SSL_"):
        make_peer(environment)
    assert make_peer(parse(ENVIRON)) is None
