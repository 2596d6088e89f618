"""Schemas of answers and requests, for the OpenAPI document."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from scheduler.core.state.event import EntryKind

Json = dict[str, Any]

STRING: Json = {"type": "string"}
STRINGS: Json = {"type": "array", "items": STRING}
BOOLEAN: Json = {"type": "boolean"}
INTEGER: Json = {"type": "integer"}
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


def object_of(fields: Mapping[str, Json]) -> Json:
    """Return the schema of an object that always has all of these fields."""
    return {"type": "object", "properties": dict(fields), "required": list(fields)}


def ref(name: str) -> Json:
    """Return a reference to the schema of this name in SCHEMAS."""
    return {"$ref": f"#/components/schemas/{name}"}


def list_of(name: str) -> Json:
    """Return the schema of a list whose items have the schema of this name."""
    return {"type": "array", "items": ref(name)}


def _nullable(schema: Json) -> Json:
    return {"anyOf": [schema, {"type": "null"}]}


_NUMBER: Json = {"type": "number"}
_WORD: Json = {"type": "string", "enum": _STATUS_WORDS}
_HEALTH = {"type": "object", "properties": {"healthy": BOOLEAN, "message": STRING}, "required": ["healthy"]}

OBJECT: Json = {"type": "object"}
_OPERATION_WORDS = ["RUNNING", "WAITING", "ERROR", "STOPPING", "STOPPED", "COMPLETE", "DIFFERENT", "NONE"]
_OPERATION_FIELDS: Mapping[str, Json] = {
    "kind": STRING,
    "id": _NULLABLE,
    "request": OBJECT,
    "tuning": OBJECT,
    "principal": _NULLABLE,
    "started": _NULLABLE,
    "finished": _NULLABLE,
}
_STEP_FIELDS: Mapping[str, Json] = {
    "state": _WORD,
    "reason": STRING,
    "message": STRING,
    "node": _NULLABLE,
    "progress": ref("Progress"),
    "failures": INTEGER,
    "interruptions": INTEGER,
    "error": STRING,
    "started": _NULLABLE,
    "finished": _NULLABLE,
    "result": OBJECT,
}

_PREVIEW: Mapping[str, Json] = {
    "allowed": BOOLEAN,
    "refusals": STRINGS,
    "changes": list_of("Change"),
    "restarts": STRINGS,
    "leaves": STRINGS,
    "warnings": STRINGS,
    "cassandra_check": object_of(
        {"result": {"enum": ["not needed", "accepted", "refused", "not made"]}, "message": STRING}
    ),
}

_NAMES: Json = {"anyOf": [STRINGS, {"type": "string", "description": "names with commas between"}]}
_AT_LEAST_ONE: Json = {"type": "integer", "minimum": 1}
_NODES: Json = {
    "type": "array",
    "items": {"type": ["string", "integer"]},
    "description": '["*"] for all, names such as node-0, or their numbers',
}
_TABLES: Mapping[str, Json] = {"key_spaces": _NAMES, "column_families": _NAMES}
_THROTTLE: Mapping[str, Json] = {
    "throttle": {"type": "integer", "minimum": 0, "description": "bytes per second and node, 0 for no limit"}
}
_PLACE: Mapping[str, Json] = {
    "external_location": STRING,
    "region": STRING,
    "endpoint": STRING,
    "tls_ca": STRING,
    "uses_emc": BOOLEAN,
    "azure_account": STRING,
    "azure_key": STRING,
    "s3_access_key": STRING,
    "s3_secret_key": STRING,
    "s3_session_token": STRING,
}
_LOGIN: Mapping[str, Json] = {"cassandra_username": STRING, "cassandra_password": STRING}
_RESTORE_TYPE: Mapping[str, Json] = {"restore_type": {"type": "string", "enum": ["existing", "new", ""]}}
_NAME: Mapping[str, Json] = {"backup_name": STRING}


def _request(fields: Mapping[str, Json], *required: str) -> Json:
    return {
        "type": "object",
        "properties": dict(fields),
        "required": list(required),
        "additionalProperties": False,
    }


REQUESTS: Mapping[str, Json] = {
    "TablesRequest": _request({"nodes": _NODES, **_TABLES, "parallelism": _AT_LEAST_ONE}),
    "RepairRequest": _request(
        {
            "nodes": _NODES,
            **_TABLES,
            "incremental": BOOLEAN,
            "primary_range": BOOLEAN,
            "parallelism": {"type": "string", "enum": ["sequential", "parallel", "dc_parallel"]},
            "pending_compactions": {"type": "integer", "minimum": 0},
            "stall_seconds": {"type": "integer", "minimum": 10},
            "segment_mb": _AT_LEAST_ONE,
            **_LOGIN,
        }
    ),
    "BackupRequest": _request(
        {
            **_NAME,
            **_PLACE,
            **_TABLES,
            "nodes": _NODES,
            "upload_parallelism": _AT_LEAST_ONE,
            "count_rows": BOOLEAN,
            "absent": {"type": "string", "enum": ["wait", "skip"]},
            "max_snapshot_spread_s": _AT_LEAST_ONE,
            **_RESTORE_TYPE,
            **_THROTTLE,
            **_LOGIN,
        },
        "backup_name",
        "external_location",
    ),
    "RestoreRequest": _request(
        {
            **_NAME,
            **_PLACE,
            **_TABLES,
            "rename": {"type": "object", "additionalProperties": STRING},
            "parallelism": {"type": "integer", "minimum": 0, "description": "nodes at once, 0 for all"},
            "compare": {"type": "string", "enum": ["none", "count", "sample", "full"]},
            **_RESTORE_TYPE,
            **_THROTTLE,
            **_LOGIN,
        },
        "backup_name",
        "external_location",
    ),
    "DecommissionRequest": _request({"nodes": _NODES, "force": BOOLEAN, "rejoin": BOOLEAN}, "nodes"),
    "VerifyRequest": _request({**_NAME, **_PLACE, "parallelism": _AT_LEAST_ONE}, "backup_name", "external_location"),
    "DeleteRequest": _request(
        {**_NAME, **_PLACE, "keep_last": _AT_LEAST_ONE, "keep_days": _AT_LEAST_ONE}, "external_location"
    ),
    "ContinueRequest": _request(_LOGIN),
    "Tuning": _request(_THROTTLE, "throttle"),
}
# By kind of operation; a kind that is missing here takes tables alone.
_REQUEST_OF: Mapping[str, str] = {
    "repair": "RepairRequest",
    "backup": "BackupRequest",
    "restore": "RestoreRequest",
    "decommission": "DecommissionRequest",
    "backup-verify": "VerifyRequest",
    "backup-delete": "DeleteRequest",
}


def any_request(kinds: Iterable[str]) -> Json:
    """Return the schema of a request that begins an operation of one of these kinds."""
    names = {_REQUEST_OF.get(kind, "TablesRequest") for kind in kinds}
    return {"anyOf": [ref(name) for name in REQUESTS if name in names]}


SCHEMAS: Mapping[str, Json] = {
    **REQUESTS,
    "Settings": {
        "type": "object",
        "properties": {"canary": BOOLEAN, "check": BOOLEAN},
        "additionalProperties": {"type": ["string", "number", "boolean", "null"]},
    },
    "Rollback": {
        "type": "object",
        "properties": {"configuration": STRING, "check": BOOLEAN},
        "additionalProperties": False,
    },
    "Preview": object_of(_PREVIEW),
    "RestorePlan": object_of(
        {
            "possible": BOOLEAN,
            "problems": list_of("RestoreProblem"),
            "untried": STRINGS,
            "mode": _NULLABLE,
            "tables": list_of("RestoredTable"),
            "tables_more": INTEGER,
            "creates": {"type": "object", "additionalProperties": STRINGS},
            "builds": {"type": "object", "additionalProperties": STRINGS},
            "left_out": STRINGS,
            "nodes": {"type": "object", "additionalProperties": ref("RestoringNode")},
            "bytes": INTEGER,
            "seconds_at_throttle": {"type": ["integer", "null"]},
        }
    ),
    "RestoreProblem": object_of({**dict.fromkeys(("kind", "where", "why", "help"), STRING), "nodes": STRINGS}),
    "RestoredTable": object_of(
        {
            "from": STRING,
            "to": STRING,
            "what": {"enum": ["create", "load into existing"]},
            "has_data": {"type": ["boolean", "null"]},
            "how": {"enum": ["imported as files", "streamed", "nothing to load"]},
            "bytes": INTEGER,
            "sstables": INTEGER,
            "rows": {"type": ["integer", "null"]},
        }
    ),
    "RestoringNode": object_of(
        {"loads": STRINGS, "bytes": INTEGER, "free_bytes": {"type": ["integer", "null"]}, "same_as": _NULLABLE}
    ),
    "Changed": object_of({**_PREVIEW, "configuration": STRING, "canary": _NULLABLE}),
    "Change": object_of({"name": STRING, "old": STRING, "new": STRING, "effect": {"enum": ["none", "restart"]}}),
    "Message": object_of({"message": STRING}),
    "Events": object_of({"events": list_of("Event"), "newest": INTEGER, "more": BOOLEAN}),
    "Event": object_of(
        {
            "sequence": INTEGER,
            "at": STRING,
            "kind": {"enum": [kind.value for kind in EntryKind]},
            **dict.fromkeys(("message", "node", "subject", "cause", "principal"), STRING),
        }
    ),
    "Garbage": object_of(
        {
            **dict.fromkeys(("resource_id", "agent_id", "hostname", "found", "problem"), STRING),
            "volumes": STRINGS,
            **dict.fromkeys(("cpus", "memory_mb", "disk_mb"), _NUMBER),
            "released_after": _NULLABLE,
        }
    ),
    "Step": object_of({"id": STRING, "status": _WORD, "name": STRING, "message": STRING, "reason": STRING}),
    "Phase": object_of({"id": STRING, "name": STRING, "steps": list_of("Step"), "status": _WORD}),
    "Plan": object_of({"phases": list_of("Phase"), "errors": STRINGS, "status": _WORD}),
    "Connection": object_of({"nodes": STRINGS, "address": STRINGS, "dns": STRINGS, "vip": STRING}),
    "Seeds": object_of({"isSeed": BOOLEAN, "seeds": STRINGS}),
    "DataCenter": object_of({"data_center": STRING, "url": STRING, "seeds": STRINGS}),
    "NodeStatus": object_of(
        {
            "mode": STRING,
            "joined": BOOLEAN,
            "rpc_running": BOOLEAN,
            "native_transport_running": BOOLEAN,
            "gossip_initialized": BOOLEAN,
            "gossip_running": BOOLEAN,
            "host_id": _NULLABLE,
            "endpoint": _NULLABLE,
            "token_count": INTEGER,
            "data_center": _NULLABLE,
            "rack": _NULLABLE,
            "version": _NULLABLE,
            "schema": _NULLABLE,
            "live": STRINGS,
            "unreachable": STRINGS,
            "error": _NULLABLE,
            "most_replicas": {"type": ["integer", "null"]},
            "disregards_racks": _NULLABLE,
            "auth_replicas": {"type": ["integer", "null"]},
        }
    ),
    "NodeInfo": object_of(
        {
            "name": STRING,
            "id": _NULLABLE,
            "hostname": _NULLABLE,
            "slave_id": _NULLABLE,
            "state": _NULLABLE,
            "operating_mode": STRING,
            "mode": STRING,
            "address": _NULLABLE,
            "host_id": _NULLABLE,
            "rack": STRING,
            "configuration": _NULLABLE,
            "failures": INTEGER,
        }
    ),
    "Framework": object_of(
        {
            "name": STRING,
            "id": STRING,
            "version": STRING,
            "cluster": STRING,
            "user": STRING,
            "role": STRING,
            "principal": STRING,
            "checkpoint": BOOLEAN,
            "failover_timeout_s": {"type": "number"},
        }
    ),
    "Accepted": object_of({"status": STRING, "message": STRING, "id": _NULLABLE}),
    "Progress": {"type": "object", "additionalProperties": {"type": ["number", "string", "null"]}},
    "OperationStep": object_of(_STEP_FIELDS),
    "OperationNode": object_of({"phase": STRING, **_STEP_FIELDS}),
    "Operation": object_of(
        {
            **_OPERATION_FIELDS,
            "state": {"type": "string", "enum": _OPERATION_WORDS},
            "message": STRING,
            "interrupted": BOOLEAN,
            "percent": _nullable(_NUMBER),
            "progress": ref("Progress"),
            "nodes": {"type": "object", "additionalProperties": ref("OperationNode")},
            "cluster": {"type": "object", "additionalProperties": ref("OperationStep")},
        }
    ),
    "OperationEnded": object_of(
        {
            **_OPERATION_FIELDS,
            "state": {"type": "string", "enum": ["COMPLETE", "DIFFERENT", "STOPPED"]},
            "message": STRING,
            "nodes": STRINGS,
            "steps": {
                "type": "object",
                "additionalProperties": object_of(
                    {"state": STRING, "started": _NULLABLE, "finished": _NULLABLE, "error": STRING, "result": OBJECT}
                ),
            },
        }
    ),
    "Users": object_of(
        {
            "ready": BOOLEAN,
            "users": {"type": "array", "items": object_of({"name": STRING, "current": BOOLEAN})},
            "nodes": {
                "type": "object",
                "additionalProperties": object_of({"authentication": STRING, "authorization": STRING}),
            },
        }
    ),
    "Backups": object_of(
        {
            "backups": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {
                        "backup_name": STRING,
                        "cluster_name": _NULLABLE,
                        "state": {"type": "string", "enum": ["complete", "unfinished"]},
                        "started_at": {},
                        "finished_at": {},
                        "nodes": {},
                        "objects": {"type": ["integer", "null"]},
                        "bytes": {"type": ["integer", "null"]},
                        "message": STRING,
                    },
                    "required": ["backup_name", "state"],
                },
            }
        }
    ),
    "Backup": {
        "type": "object",
        "properties": {
            "backup_name": STRING,
            "state": {"type": "string", "enum": ["complete", "unfinished"]},
            "cluster": _NULLABLE,
            "cluster_name": _NULLABLE,
            "operation": _NULLABLE,
            "nodes": OBJECT,
            "key_spaces": OBJECT,
            "bytes": {"type": ["integer", "null"]},
            "cassandra_version": _NULLABLE,
            "started_at": _NULLABLE,
            "finished_at": _NULLABLE,
            "left_out": {"type": "object", "additionalProperties": STRING},
            "absent": OBJECT,
            "coverage": OBJECT,
            "message": STRING,
        },
        "required": ["backup_name", "state"],
    },
    "Healthcheck": {"type": "object", "additionalProperties": _HEALTH},
    "Health": _HEALTH,
}
