"""Schemas of nodes: their records and their statuses."""

from __future__ import annotations

from collections.abc import Mapping

from api.openapi.json_schema import (
    BOOLEAN,
    INTEGER,
    NULLABLE,
    NULLABLE_BOOLEAN,
    NULLABLE_INTEGER,
    NULLABLE_NUMBER,
    NUMBER,
    STRING,
    STRINGS,
    Json,
    list_of,
    nullable,
    object_of,
    ref,
)

_NODE_INFO: Mapping[str, Json] = {
    "name": STRING,
    "id": NULLABLE,
    "hostname": NULLABLE,
    "slave_id": NULLABLE,
    "state": NULLABLE,
    "operating_mode": STRING,
    "mode": STRING,
    "address": NULLABLE,
    "host_id": NULLABLE,
    "rack": STRING,
    "configuration": NULLABLE,
    "failures": INTEGER,
}
# Null before the first report of the node's newest task.
_LAST_STATUS: Mapping[str, Json] = {
    "reported": NULLABLE,
    "native_transport_running": NULLABLE_BOOLEAN,
    "data_center": NULLABLE,
    "version": NULLABLE,
    "schema": NULLABLE,
    "token_count": NULLABLE_INTEGER,
    "live_count": NULLABLE_INTEGER,
    "unreachable_count": NULLABLE_INTEGER,
    "load_bytes": NULLABLE_INTEGER,
    "owns": NULLABLE_NUMBER,
    "disk_free_bytes": NULLABLE_INTEGER,
    "disk_bytes": NULLABLE_INTEGER,
    "error": NULLABLE,
}

NODE_SCHEMAS: Mapping[str, Json] = {
    "NodeStatus": object_of(
        {
            "mode": STRING,
            "joined": BOOLEAN,
            "rpc_running": BOOLEAN,
            "native_transport_running": BOOLEAN,
            "gossip_initialized": BOOLEAN,
            "gossip_running": BOOLEAN,
            "host_id": NULLABLE,
            "endpoint": NULLABLE,
            "token_count": INTEGER,
            "data_center": NULLABLE,
            "rack": NULLABLE,
            "version": NULLABLE,
            "schema": NULLABLE,
            "live": STRINGS,
            "unreachable": STRINGS,
            "error": NULLABLE,
            "most_replicas": NULLABLE_INTEGER,
            "disregards_racks": NULLABLE,
            "auth_replicas": NULLABLE_INTEGER,
            "load_bytes": NULLABLE_INTEGER,
            "disk_free_bytes": NULLABLE_INTEGER,
            "figures": nullable(ref("Figures")),
        }
    ),
    "Figures": object_of(
        {
            "owns": NULLABLE_NUMBER,
            "disk_bytes": NULLABLE_INTEGER,
            "pending_compactions": NULLABLE_INTEGER,
            "dropped_messages": {"type": "object", "additionalProperties": INTEGER},
            "hints": NULLABLE_INTEGER,
            "hinted_peers": NULLABLE_INTEGER,
            "heap_used_bytes": NULLABLE_INTEGER,
            "heap_max_bytes": NULLABLE_INTEGER,
            "gc_count": NULLABLE_INTEGER,
            "gc_seconds": NULLABLE_NUMBER,
            "streamed_in_bytes": NULLABLE_INTEGER,
            "streamed_out_bytes": NULLABLE_INTEGER,
            "read": nullable(ref("Requests")),
            "write": nullable(ref("Requests")),
        }
    ),
    "Requests": object_of({"count": INTEGER, "errors": INTEGER, "p50_ms": NUMBER, "p99_ms": NUMBER}),
    "NodeInfo": object_of(_NODE_INFO),
    "NodeStatuses": object_of({"nodes": list_of("NodeLastStatus")}),
    "NodeLastStatus": object_of({**_NODE_INFO, **_LAST_STATUS}),
}
