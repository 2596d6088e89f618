"""The API described for machines: GET /v1/openapi.json. A test compares it with the routes."""

from __future__ import annotations

from collections.abc import Mapping

from flask import Blueprint, Response, jsonify

from api.endpoints import operations
from api.endpoints.operations import PATHS, WORKS
from api.endpoints.plans import COMMANDS
from api.openapi.schemas import INTEGER, OBJECT, SCHEMAS, STRING, STRINGS, Json, list_of, ref
from scheduler import __version__

blueprint = Blueprint("openapi", __name__)


# Path -> (what it answers, schema). All of these are GET.
_READS: Mapping[str, tuple[str, Json]] = {
    "/v1/plans": ("Names of all plans", STRINGS),
    "/v1/plan": ("The plan deploy, whatever its state", ref("Plan")),
    "/v1/plans/{plan}": ("One plan, whatever its state", ref("Plan")),
    "/v1/connection": ("How clients reach the nodes that serve CQL now", ref("Connection")),
    "/v1/connection/address": ("Addresses of the nodes that serve CQL now", STRINGS),
    "/v1/connection/dns": ("DNS names of the nodes that serve CQL now", STRINGS),
    "/v1/nodes/connect": ("As /v1/connection", ref("Connection")),
    "/v1/nodes/connect/address": ("As /v1/connection/address", STRINGS),
    "/v1/nodes/connect/dns": ("As /v1/connection/dns", STRINGS),
    "/v1/nodes/list": ("Names of the nodes that were launched", STRINGS),
    "/v1/nodes/{node}/status": ("What the node says of itself now", ref("NodeStatus")),
    "/v1/nodes/{node}/info": ("What is recorded of the node", ref("NodeInfo")),
    "/v1/seeds": ("Addresses of the seeds", ref("Seeds")),
    "/v1/datacenter": ("This data center", ref("DataCenter")),
    "/v1/config": ("The target configuration", OBJECT),
    "/v1/config/cassandra": ("Its Cassandra part", OBJECT),
    "/v1/config/executor": ("Its executor part", OBJECT),
    "/v1/config/nodes": ("The number of nodes", INTEGER),
    "/v1/config/seed-nodes": ("The number of seeds", INTEGER),
    "/v1/framework": ("The framework", ref("Framework")),
    "/v1/state/frameworkId": ("The framework's id, in a list", STRINGS),
    "/v1/state/properties": ("Names of stored properties", STRINGS),
    "/v1/state/properties/{key}": ("A stored property", {}),
    "/v1/{kind}/status": ("The newest operation of a kind", ref("Operation")),
    "/v1/{kind}/history": ("Operations of a kind that have ended, newest first", list_of("OperationEnded")),
    "/v1/backup/{work}/status": ("The newest verification or deletion", ref("Operation")),
    "/v1/backup/{work}/history": ("Those that have ended, newest first", list_of("OperationEnded")),
    "/v1/backups": ("The backups at a place", ref("Backups")),
    "/v1/backups/{backup}": ("One backup: its nodes and tables, and what it lacks", ref("Backup")),
    "/v1/events": ("What happened to the cluster, oldest first", ref("Events")),
    "/v1/garbage": ("Reservations of this cluster that no record knows", list_of("Garbage")),
    "/v1/debug/offers": ("The last evaluations of offers", {"type": "array", "items": OBJECT}),
    "/v1/health": ("Whether the scheduler works", ref("Health")),
    "/v1/openapi.json": ("This document", OBJECT),
    "/admin/healthcheck": ("The checks of the original service", ref("Healthcheck")),
}
_TEXTS: Mapping[str, str] = {
    "/admin/ping": "Whether the API answers: pong",
    "/metrics": "Metrics in Prometheus' text format",
}
_COMMANDS: Mapping[str, str] = {
    "/v1/plan": "A command to the plan deploy",
    "/v1/plans/{plan}": "A command to a plan",
    "/v1/plan/{name}": "A command to the plan deploy",
    "/v1/plans/{plan}/{name}": "A command to a plan",
}
# Path -> (what it does, schema of the body, if it takes one).
_OPERATIONS: Mapping[str, tuple[str, Json | None]] = {
    "/v1/{kind}/start": (
        "Begin an operation",
        {
            "anyOf": [
                ref(name)
                for name in ("TablesRequest", "RepairRequest", "BackupRequest", "RestoreRequest", "DecommissionRequest")
            ]
        },
    ),
    "/v1/{kind}/stop": ("Stop an operation: its jobs are cancelled", None),
    "/v1/{kind}/continue": (
        "Go on with a stopped operation where it was, of the kinds that work on tables",
        ref("ContinueRequest"),
    ),
    "/v1/{kind}/tune": ("Change the throttle of a backup or a restore that runs", ref("Tuning")),
    "/v1/backup/{work}": (
        "Begin to verify, or to delete, backups",
        {"anyOf": [ref(name) for name in ("VerifyRequest", "DeleteRequest")]},
    ),
    "/v1/backup/{work}/stop": ("Stop it", None),
}
# Path -> (what it does, query parameters, what it answers with 200, if it does). What begins an operation is a 202.
_NODES: Mapping[str, tuple[str, tuple[str, ...], Json | None]] = {
    "/v1/nodes/restart": ("Restart a node, or all for *: the tasks that end", ("node", "force", "by"), STRINGS),
    "/v1/nodes/{node}/restart": ("Restart this node: the task that ends", ("force",), STRINGS),
    "/v1/nodes/replace": (
        "Replace a node by a new one elsewhere: the task that ends; with decommission=true answered as its start",
        ("node", "force", "decommission"),
        STRINGS,
    ),
    "/v1/nodes/{node}/replace": (
        "Replace this node: the task that ends; with decommission=true answered as its start",
        ("force", "decommission"),
        STRINGS,
    ),
    "/v1/nodes/{node}/decommission": ("Let this node leave the ring", ("force",), None),
    "/v1/nodes/{node}/pause": ("Stop Cassandra, keep its volume mounted: the task that ends", ("force",), STRINGS),
    "/v1/nodes/{node}/resume": ("Start a paused node's Cassandra again: the task that ends", (), STRINGS),
    "/v1/nodes/{node}/cancel": ("Take back what is intended for this node", (), ref("Message")),
}
_MEANINGS = {
    "node": "A node's name; * for all",
    "force": "true: even if the ring cannot stand it",
    "decommission": "true: it hands its data over first",
    "by": "rack: for *, all nodes of a rack at the same time",
}
_CHOICES = {"decommission": ("true", "false"), "force": ("true", "false"), "by": ("node", "rack")}
_RESTORE_PLAN = "/v1/restore/plan"
_OPEN = {"/admin/ping", "/admin/healthcheck", "/v1/health", "/v1/artifacts/{name}"}


