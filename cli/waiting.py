"""Waiting for plans, operations and nodes: what was reached, and what to tell the operator meanwhile."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from cli.errors import ExitCode, Failure
from cli.progress import Progress
from cli.reasons import brief
from cli.rest import segment
from cli.session import Session
from cli.wording import as_options

POLL_SECONDS = 2.0
# After this time without an answer the wait ends, unless --timeout is shorter.
PATIENCE_SECONDS = 120.0
# Reasons of steps that only an operator's command ends.
HELD = ("INTERRUPTED", "CANARY", "PAUSED", "PLAIN_CLIENTS", "UNCERTIFIED_CLIENTS", "REFUSED_CLIENTS")
_ENDED = {"COMPLETE": ExitCode.DONE, "STOPPED": ExitCode.FAILED, "DIFFERENT": ExitCode.FAILED}
# What ends the wait for a stop.
_OF_STOP = {"COMPLETE": ExitCode.DONE, "STOPPED": ExitCode.DONE, "DIFFERENT": ExitCode.ENDED_IN_ERROR}


@dataclass(frozen=True)
class Reached:
    """The state of the watched work: lines for people, and the exit code once the wait is over."""

    lines: Sequence[str]
    code: ExitCode | None = None
    message: str = ""


def operation_path(kind: str) -> str:
    """Return the path of a kind of operation: `/v1/backup/verify` for `backup-verify`."""
    if kind.startswith("backup-"):
        return f"/v1/backup/{segment(kind.removeprefix('backup-'))}"
    return f"/v1/{segment(kind)}"


def operation_state(document: Mapping[str, Any]) -> Reached:
    """Judge an operation by its status document."""
    state, message = document["state"], document.get("message") or ""
    lines = [_headline(document), *(_node_line(name, step) for name, step in document.get("nodes", {}).items())]
    if state in _ENDED:
        return Reached(lines, _ENDED[state], message or f"{document['kind']} is {state}")
    if state == "ERROR":
        return Reached(lines, ExitCode.ENDED_IN_ERROR, message)
    if state == "WAITING" and (document.get("interrupted") or _held(document.get("nodes", {}).values())):
        return Reached(lines, ExitCode.WAITS_FOR_OPERATOR, message)
    return Reached(lines)


def plan_state(name: str, document: Mapping[str, Any]) -> Reached:
    """Judge a plan by its document."""
    status = document["status"]
    steps = [step for phase in document["phases"] for step in phase["steps"] if step["status"] != "COMPLETE"]
    lines = [f"{name} {status}", *(f"{step['name']}  {step['status']}  {brief(step['message'])}" for step in steps)]
    message = next((brief(step["message"]) for step in steps), "")
    if status == "COMPLETE":
        return Reached(lines, ExitCode.DONE)
    if status == "ERROR":
        return Reached(lines, ExitCode.ENDED_IN_ERROR, "; ".join(document["errors"]) or message)
    if status == "WAITING" and (not steps or _held(steps)):
        return Reached(lines, ExitCode.WAITS_FOR_OPERATOR, message)
    return Reached(lines)


def wait(session: Session, read: Callable[[], Reached], timeout: float | None, again: str) -> ExitCode:
    """Read until the work has ended, and return its exit code. Errors of the connection are borne for a while.

    Args:
        session: The session, for the output.
        read: Reads the present state.
        timeout: The longest wait in seconds, None for no limit.
        again: The command that looks at the work again.

    Raises:
        Failure: The time is over, or the API refuses, or does not answer for PATIENCE_SECONDS.
    """
    began = answered = time.monotonic()
    try:
        with Progress(session.output) as progress:
            while True:
                try:
                    reached = read()
                    answered = time.monotonic()
                except Failure as failure:
                    if failure.code is not ExitCode.NOT_REACHABLE or time.monotonic() - answered > PATIENCE_SECONDS:
                        raise
                    reached = Reached([str(failure)])
                progress.show(reached.lines)
                if reached.code is not None:
                    return _end(session, reached)
                if timeout is not None and time.monotonic() - began >= timeout:
                    _leave("The time is over, but the work goes on.", again, ExitCode.TIMED_OUT)
                time.sleep(POLL_SECONDS if timeout is None else min(POLL_SECONDS, max(timeout / 10, 0.05)))
    except KeyboardInterrupt:
        _leave("The work goes on.", again, ExitCode.INTERRUPTED)


def wait_for_operation(session: Session, kind: str, identifier: str | None, timeout: float | None) -> ExitCode:
    """Wait for an operation; once another one of its kind has begun, this one must have ended.

    Raises:
        Failure: As of `wait`.
    """

    return wait(
        session, lambda: operation_state(read_operation(session, kind, identifier)), timeout, f"op watch {kind}"
    )


def wait_for_stop(session: Session, kind: str, identifier: str | None, timeout: float | None) -> ExitCode:
    """Wait until an operation is stopped, or was complete before; an operation that began later is another one.

    Raises:
        Failure: As of `wait`.
    """

    def read() -> Reached:
        document = read_operation(session, kind, identifier)
        return Reached(operation_state(document).lines, _OF_STOP.get(document["state"]))

    return wait(session, read, timeout, f"op watch {kind}")


def read_operation(session: Session, kind: str, identifier: str | None) -> Mapping[str, Any]:
    """Return an operation, which is among the ended ones once another one of its kind has begun.

    Args:
        session: The session, for the API.
        kind: The kind of the operation.
        identifier: The operation's id; None for the newest one.

    Raises:
        Failure: The API refused the request or is not reachable, or there is no such operation any more.
    """
    document: Mapping[str, Any] = session.client.get(f"{operation_path(kind)}/status")
    if identifier is None or document["id"] == identifier:
        return document
    past = session.client.get(f"{operation_path(kind)}/history")
    found = next((item for item in past if item["id"] == identifier), None)
    if found is None:
        raise Failure(f"There is no operation {identifier} of {kind} any more.", ExitCode.NOT_FOUND)
    return {**found, "nodes": {}}


def wait_for_plans(session: Session, plans: Sequence[str], timeout: float | None) -> ExitCode:
    """Wait until all plans are complete.

    Raises:
        Failure: As of `wait`.
    """
    return wait(session, lambda: read_plans(session, plans), timeout, f"plan status {plans[-1]} --watch")


def read_plans(session: Session, plans: Sequence[str]) -> Reached:
    """Return the first plan's state that is not complete, the last one's if all are."""
    reached = Reached([])
    for name in plans:
        reached = plan_state(name, session.client.get(f"/v1/plans/{segment(name)}"))
        if reached.code is not ExitCode.DONE:
            return reached
    return reached


def _leave(sentence: str, again: str, code: ExitCode) -> NoReturn:
    raise Failure(f"{sentence} Look at it again: cassandra-mesos {again}", code) from None


def _end(session: Session, reached: Reached) -> ExitCode:
    assert reached.code is not None
    if reached.code is ExitCode.DONE:
        if reached.message:
            session.output.say(as_options(reached.message))
        return reached.code
    raise Failure(as_options(reached.message) or "The work did not complete.", reached.code)


def _held(steps: Iterable[Mapping[str, Any]]) -> bool:
    return any(step.get("reason") in HELD for step in steps)


def _headline(document: Mapping[str, Any]) -> str:
    percent = document.get("percent")
    phase = (document.get("progress") or {}).get("phase")
    parts = [document["kind"], document["state"], "" if percent is None else f"{percent:.0f} %", phase or ""]
    return "  ".join(part for part in parts if part)


def _node_line(name: str, step: Mapping[str, Any]) -> str:
    from cli.units import format_bytes, format_duration

    progress = step.get("progress") or {}
    percent, rate, left = (progress.get(key) for key in ("percent", "rate", "seconds_left"))
    if step["state"] == "COMPLETE" or percent is None:
        return f"{name}  {step['phase']}  {step['state']}  {progress.get('waiting') or brief(step['message'])}"
    bar = "#" * int(percent / 5)
    parts = [name, step["phase"], f"[{bar:<20}] {percent:.0f} %"]
    parts += [f"{format_bytes(rate)}/s"] if rate else []
    parts += [f"{format_duration(left)} left"] if left else []
    return "  ".join([*parts, progress.get("waiting") or progress.get("doing") or ""]).rstrip()
