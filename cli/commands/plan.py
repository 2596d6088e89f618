"""`plan`: show plans, hold and continue them, and retry or complete their steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import click

from cli import output
from cli.errors import ExitCode, Failure
from cli.options import wait_options
from cli.reasons import brief
from cli.rest import segment
from cli.session import Session, group, pass_session
from cli.tables import Column, Kind, Table, clean, columns
from cli.units import format_duration, parse_time
from cli.waiting import wait_for_plans
from cli.watching import repeat, watch_option

Json = Mapping[str, Any]

_ALIASES = {
    "show": "status",
    "pause": "interrupt",
    "resume": "continue",
    "proceed": "continue",
    "force-restart": "restart",
    "force": "force-complete",
}
_STOPPED = "STOPPED"
_OF_NODES = ("deploy", "recovery")
_STEPS = columns(
    Column("Plan", spare=True),
    Column("Phase", spare=True),
    "Step",
    "Status",
    "Reason",
    "Message",
    Column("Since", Kind.TIME),
)


@group("plan", _ALIASES)
def plan() -> None:
    """Show and command the plans: deploy, recovery, and those of operations."""


@plan.command("list")
@pass_session
def list_plans(session: Session) -> None:
    """List the plans."""
    names = session.client.get("/v1/plans")
    if session.output.format in ("json", "yaml", "name"):
        return session.output.show(names, Table(columns("Name"), [(name,) for name in names]))
    plans = session.client.get("/v1/health")["plans"]
    session.output.show(names, Table(columns("Name", "Status"), [(name, plans.get(name)) for name in names]))
    return session.output.suggest("plan status deploy")


@plan.command("status")
@click.argument("name", default="deploy", metavar="[PLAN]")
@watch_option
@pass_session
def status(session: Session, name: str, watch: float | None) -> int:
    """Show a plan (deploy) with its phases and steps, and the reason of each."""

    def show() -> int:
        document = session.client.get(f"/v1/plans/{segment(name)}")
        if session.output.for_people:
            lines = tree(name, document, output.present_time())
            session.output.show(document, head=lines)
        else:
            session.output.show(document, steps_table(name, document))
        return ExitCode.DONE

    return repeat(session, watch, show)


@plan.command("interrupt")
@click.argument("name", metavar="PLAN")
@click.argument("phase", required=False, default="")
@pass_session
def interrupt(session: Session, name: str, phase: str) -> None:
    """Begin no other step of a plan; those that run go on."""
    _whole(phase)
    _send(session, name, "interrupt")


@plan.command("continue")
@click.argument("name", metavar="PLAN")
@click.argument("phase", required=False, default="")
@wait_options
@pass_session
def proceed(session: Session, name: str, phase: str, waits: bool, timeout: float | None) -> int:
    """End an interrupt, or roll settings out behind a canary."""
    _whole(phase)
    return _send(session, name, "continue", (), waits, timeout)


@plan.command("restart")
@click.argument("name", metavar="PLAN")
@click.argument("step", nargs=-1, required=True, metavar="[PHASE] STEP")
@wait_options
@pass_session
def restart(session: Session, name: str, step: tuple[str, ...], waits: bool, timeout: float | None) -> int:
    """Clear a step's failures and retry it from the start."""
    return _send(session, name, "restart", step, waits, timeout)


@plan.command("force-complete")
@click.argument("name", metavar="PLAN")
@click.argument("step", nargs=-1, required=True, metavar="[PHASE] STEP")
@pass_session
def force_complete(session: Session, name: str, step: tuple[str, ...]) -> int:
    """Mark a step COMPLETE without waiting for its node."""
    session.confirm(f"Mark the step {step[-1]} of the plan {name} as COMPLETE?")
    return _send(session, name, "forceComplete", step)


def tree(name: str, document: Json, now: float) -> list[str]:
    """Return a plan as a tree: phases and steps hang below it, its errors are at the end.

    Args:
        name: The plan's name.
        document: The API's document of the plan.
        now: The present time in seconds since 1970, for the age of each step's status.
    """
    phases = document["phases"]
    lines = [f"{name} {_status(name, document['status'], [step for phase in phases for step in phase['steps']])}"]
    for number, phase in enumerate(phases):
        last = number == len(phases) - 1
        lines.append(
            f"{'└─' if last else '├─'} {clean(phase['name'])} {_status(name, phase['status'], phase['steps'])}"
        )
        steps = phase["steps"]
        for place, step in enumerate(steps):
            branch = "└─" if place == len(steps) - 1 else "├─"
            why = "" if step["reason"] == "DONE" else f"  [{step['reason']}] {brief(clean(step['message']))}"
            words = f"{clean(step['name'])} {_status(name, step['status'], [step])}{_age(step, now)}{why}"
            lines.append(f"{'  ' if last else '│ '} {branch} {words}")
    errors = [f"- {clean(error)}" for error in document["errors"]]
    return [*lines, *(["", "Errors:", *errors] if errors else [])]


def _status(plan: str, status: str, steps: Sequence[Json]) -> str:
    """Return a status for people: nothing waits for what an operator has stopped, except a node that is to leave."""
    left = [step["reason"] for step in steps if step["status"] != "COMPLETE"]
    return _STOPPED if plan not in _OF_NODES and left and set(left) == {_STOPPED} else status


def _age(step: Json, now: float) -> str:
    """Return since when a step has been as it is, if that matters and the scheduler knows it."""
    moment = parse_time(str(step.get("since") or ""))
    return "" if moment is None or step["status"] == "COMPLETE" else f" for {format_duration(max(0.0, now - moment))}"


def steps_table(name: str, document: Json) -> Table:
    """Return a plan's steps as rows, named by step."""
    rows = [
        (name, phase["name"], step["name"], step["status"], step["reason"], step["message"], step.get("since"))
        for phase in document["phases"]
        for step in phase["steps"]
    ]
    return Table(_STEPS, rows, name=2)


def _whole(phase: str) -> None:
    if phase:
        raise Failure("The API holds and continues whole plans: leave the phase out.", ExitCode.USAGE)


def _send(
    session: Session,
    name: str,
    command: str,
    step: Sequence[str] = (),
    waits: bool = False,
    timeout: float | None = None,
) -> int:
    if len(step) > 2:
        raise Failure("Give PLAN, at most one PHASE, and STEP.", ExitCode.USAGE)
    query = {"phase": step[0], "step": step[1]} if len(step) == 2 else {"step": step[0]} if step else {}
    answer = session.client.send("POST", f"/v1/plans/{segment(name)}/{command}", query=query)
    session.output.say(answer["message"])
    return wait_for_plans(session, [name], timeout) if waits else ExitCode.DONE
