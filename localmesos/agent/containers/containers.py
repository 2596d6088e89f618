"""Containers: an executor's sandbox, environment and process."""

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from localmesos.agent.containers.checkpoint import safe_component
from localmesos.agent.containers.processes import Identity, identify
from localmesos.protocol.durations import format_duration
from localmesos.protocol.executor_tokens import ENVIRONMENT as TOKEN
from localmesos.protocol.executor_tokens import make_token

Json = dict[str, Any]

_DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class LaunchError(Exception):
    """A process that could not be started; the text is for the framework."""


@dataclass(frozen=True)
class AgentPlace:
    """The facts on its agent for a container. Times are in seconds; `token_key` if executors are authenticated.

    `environment` are variables that the agent gives to all executors.
    """

    agent_id: str
    ip: str
    port: int
    work_dir: Path
    recovery_timeout: float
    reregistration_timeout: float
    shutdown_grace_period: float
    token_key: bytes | None = None
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Container:
    """One run of an executor. ``checkpoint``: the framework wants its executors to outlive the agent."""

    framework_id: str
    executor_info: Json
    container_id: str
    directory: Path
    checkpoint: bool


def executors_path(place: AgentPlace, framework_id: str) -> Path:
    """Return the directory of all executors of a framework on this agent."""
    slaves = place.work_dir / "slaves" / place.agent_id
    return slaves / "frameworks" / safe_component(framework_id) / "executors"


def create_sandbox(place: AgentPlace, framework_id: str, executor_id: str, container_id: str) -> Path:
    """Create the sandbox of a new run, and point ``latest`` at it."""
    runs = executors_path(place, framework_id) / safe_component(executor_id) / "runs"
    sandbox = runs / container_id
    sandbox.mkdir(parents=True)
    scratch = runs / "latest.tmp"
    scratch.unlink(missing_ok=True)
    scratch.symlink_to(container_id)
    scratch.replace(runs / "latest")
    return sandbox


def shutdown_grace(executor_info: Json, default: float) -> float:
    """Return the seconds between SHUTDOWN and SIGKILL of this executor."""
    period = executor_info.get("shutdown_grace_period")
    return default if period is None else period["nanoseconds"] / 1e9


def inherited_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the agent's environment without its own MESOS_ and LIBPROCESS_ settings."""
    return {k: v for k, v in environ.items() if not k.startswith(("MESOS_", "LIBPROCESS_"))}


def executor_environment(place: AgentPlace, container: Container, inherited: Mapping[str, str]) -> dict[str, str]:
    """Return the executor's environment; its CommandInfo's variables override inherited ones, never the agent's own."""
    info, sandbox = container.executor_info, str(container.directory)
    variables = info["command"].get("environment", {}).get("variables", [])
    grace = shutdown_grace(info, place.shutdown_grace_period)
    environment = {"PATH": _DEFAULT_PATH, **inherited, **place.environment}
    environment.update({v["name"]: v.get("value", "") for v in variables})
    environment.update(
        LIBPROCESS_IP=place.ip,
        LIBPROCESS_PORT="0",
        MESOS_AGENT_ENDPOINT=f"{place.ip}:{place.port}",
        MESOS_CHECKPOINT="1" if container.checkpoint else "0",
        MESOS_DIRECTORY=sandbox,
        MESOS_EXECUTOR_ID=info["executor_id"]["value"],
        MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD=format_duration(grace),
        MESOS_FRAMEWORK_ID=container.framework_id,
        MESOS_HTTP_COMMAND_EXECUTOR="0",
        MESOS_SANDBOX=sandbox,
        MESOS_SLAVE_ID=place.agent_id,
        MESOS_SLAVE_PID=f"slave(1)@{place.ip}:{place.port}",
    )
    if place.token_key is not None:
        executor_id = info["executor_id"]["value"]
        token = make_token(place.token_key, container.framework_id, executor_id, container.container_id)
        environment[TOKEN] = token
    if container.checkpoint:
        environment["MESOS_RECOVERY_TIMEOUT"] = format_duration(place.recovery_timeout)
        environment["MESOS_SUBSCRIPTION_BACKOFF_MAX"] = format_duration(place.reregistration_timeout)
    return environment


def command_line(command: Json) -> tuple[str, list[str]]:
    """Return program and argument list (its name first) of a CommandInfo."""
    value = command.get("value")
    if command.get("shell", True):
        if value is None:
            raise LaunchError("Shell command is not specified")
        return "/bin/sh", ["sh", "-c", value]
    if value is None:
        raise LaunchError("Executable path is not specified")
    return value, list(command.get("arguments") or [value])


def launch(place: AgentPlace, container: Container) -> tuple[subprocess.Popen[bytes], Identity]:
    """Start the executor in a session of its own, output to ``stdout`` and ``stderr`` in the sandbox."""
    if "command" not in container.executor_info:
        raise LaunchError("only executors with a command can be run, not the default executor")
    program, arguments = command_line(container.executor_info["command"])
    environment = executor_environment(place, container, inherited_environment(os.environ))
    sandbox = container.directory
    with (sandbox / "stdout").open("ab") as stdout, (sandbox / "stderr").open("ab") as stderr:
        try:
            child = subprocess.Popen(
                arguments,
                executable=program,
                cwd=sandbox,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            raise LaunchError(f"Failed to execute '{program}': {error}") from error
    return child, identify(child.pid)


def log_to_sandbox(sandbox: Path, line: str) -> None:
    """Add a line to the sandbox's stderr, as the Mesos fetcher does."""
    with (sandbox / "stderr").open("a") as stream:
        stream.write(line + "\n")
