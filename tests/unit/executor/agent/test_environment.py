from __future__ import annotations

from pathlib import Path

import pytest

from executor.agent.environment import MesosEnvironmentError, parse

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


@pytest.mark.parametrize("text", ["", "15", "mins", "15 parsecs", "x15mins"])
def test_a_bad_duration_is_named(text: str) -> None:
    with pytest.raises(MesosEnvironmentError, match="MESOS_RECOVERY_TIMEOUT"):
        parse({**ENVIRON, "MESOS_RECOVERY_TIMEOUT": text})