@blueprint.get("/v1/openapi.json")
def document() -> Response:
    """The description."""
    return jsonify(describe())


_BEGUN: Json = {
    "description": "Stored: it is carried out from now on",
    "content": {"application/json": {"schema": ref("Accepted")}},
}
_TOKEN: Json = {
    "type": "apiKey",
    "in": "header",
    "name": "Authorization",
    "description": "token=<token>, when API_TOKEN_FILE is set",
}


def describe() -> Json:
    """OpenAPI 3.1."""
    paths: dict[str, Json] = {}
    for path, (summary, schema) in _READS.items():
        paths.setdefault(path, {})["get"] = _read(path, summary, {"application/json": {"schema": schema}})
    for path, summary in _TEXTS.items():
        paths[path] = {"get": _read(path, summary, {"text/plain": {"schema": STRING}})}
    paths["/v1/artifacts/{name}"] = {
        "get": _read("/v1/artifacts/{name}", "A bundle for the agents' fetcher", {"application/gzip": {}})
    }
    for path, summary in _COMMANDS.items():
        for method in ("post", "put"):
            paths.setdefault(path, {})[method] = _command(path, summary)
    for path, (summary, schema_of_body) in _OPERATIONS.items():
        for method in ("post", "put"):
            paths.setdefault(path, {})[method] = _operation(path, summary, schema_of_body)
    for path, (summary, names, answer) in _NODES.items():
        for method in ("post", "put"):
            paths.setdefault(path, {})[method] = _of_nodes(path, summary, names, answer)
    _add_settings(paths)
    for method in ("post", "put"):
        paths.setdefault(_RESTORE_PLAN, {})[method] = _asked(
            _RESTORE_PLAN, "What a restore would find and do; nothing is changed", ref("RestoreRequest"),
            ref("RestorePlan"), "409",
        )  # fmt: skip
    _add_events(paths)
    paths["/v1/backups"]["get"]["parameters"] = _place()
    paths["/v1/backups/{backup}"]["get"]["parameters"] += _place()
    for path in ("/v1/backups", "/v1/backups/{backup}"):
        paths[path]["get"]["responses"] |= _failures(path, "400")
    return {
        "openapi": "3.1.0",
        "info": {"title": "Apache Cassandra on Apache Mesos", "version": __version__},
        "security": [{"token": []}],
        "paths": paths,
        "components": {"schemas": dict(SCHEMAS), "securitySchemes": {"token": _TOKEN}},
    }


def _read(path: str, summary: str, content: Json) -> Json:
    operation: Json = {
        "summary": summary,
        "responses": {"200": {"description": summary, "content": content}, **_failures(path, "503")},
    }
    if parameters := _in_path(path):
        operation["parameters"] = parameters
    if path in _OPEN:
        operation["security"] = []
    return operation


