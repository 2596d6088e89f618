"""The environment variables that the Mesos agent sets for an executor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from executor.number_text import parse_number

TOKEN = "MESOS_EXECUTOR_AUTHENTICATION_TOKEN"
_SSL = "LIBPROCESS_SSL_"
_UNITS = {
    "ns": 1e-9, "us": 1e-6, "ms": 1e-3, "secs": 1.0, "mins": 60.0, "hrs": 3600.0, "days": 86400.0, "weeks": 604800.0,
}  # fmt: skip


@dataclass(frozen=True)
class AgentTls:
    """The agent's LIBPROCESS_SSL_ variables for connections to itself; a file is empty if it is not given.

    Without `verify` the agent wants no check of its certificate. With `check_address` it must have the agent's address.
    """

    ca_file: str = ""
    ca_directory: str = ""
    certificate_file: str = ""
    key_file: str = ""
    verify: bool = True
    check_address: bool = False


class MesosEnvironmentError(ValueError):
    """A variable of the agent is missing or cannot be read; the text names it."""


@dataclass(frozen=True)
class MesosEnvironment:
    """The agent's variables. Times are in seconds, `agent` is `host:port`, `address` the node's IP address."""

    agent: str
    address: str
    sandbox: Path
    framework_id: str
    executor_id: str
    checkpoint: bool
    recovery_timeout: float
    backoff_max: float
    shutdown_grace: float
    token: str | None = field(default=None, repr=False)  # set if the agent authenticates executors
    tls: AgentTls | None = None


def parse(environ: Mapping[str, str]) -> MesosEnvironment:
    """Read the variables.

    Durations are Mesos', such as `15mins` or `2secs`.

    Raises:
        MesosEnvironmentError: A variable is missing or cannot be read.
    """
    agent = _required(environ, "MESOS_AGENT_ENDPOINT")
    return MesosEnvironment(
        agent=agent,
        address=environ.get("LIBPROCESS_IP") or agent.rpartition(":")[0],
        sandbox=Path(environ.get("MESOS_SANDBOX") or _required(environ, "MESOS_DIRECTORY")),
        framework_id=_required(environ, "MESOS_FRAMEWORK_ID"),
        executor_id=_required(environ, "MESOS_EXECUTOR_ID"),
        checkpoint=environ.get("MESOS_CHECKPOINT") == "1",
        recovery_timeout=_duration(environ, "MESOS_RECOVERY_TIMEOUT", "15mins"),
        backoff_max=_duration(environ, "MESOS_SUBSCRIPTION_BACKOFF_MAX", "2secs"),
        shutdown_grace=_duration(environ, "MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD", "5secs"),
        token=environ.get(TOKEN) or None,
        tls=_tls(environ),
    )


def _tls(environ: Mapping[str, str]) -> AgentTls | None:
    """Return how to connect to the agent; None without TLS. Mesos' own executors decide by the same variables."""
    if not _flag(environ, "ENABLED", False):
        return None
    return AgentTls(
        ca_file=environ.get(f"{_SSL}CA_FILE", ""),
        ca_directory=environ.get(f"{_SSL}CA_DIR", ""),
        certificate_file=environ.get(f"{_SSL}CERT_FILE", ""),
        key_file=environ.get(f"{_SSL}KEY_FILE", ""),
        verify=_flag(environ, "VERIFY_SERVER_CERT", _flag(environ, "VERIFY_CERT", True)),
        check_address=_flag(environ, "VERIFY_IPADD", False),
    )


def _flag(environ: Mapping[str, str], name: str, default: bool) -> bool:
    text = environ.get(f"{_SSL}{name}", "").lower()
    return text in ("1", "true") if text else default


def _required(environ: Mapping[str, str], name: str) -> str:
    value = environ.get(name)
    if not value:
        raise MesosEnvironmentError(f"{name} is not set: only a Mesos agent can start an executor")
    return value


def _duration(environ: Mapping[str, str], name: str, default: str) -> float:
    text = environ.get(name, default).strip()
    number = text.rstrip("abcdefghijklmnopqrstuvwxyz")
    try:
        return parse_number(number.rstrip()) * _UNITS[text[len(number) :]]
    except (ValueError, KeyError) as error:
        raise MesosEnvironmentError(f"{name}={text} is not a duration such as 15mins") from error
