"""The commands of the page: each is one request to the REST API, with the curl and command lines that do the same."""

from __future__ import annotations

import json
import shlex
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlencode

from flask import g

from api.http.access import snapshot
from api.page.dispatch import Answer, call, role_of
from api.page.inputs import BY_KIND, CANARY, DECOMMISSION, EFFECTS, FORCE, SETTINGS, THROTTLE, Input, read_inputs
from api.page.locations import ask_for_list
from api.page.retention import Cluster, fates, removed_bytes
from scheduler.core.state.operation_kinds import KINDS

_PATH_FIELDS = ("plan", "node", "kind")
_KINDS_BELOW_BACKUP = ("backup-verify", "backup-delete")
_RULES = ("backup_name", "keep_last", "keep_days")


@dataclass(frozen=True)
class Command:
    """One command.

    `path` and `cli` are templates; `names` are the fields that say what it is for, `query` those of them in the query.
    `inputs` are what a person fills in. `asks`: a page with `effect`, the inputs and a button comes first. `view` is
    the page to look at afterwards, `preview` the path that tells what the command would do.
    """

    name: str
    title: str
    path: str
    cli: str
    effect: str
    names: tuple[str, ...] = ()
    query: tuple[str, ...] = ()
    inputs: tuple[Input, ...] = ()
    method: str = "POST"
    in_body: bool = False
    asks: bool = False
    danger: bool = False
    view: str = "."
    preview: str = ""


def _node(name: str, title: str, effect: str, *inputs: Input, danger: bool = False) -> Command:
    return Command(
        f"node-{name}", title, f"/v1/nodes/{{node}}/{name}", f"node {name} {{node}}", effect, ("node",),
        inputs=inputs, asks=bool(inputs) or danger, danger=danger, view="node?node={node}",
    )  # fmt: skip


_PLAN = "/v1/plans/{plan}"
_STEP = ("plan", "phase", "step")
_SINGLE = (
    Command(
        "plan-interrupt", "Interrupt", f"{_PLAN}/interrupt", "plan interrupt {plan}",
        "The step that runs is finished; no other one begins until the plan is continued.", ("plan",),
        view="plans?plan={plan}",
    ),
    Command(
        "plan-continue", "Continue", f"{_PLAN}/continue", "plan continue {plan}",
        "The plan goes on where it waits.", ("plan",), view="plans?plan={plan}",
    ),
    Command(
        "step-restart", "Retry", f"{_PLAN}/restart", "plan restart {plan} {phase} {step}",
        "The failures of the step are cleared, and it begins again.", _STEP, ("phase", "step"),
        view="plans?plan={plan}",
    ),
    Command(
        "step-complete", "Mark complete", f"{_PLAN}/forceComplete", "plan force-complete {plan} {phase} {step}",
        "The step counts as COMPLETE without its work. What it was to do is not done.", _STEP, ("phase", "step"),
        asks=True, danger=True, view="plans?plan={plan}",
    ),
    _node("restart", "Restart", "Cassandra is drained, ends, and starts again on its agent and volume.", FORCE),
    _node(
        "replace", "Replace",
        "A new node on another agent takes over the tokens. The old volume is destroyed once the new one is a member.",
        FORCE, DECOMMISSION, danger=True,
    ),
    _node("pause", "Pause", "Cassandra ends; the volume stays mounted in the sandbox until it is resumed.", FORCE),
    _node("resume", "Resume", "Cassandra starts again."),
    _node("cancel", "Cancel its action", "The restart or replacement that waits for its turn does not happen."),
    _node(
        "decommission", "Decommission",
        "The node streams its data to the others and leaves the ring. Its volume is destroyed.", FORCE, danger=True,
    ),
    Command(
        "ring-restart", "Restart all nodes", "/v1/nodes/restart", "node restart '*'",
        "All members restart, one after another. Each waits until the one before it is ready.",
        query=("node",), inputs=(FORCE,), asks=True, view="ring",
    ),
    Command(
        "stop", "Stop", "/v1/{kind}/stop", "op stop {kind}",
        "The jobs on the nodes are cancelled, then the operation tidies up.", ("kind",), asks=True, danger=True,
        view="operations?kind={kind}",
    ),
    Command(
        "resume", "Continue", "/v1/{kind}/continue", "op continue {kind}",
        "The stopped operation continues where it was.", ("kind",), view="operations?kind={kind}",
    ),
    Command(
        "tune", "Change the throttle", "/v1/{kind}/tune", "op tune {kind} --throttle BYTES",
        "The new limit holds for the running operation.", ("kind",), inputs=(THROTTLE,), in_body=True, asks=True,
        view="operations?kind={kind}",
    ),
    Command(
        "certificates-renew", "Renew its certificate", "/v1/certificates/renew", "cert renew {node}",
        "The node gets a new certificate. It does not restart.", ("node",), ("node",), view="node?node={node}",
    ),
    Command(
        "config-rollback", "Roll back", "/v1/config/rollback", "config rollback",
        "The previous configuration becomes the target again; nodes restart where it differs.", asks=True,
        in_body=True, view="settings",
    ),
    Command(
        "config-change", "Change settings", "/v1/config", "config set NAME=VALUE …",
        "The settings override those of the environment. Nodes restart one after another where a change needs it.",
        inputs=(SETTINGS, CANARY), method="PUT", in_body=True, asks=True, view="settings", preview="/v1/config/preview",
    ),
)  # fmt: skip


