"""The API described for machines: GET /v1/openapi.json. A test compares it with the routes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, Response, jsonify

from api.plans import COMMANDS
from scheduler import __version__

blueprint = Blueprint("openapi", __name__)

Json = dict[str, Any]

_STRING: Json = {"type": "string"}
_STRINGS: Json = {"type": "array", "items": _STRING}
_BOOLEAN: Json = {"type": "boolean"}
_INTEGER: Json = {"type": "integer"}
_NULLABLE: Json = {"type": ["string", "null"]}
_STATUS_WORDS = [
    "ERROR",
    "WAITING",
    "PENDING",
    "PREPARED",
    "STARTING",
    "STARTED",
    "DELAYED",
    "IN_PROGRESS",
    "COMPLETE",
]


def _object(fields: Mapping[str, Json]) -> Json:
    return {"type": "object", "properties": dict(fields), "required": list(fields)}


def _ref(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


def _list_of(name: str) -> Json:
    return {"type": "array", "items": _ref(name)}


_WORD: Json = {"type": "string", "enum": _STATUS_WORDS}
_HEALTH = {"type": "object", "properties": {"healthy": _BOOLEAN, "message": _STRING}, "required": ["healthy"]}

_SCHEMAS: Mapping[str, Json] = {
    "Message": _object({"message": _STRING}),
    "Step": _object({"id": _STRING, "status": _WORD, "name": _STRING, "message": _STRING, "reason": _STRING}),
    "Phase": _object({"id": _STRING, "name": _STRING, "steps": _list_of("Step"), "status": _WORD}),
    "Plan": _object({"phases": _list_of("Phase"), "errors": _STRINGS, "status": _WORD}),
    "Connection": _object({"nodes": _STRINGS, "address": _STRINGS, "dns": _STRINGS, "vip": _STRING}),
    "Seeds": _object({"isSeed": _BOOLEAN, "seeds": _STRINGS}),
    "DataCenter": _object({"data_center": _STRING, "url": _STRING, "seeds": _STRINGS}),
    "NodeStatus": _object(
        {
            "mode": _STRING,
            "joined": _BOOLEAN,
            "rpc_running": _BOOLEAN,
            "native_transport_running": _BOOLEAN,
            "gossip_initialized": _BOOLEAN,
            "gossip_running": _BOOLEAN,
            "host_id": _NULLABLE,
            "endpoint": _NULLABLE,
            "token_count": _INTEGER,
            "data_center": _NULLABLE,
            "rack": _NULLABLE,
            "version": _NULLABLE,
            "schema": _NULLABLE,
            "live": _STRINGS,
            "unreachable": _STRINGS,
        }
    ),
    "NodeInfo": _object(
        {
            "name": _STRING,
            "id": _NULLABLE,
            "hostname": _NULLABLE,
            "slave_id": _NULLABLE,
            "state": _NULLABLE,
            "operating_mode": _STRING,
            "mode": _STRING,
            "address": _NULLABLE,
            "host_id": _NULLABLE,
            "rack": _STRING,
            "configuration": _NULLABLE,
            "failures": _INTEGER,
        }
    ),
    "Framework": _object(
        {
            "name": _STRING,
            "id": _STRING,
            "version": _STRING,
            "cluster": _STRING,
            "user": _STRING,
            "role": _STRING,
            "principal": _STRING,
            "checkpoint": _BOOLEAN,
            "failover_timeout_s": {"type": "number"},
        }
    ),
    "Healthcheck": {"type": "object", "additionalProperties": _HEALTH},
    "Health": _HEALTH,
}

_OBJECT: Json = {"type": "object"}

# Path -> (what it answers, schema). All of these are GET.
_READS: Mapping[str, tuple[str, Json]] = {
    "/v1/plans": ("Names of all plans", _STRINGS),
    "/v1/plan": ("The plan deploy, whatever its state", _ref("Plan")),
    "/v1/plans/{plan}": ("One plan, whatever its state", _ref("Plan")),
    "/v1/connection": ("How clients reach the nodes that serve CQL now", _ref("Connection")),
    "/v1/connection/address": ("Addresses of the nodes that serve CQL now", _STRINGS),
    "/v1/connection/dns": ("DNS names of the nodes that serve CQL now", _STRINGS),
    "/v1/nodes/connect": ("As /v1/connection", _ref("Connection")),
    "/v1/nodes/connect/address": ("As /v1/connection/address", _STRINGS),
    "/v1/nodes/connect/dns": ("As /v1/connection/dns", _STRINGS),
    "/v1/nodes/list": ("Names of the nodes that were launched", _STRINGS),
    "/v1/nodes/{node}/status": ("What the node says of itself now", _ref("NodeStatus")),
    "/v1/nodes/{node}/info": ("What is recorded of the node", _ref("NodeInfo")),
    "/v1/seeds": ("Addresses of the seeds", _ref("Seeds")),
    "/v1/datacenter": ("This data center", _ref("DataCenter")),
    "/v1/config": ("The target configuration", _OBJECT),
    "/v1/config/cassandra": ("Its Cassandra part", _OBJECT),
    "/v1/config/executor": ("Its executor part", _OBJECT),
    "/v1/config/nodes": ("The number of nodes", _INTEGER),
    "/v1/config/seed-nodes": ("The number of seeds", _INTEGER),
    "/v1/framework": ("The framework", _ref("Framework")),
    "/v1/state/frameworkId": ("The framework's id, in a list", _STRINGS),
    "/v1/state/properties": ("Names of stored properties", _STRINGS),
    "/v1/state/properties/{key}": ("A stored property", {}),
    "/v1/debug/offers": ("The last evaluations of offers", {"type": "array", "items": _OBJECT}),
    "/v1/health": ("Whether the scheduler works", _ref("Health")),
    "/v1/openapi.json": ("This document", _OBJECT),
    "/admin/healthcheck": ("The checks of the original service", _ref("Healthcheck")),
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
_OPEN = {"/admin/ping", "/admin/healthcheck", "/v1/health", "/v1/artifacts/{name}"}


@blueprint.get("/v1/openapi.json")
def document() -> Response:
    """The description."""
    return jsonify(describe())


def describe() -> Json:
    """OpenAPI 3.1."""
    paths: dict[str, Json] = {}
    for path, (summary, schema) in _READS.items():
        paths.setdefault(path, {})["get"] = _read(path, summary, {"application/json": {"schema": schema}})
    for path, summary in _TEXTS.items():
        paths[path] = {"get": _read(path, summary, {"text/plain": {"schema": _STRING}})}
    paths["/v1/artifacts/{name}"] = {
        "get": _read("/v1/artifacts/{name}", "A bundle for the agents' fetcher", {"application/gzip": {}})
    }
    for path, summary in _COMMANDS.items():
        for method in ("post", "put"):
            paths.setdefault(path, {})[method] = _command(path, summary)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Apache Cassandra on Apache Mesos", "version": __version__},
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "schemas": dict(_SCHEMAS),
            "securitySchemes": {
                "token": {
                    "type": "apiKey",
                    "in": "header",
                    "name": "Authorization",
                    "description": "token=<token>, when API_TOKEN_FILE is set",
                }
            },
        },
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


def _command(path: str, summary: str) -> Json:
    parameters = _in_path(path)
    if "{name}" not in path:
        parameters.append(_parameter("cmd", "query", "The command", COMMANDS, required=True))
    for name in ("phase", "step", "block"):
        meaning = "Id or name, for forceComplete and restart" + ("; another name of step" if name == "block" else "")
        parameters.append(_parameter(name, "query", meaning))
    content = {"application/json": {"schema": _ref("Message")}}
    return {
        "summary": summary,
        "parameters": parameters,
        "responses": {
            "200": {"description": "Stored", "content": content},
            **_failures(path, "400", "404", "409", "413", "415", "503"),
        },
    }


def _failures(path: str, *codes: str) -> Json:
    found = {*codes, *(() if path in _OPEN else ("401",)), *(("404",) if "{" in path else ())}
    content = {"application/json": {"schema": _ref("Message")}}
    return {code: {"description": _WORDS[code], "content": content} for code in sorted(found)}


_WORDS = {
    "400": "A parameter, or the body, is not as it must be",
    "401": "No valid token",
    "404": "No such thing",
    "409": "Not now",
    "413": "The body is larger than 1 MB",
    "415": "The body is not JSON",
    "503": "The state cannot be read now",
}


def _in_path(path: str) -> list[Json]:
    names = [part[1:-1] for part in path.split("/") if part.startswith("{")]
    commands = COMMANDS if "plan" in path else ()
    return [_parameter(name, "path", "", commands if name == "name" else (), required=True) for name in names]


def _parameter(name: str, place: str, meaning: str, words: tuple[str, ...] = (), required: bool = False) -> Json:
    schema: Json = {"type": "string", "enum": list(words)} if words else dict(_STRING)
    parameter: Json = {"name": name, "in": place, "required": required, "schema": schema}
    return {**parameter, "description": meaning} if meaning else parameter
