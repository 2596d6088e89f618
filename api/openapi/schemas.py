"""Schemas of answers and requests, for the OpenAPI document."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from api.openapi.json_schema import (
    BOOLEAN,
    INTEGER,
    NULLABLE,
    NUMBER,
    OBJECT,
    STRING,
    STRINGS,
    Json,
    list_of,
    nullable,
    object_of,
    ref,
)
from api.openapi.node_schemas import NODE_SCHEMAS
from scheduler.core.state.event import EntryKind

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
_WORD: Json = {"type": "string", "enum": _STATUS_WORDS}
_HEALTH = {"type": "object", "properties": {"healthy": BOOLEAN, "message": STRING}, "required": ["healthy"]}

_OPERATION_WORDS = ["RUNNING", "WAITING", "ERROR", "STOPPING", "STOPPED", "COMPLETE", "DIFFERENT", "NONE"]
_OPERATION_FIELDS: Mapping[str, Json] = {
    "kind": STRING,
    "id": NULLABLE,
    "request": OBJECT,
    "tuning": OBJECT,
    "principal": NULLABLE,
    "started": NULLABLE,
    "finished": NULLABLE,
}
_STEP_FIELDS: Mapping[str, Json] = {
    "state": _WORD,
    "reason": STRING,
    "message": STRING,
    "node": NULLABLE,
    "progress": ref("Progress"),
    "failures": INTEGER,
    "interruptions": INTEGER,
    "error": STRING,
    "started": NULLABLE,
    "finished": NULLABLE,
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
    return {"type": "object", "properties": dict(fields), "required": list(required), "additionalProperties": False}


_SIGNATURE: Json = {"type": "string", "enum": ["valid", "unsigned", "foreign", "changed"]}

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
            "trust": BOOLEAN,
            **_RESTORE_TYPE,
            **_THROTTLE,
            **_LOGIN,
        },
        "backup_name",
        "external_location",
    ),
    "DecommissionRequest": _request({"nodes": _NODES, "force": BOOLEAN, "rejoin": BOOLEAN}, "nodes"),
    "VerifyRequest": _request(
        {**_NAME, **_PLACE, "parallelism": _AT_LEAST_ONE, "trust": BOOLEAN}, "backup_name", "external_location"
    ),
    "DeleteRequest": _request(
        {**_NAME, **_PLACE, "keep_last": _AT_LEAST_ONE, "keep_days": _AT_LEAST_ONE}, "external_location"
    ),
    "Uninstall": _request({"service": STRING}, "service"),
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
            "mode": NULLABLE,
            "tables": list_of("RestoredTable"),
            "tables_more": INTEGER,
            "creates": {"type": "object", "additionalProperties": STRINGS},
            "builds": {"type": "object", "additionalProperties": STRINGS},
            "left_out": STRINGS,
            "changed": {"type": "object", "additionalProperties": STRINGS},
            "views_left_out": STRINGS,
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
        {"loads": STRINGS, "bytes": INTEGER, "free_bytes": {"type": ["integer", "null"]}, "same_as": NULLABLE}
    ),
    "Changed": object_of({**_PREVIEW, "configuration": STRING, "canary": NULLABLE}),
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
            **dict.fromkeys(("cpus", "memory_mb", "disk_mb"), NUMBER),
            "released_after": NULLABLE,
        }
    ),
    "Step": object_of(
        {"id": STRING, "status": _WORD, "name": STRING, "message": STRING, "reason": STRING, "since": NULLABLE}
    ),
    "Phase": object_of({"id": STRING, "name": STRING, "steps": list_of("Step"), "status": _WORD}),
    "Plan": object_of({"phases": list_of("Phase"), "errors": STRINGS, "status": _WORD}),
    "Connection": object_of({"nodes": STRINGS, "address": STRINGS, "dns": STRINGS, "vip": STRING}),
    "Seeds": object_of({"isSeed": BOOLEAN, "seeds": STRINGS}),
    "DataCenter": object_of({"data_center": STRING, "url": STRING, "seeds": STRINGS}),
    **NODE_SCHEMAS,
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
    "Accepted": object_of({"status": STRING, "message": STRING, "id": NULLABLE}),
    "Progress": {"type": "object", "additionalProperties": {"type": ["number", "string", "null"]}},
    "OperationStep": object_of(_STEP_FIELDS),
    "OperationNode": object_of({"phase": STRING, **_STEP_FIELDS}),
    "Operation": object_of(
        {
            **_OPERATION_FIELDS,
            "state": {"type": "string", "enum": _OPERATION_WORDS},
            "message": STRING,
            "interrupted": BOOLEAN,
            "percent": nullable(NUMBER),
            "progress": ref("Progress"),
            "nodes": {"type": "object", "additionalProperties": ref("OperationNode")},
            "cluster": {"type": "object", "additionalProperties": ref("OperationStep")},
        }
    ),
    "Curve": object_of(
        {
            "kind": STRING,
            "id": NULLABLE,
            "seconds_left": nullable(NUMBER),
            "samples": {
                "type": "array",
                "items": object_of({"at": STRING, "percent": NUMBER, "rate": nullable(NUMBER)}),
            },
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
                    {"state": STRING, "started": NULLABLE, "finished": NULLABLE, "error": STRING, "result": OBJECT}
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
                        "cluster": NULLABLE,
                        "cluster_name": NULLABLE,
                        "state": {"type": "string", "enum": ["complete", "unfinished", "damaged", "locked"]},
                        "signature": _SIGNATURE,
                        "started_at": {},
                        "finished_at": {},
                        "nodes": {"type": ["integer", "null"]},
                        "objects": {"type": ["integer", "null"]},
                        "bytes": {"type": ["integer", "null"]},
                        "new_bytes": {"type": ["integer", "null"]},
                        "verified": {"type": ["object", "null"], "properties": {"state": STRING, "at": STRING}},
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
            "cluster": NULLABLE,
            "cluster_name": NULLABLE,
            "operation": NULLABLE,
            "nodes": OBJECT,
            "key_spaces": OBJECT,
            "bytes": {"type": ["integer", "null"]},
            "cassandra_version": NULLABLE,
            "started_at": NULLABLE,
            "finished_at": NULLABLE,
            "left_out": {"type": "object", "additionalProperties": STRING},
            "absent": OBJECT,
            "coverage": OBJECT,
            "message": STRING,
            "signature": _SIGNATURE,
            "refusal": STRING,
        },
        "required": ["backup_name", "state"],
    },
    "Healthcheck": {"type": "object", "additionalProperties": _HEALTH},
    "Health": _HEALTH,
}
