"""Schemas of nodes: their records and their statuses."""

from __future__ import annotations

from collections.abc import Mapping

from api.openapi.json_schema import (
    BOOLEAN,
    INTEGER,
    NULLABLE,
    NULLABLE_BOOLEAN,
    NULLABLE_INTEGER,
    STRING,
    STRINGS,
    Json,
    list_of,
    object_of,
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
    "disk_free_bytes": NULLABLE_INTEGER,
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
        }
    ),
    "NodeInfo": object_of(_NODE_INFO),
    "NodeStatuses": object_of({"nodes": list_of("NodeLastStatus")}),
    "NodeLastStatus": object_of({**_NODE_INFO, **_LAST_STATUS}),
}