def _start(kind: str) -> Command:
    target = f"{kind.removeprefix('backup-')}" if kind in _KINDS_BELOW_BACKUP else f"{kind}"
    below = kind in _KINDS_BELOW_BACKUP
    cli = f"backup {target} …" if below else "node decommission NODE" if kind == "decommission" else f"{kind} start"
    return Command(
        f"start-{kind}", KINDS[kind].title, f"/v1/backup/{target}" if below else f"/v1/{kind}/start", cli,
        EFFECTS[kind], inputs=BY_KIND[kind],
        in_body=True, asks=True, danger=kind in ("backup-delete", "decommission"), view=f"operations?kind={kind}",
        preview={"restore": "/v1/restore/plan", "backup-delete": "/v1/backups"}.get(kind, ""),
    )  # fmt: skip


COMMANDS: Mapping[str, Command] = {command.name: command for command in (*_SINGLE, *(_start(kind) for kind in BY_KIND))}


@dataclass(frozen=True)
class Button:
    """A command for one subject: `fields` go along with it; `needs` is the role's word if the user lacks it."""

    command: Command
    fields: Mapping[str, str] = field(default_factory=dict)
    needs: str = ""

    @property
    def cli(self) -> str:
        """The line for the command line."""
        words = {name: shlex.quote(value) for name, value in self.fields.items()}
        return f"cassandra-mesos {self.command.cli.format(**words)}"

    @property
    def curl(self) -> str:
        """The line for curl."""
        address = _address(self.command, self.fields)
        query = urlencode(_query(self.command, self.fields), safe="*")
        line = f'curl -X {self.command.method} -H "Authorization: token=$AUTH_TOKEN"'
        target = f'"$API{address}{"?" if query else ""}{query}"'
        return f"{line} {target}"

    @property
    def question(self) -> str:
        """The query of the page that asks before the command."""
        return urlencode({"command": self.command.name, **self.fields})

    @property
    def view(self) -> str:
        """The page to look at afterwards."""
        return self.command.view.format(**{name: quote(value) for name, value in self.fields.items()})


def button(name: str, **fields: str) -> Button:
    """Return a command for what the fields name, as the present user may use it."""
    command = COMMANDS[name]
    needed = role_of(command.method, _address(command, fields))
    return Button(command, fields, "" if g.holder.role >= needed else needed.word)


def curl_with_body(found: Button, body: Mapping[str, Any]) -> str:
    """Return the line for curl with a body; secrets are left out of the body by its caller."""
    text = shlex.quote(json.dumps(body))
    return found.curl.replace("curl ", 'curl -H "Content-Type: application/json" -d ' + text + " ", 1)


def run(found: Button, form: Mapping[str, str]) -> Answer:
    """Send the command with what was filled in, and return the API's answer."""
    command, values = found.command, read_inputs(found.command.inputs, form)
    query = _query(command, found.fields)
    if command.in_body:
        return call(command.method, _address(command, found.fields), query, values)
    texts = {name: "true" if value is True else str(value) for name, value in values.items()}
    return call(command.method, _address(command, found.fields), {**query, **texts})


def preview(found: Button, form: Mapping[str, str]) -> Answer:
    """Return the API's answer to what the command would do; for a deletion, what becomes of each listed backup."""
    values = read_inputs(found.command.inputs, form)
    if found.command.name != "start-backup-delete":
        return call("POST", found.command.preview, body=values)
    if not any(values.get(name) for name in _RULES):
        return Answer(HTTPStatus.BAD_REQUEST, {"message": "Give the name of a backup, or how many to keep."})
    if wrong := [name for name in _RULES[1:] if not isinstance(values.get(name, 0), int)]:
        return Answer(HTTPStatus.BAD_REQUEST, {"message": f"{wrong[0]} must be a number, not {values[wrong[0]]}."})
    listed = ask_for_list({name: str(value) for name, value in values.items()})
    if not listed.accepted:
        return listed
    state = snapshot().state
    cluster = Cluster(state.cluster_id or "", state.target.spec.cassandra.cluster_name)
    found_fates = fates(listed.document["backups"], cluster, values, time.time())
    return Answer(listed.status, {"fates": found_fates, "bytes": removed_bytes(found_fates)})


def _address(command: Command, fields: Mapping[str, str]) -> str:
    words = {name: quote(fields.get(name, ""), safe="") for name in _PATH_FIELDS}
    if words["kind"] in _KINDS_BELOW_BACKUP:
        words["kind"] = words["kind"].replace("-", "/", 1)
    return command.path.format(**words)


def _query(command: Command, fields: Mapping[str, str]) -> dict[str, str]:
    return {name: fields[name] for name in command.query if fields.get(name)}
