"""Plans and their commands: interrupt, continue, forceComplete and restart."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus

from flask import Response, g, jsonify, request

from api.documents import cluster
from api.http.access import answer, snapshot, submit
from api.http.arguments import body, query
from api.http.errors import RequestError
from api.openapi.json_schema import STRINGS, ref
from api.openapi.operation import parameter
from api.openapi.routes import Routes
from scheduler.core.commands.command import Command, ForceComplete, Interrupt, Proceed, RestartStep
from scheduler.settings.texts import plain

blueprint = Routes("plans", __name__)

DEPLOY = "deploy"

_WHOLE_PLAN: dict[str, Callable[[str], Command]] = {
    "interrupt": lambda plan: Interrupt(plan, g.principal),
    "continue": Proceed,
    "proceed": Proceed,
}
_ONE_STEP: dict[str, Callable[[str, str | None, str], Command]] = {
    "forceComplete": ForceComplete,
    "restart": RestartStep,
}
COMMANDS = (*_WHOLE_PLAN, *_ONE_STEP)

_CMD = parameter("cmd", "query", "The command", COMMANDS, required=True)
_STEP = (
    parameter("phase", "query", "Id or name, for forceComplete and restart"),
    parameter("step", "query", "Id or name, for forceComplete and restart"),
    parameter("block", "query", "Id or name, for forceComplete and restart; another name of step"),
)
_NAME = f"<any({', '.join(COMMANDS)}):name>"
_OF_DEPLOY, _OF_ONE = "A command to the plan deploy", "A command to a plan"


@blueprint.read("/v1/plans", "Names of all plans", STRINGS)
def names() -> Response:
    """Return the names of all plans."""
    return answer("plans", lambda found: list(found.plans))


@blueprint.read("/v1/plan", "The plan deploy; 200 in every state", ref("Plan"))
def read_deploy() -> Response:
    """Return the plan `deploy`."""
    return _read(DEPLOY)


@blueprint.read("/v1/plans/<plan>", "One plan; 200 in every state", ref("Plan"))
def read(plan: str) -> Response:
    """Return one plan."""
    return _read(plan)


@blueprint.command("/v1/plan", _OF_DEPLOY, ref("Message"), (_CMD, *_STEP))
def command_deploy() -> Response:
    """Run the command `?cmd=` on the plan `deploy`."""
    return _command_by_query(DEPLOY)


@blueprint.command("/v1/plans/<plan>", _OF_ONE, ref("Message"), (_CMD, *_STEP))
def command(plan: str) -> Response:
    """Run the command `?cmd=` on one plan."""
    return _command_by_query(plan)


@blueprint.command(f"/v1/plan/{_NAME}", _OF_DEPLOY, ref("Message"), _STEP)
def named_command_deploy(name: str) -> Response:
    """Run a command on the plan `deploy`."""
    return _run(DEPLOY, name)


@blueprint.command(f"/v1/plans/<plan>/{_NAME}", _OF_ONE, ref("Message"), _STEP)
def named_command(plan: str, name: str) -> Response:
    """Run a command on one plan."""
    return _run(plan, name)


def _read(plan: str) -> Response:
    if "cmd" in request.args:
        raise RequestError(HTTPStatus.BAD_REQUEST, "A command needs POST or PUT; GET only reads the plan.")
    found = snapshot()
    if plan not in found.plans:
        raise RequestError(HTTPStatus.NOT_FOUND, f"There is no plan {plain(plan)}.")
    return answer(f"plans/{plan}", lambda of: cluster.plan(of.plans[plan], of.since), found)


def _command_by_query(plan: str) -> Response:
    name = request.args.get("cmd")
    if not name:
        raise RequestError(HTTPStatus.BAD_REQUEST, f"The query parameter cmd is missing: {_one_of()}.")
    if name not in COMMANDS:
        raise RequestError(HTTPStatus.BAD_REQUEST, f"The query parameter cmd must be {_one_of()}, not {plain(name)}.")
    return _run(plan, name, "cmd")


def _run(plan: str, name: str, *more: str) -> Response:
    body()
    if name in _WHOLE_PLAN:
        query(*more)
        asked = _WHOLE_PLAN[name](plan)
    else:
        arguments = query(*more, "phase", "step", "block")
        if {"step", "block"} <= arguments.keys() and arguments["step"] != arguments["block"]:
            words = "The query parameters step and block are two names of one: give only one of them."
            raise RequestError(HTTPStatus.BAD_REQUEST, words)
        step = arguments.get("step") or arguments.get("block")
        if step is None:
            raise RequestError(HTTPStatus.BAD_REQUEST, "The query parameter step is missing: the id or name of a step.")
        asked = _ONE_STEP[name](plan, arguments.get("phase"), step)
    submit(asked)
    return jsonify(message=f"Received cmd: {name}")


def _one_of() -> str:
    return ", ".join(COMMANDS[:-1]) + f" or {COMMANDS[-1]}"