def _add_settings(paths: dict[str, Json]) -> None:
    """Other settings: asked before, given, and taken back."""
    path = "/v1/config/preview"
    asked = "What other settings would do; nothing is changed"
    paths[path] = {"post": _asked(path, asked, ref("Settings"), ref("Preview"))}
    given = "Have the cluster follow these settings on top of the present ones"
    paths["/v1/config"]["put"] = _asked("/v1/config", given, ref("Settings"), ref("Changed"), "409")
    path = "/v1/config/rollback"
    back = "Return to the configuration before the present one, or to the one that is named"
    paths[path] = {"post": _asked(path, back, ref("Rollback"), ref("Changed"), "404", "409")}


def _asked(path: str, summary: str, body: Json, answer: Json, *codes: str) -> Json:
    return {
        "summary": summary,
        "requestBody": {"content": {"application/json": {"schema": body}}},
        "responses": {
            "200": {"description": summary, "content": {"application/json": {"schema": answer}}},
            **_failures(path, "400", "413", "415", "503", *codes),
        },
    }


def _of_nodes(path: str, summary: str, names: tuple[str, ...], schema: Json | None) -> Json:
    given = [
        _parameter(name, "query", _MEANINGS[name], _CHOICES.get(name, ()), required=name == "node") for name in names
    ]
    answers: dict[str, Json] = {}
    if schema is not None:
        answers["200"] = {"description": "Stored", "content": {"application/json": {"schema": schema}}}
    if schema is None or "decommission" in names:
        answers["202"] = _BEGUN
    return {
        "summary": summary,
        "parameters": [*_in_path(path), *given],
        "responses": {
            **answers,
            **_failures(path, "400", "404", "409", "413", "415", "503"),
        },
    }


def _command(path: str, summary: str) -> Json:
    parameters = _in_path(path)
    if "{name}" not in path:
        parameters.append(_parameter("cmd", "query", "The command", COMMANDS, required=True))
    for name in ("phase", "step", "block"):
        meaning = "Id or name, for forceComplete and restart" + ("; another name of step" if name == "block" else "")
        parameters.append(_parameter(name, "query", meaning))
    content = {"application/json": {"schema": ref("Message")}}
    return {
        "summary": summary,
        "parameters": parameters,
        "responses": {
            "200": {"description": "Stored", "content": content},
            **_failures(path, "400", "404", "409", "413", "415", "503"),
        },
    }


def _operation(path: str, summary: str, body: Json | None) -> Json:
    operation: Json = {
        "summary": summary,
        "parameters": _in_path(path),
        "responses": {
            "202": _BEGUN,
            **_failures(path, "400", "404", "409", "413", "415", "503"),
        },
    }
    if body is not None:
        operation["requestBody"] = {"content": {"application/json": {"schema": body}}}
    return operation


def _add_events(paths: dict[str, Json]) -> None:
    """What the reading of events takes, and their stream."""
    since = _parameter("since", "query", "Only what came after it: an event's sequence, or a time in ISO 8601")
    node = _parameter("node", "query", "Only what is about this node")
    limit = _parameter("limit", "query", "At most so many")
    path = "/v1/events/stream"
    paths[path] = {"get": _read(path, "Events as they come, as server-sent events", {"text/event-stream": {}})}
    paths[path]["get"]["parameters"] = [since]
    paths["/v1/events"]["get"]["parameters"] = [since, node, limit]
    for name in ("/v1/events", path):
        paths[name]["get"]["responses"] |= _failures(name, "400")


def _place() -> list[Json]:
    """What names a place with backups, and the credentials for it."""
    parameters = [
        _parameter(name, "query", "As in a backup's request", required=name == "external_location")
        for name in operations.PARAMETERS
    ]
    return parameters + [_parameter(name, "header", f"As {field} there") for name, field in operations.HEADERS.items()]


def _failures(path: str, *codes: str) -> Json:
    found = {*codes, *(() if path in _OPEN else ("401", "403", "429")), *(("404",) if "{" in path else ())}
    content = {"application/json": {"schema": ref("Message")}}
    return {code: {"description": _WORDS[code], "content": content} for code in sorted(found)}


_WORDS = {
    "400": "A parameter, or the body, is not as it must be",
    "401": "No valid token",
    "403": "The token's role does not permit this, or a page of another site asks",
    "404": "No such thing",
    "409": "Not now",
    "413": "The body is larger than 1 MB",
    "415": "The body is not JSON",
    "429": "Too many wrong tokens came from this address; Retry-After has the seconds to wait",
    "503": "The state cannot be read now",
}


def _in_path(path: str) -> list[Json]:
    names = [part[1:-1] for part in path.split("/") if part.startswith("{")]
    words = {"kind": PATHS, "work": WORKS, "name": COMMANDS if "plan" in path else ()}
    return [_parameter(name, "path", "", words.get(name, ()), required=True) for name in names]


def _parameter(name: str, place: str, meaning: str, words: tuple[str, ...] = (), required: bool = False) -> Json:
    schema: Json = {"type": "string", "enum": list(words)} if words else dict(STRING)
    parameter: Json = {"name": name, "in": place, "required": required, "schema": schema}
    return {**parameter, "description": meaning} if meaning else parameter
