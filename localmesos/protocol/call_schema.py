"""The part of Mesos' scheduler::Call that is checked: required fields and JSON types, as its protobuf has them.

A message is a dict from field to kind. Kinds: ``string``, ``bytes``, ``number``, ``bool``, ``enum`` or a message;
``required(...)`` and ``repeated(...)`` around one. Fields that are not listed are taken as they come.
"""

from dataclasses import dataclass
from typing import Any

Kind = Any
"""A name of a scalar kind, a message, Required or Repeated; its nesting has no static type worth writing."""


@dataclass(frozen=True)
class Required:
    """A field that a message must have."""

    kind: Kind


@dataclass(frozen=True)
class Repeated:
    """A field that is a list."""

    kind: Kind


ID = {"value": Required("string")}
_PERIOD = {"nanoseconds": Required("number")}
_LABELS = {"labels": Repeated({"key": Required("string"), "value": "string"})}
_RESOURCE = {
    "name": Required("string"),
    "type": Required("enum"),
    "scalar": {"value": Required("number")},
    "ranges": {"range": Repeated({"begin": Required("number"), "end": Required("number")})},
    "role": "string",
    "allocation_info": {"role": "string"},
    "reservation": {"principal": "string", "labels": _LABELS},
    "reservations": Repeated({"type": "enum", "role": "string", "principal": "string", "labels": _LABELS}),
    "disk": {
        "persistence": {"id": Required("string"), "principal": "string"},
        "volume": {"mode": Required("enum"), "container_path": Required("string"), "host_path": "string"},
        "source": {"type": Required("enum"), "mount": {"root": "string"}, "path": {"root": "string"}},
    },
}
_COMMAND = {
    "uris": Repeated({"value": Required("string"), "executable": "bool", "extract": "bool", "cache": "bool"}),
    "environment": {"variables": Repeated({"name": Required("string"), "value": "string"})},
    "shell": "bool",
    "value": "string",
    "arguments": Repeated("string"),
    "user": "string",
}
# The agents here accept an image and run the executor on their own files: they have no images.
_CONTAINER = {
    "type": Required("enum"),
    "volumes": Repeated({"mode": Required("enum"), "container_path": Required("string"), "host_path": "string"}),
    "mesos": {
        "image": {"type": Required("enum"), "docker": {"name": Required("string")}, "cached": "bool"},
    },
    "docker": {"image": Required("string")},
    "network_infos": Repeated({"name": "string"}),
    "hostname": "string",
}
_EXECUTOR = {
    "type": "enum",
    "executor_id": Required(ID),
    "framework_id": ID,
    "command": _COMMAND,
    "container": _CONTAINER,
    "resources": Repeated(_RESOURCE),
    "name": "string",
    "source": "string",
    "data": "bytes",
    "shutdown_grace_period": _PERIOD,
    "labels": _LABELS,
}
_TASK = {
    "name": Required("string"),
    "task_id": Required(ID),
    "agent_id": Required(ID),
    "resources": Repeated(_RESOURCE),
    "executor": _EXECUTOR,
    "command": _COMMAND,
    "container": _CONTAINER,
    "data": "bytes",
    "kill_policy": {"grace_period": _PERIOD},
    "max_completion_time": _PERIOD,
    "labels": _LABELS,
    "health_check": {"type": "enum", "command": _COMMAND, "http": {"port": Required("number")}},
}
_OPERATION = {
    "type": "enum",
    "id": ID,
    "launch": {"task_infos": Repeated(_TASK)},
    "launch_group": {"executor": Required(_EXECUTOR), "task_group": Required({"tasks": Repeated(_TASK)})},
    "reserve": {"resources": Repeated(_RESOURCE)},
    "unreserve": {"resources": Repeated(_RESOURCE)},
    "create": {"volumes": Repeated(_RESOURCE)},
    "destroy": {"volumes": Repeated(_RESOURCE)},
}
_FILTERS = {"refuse_seconds": "number"}
_FRAMEWORK_INFO = {
    "user": Required("string"),
    "name": Required("string"),
    "id": ID,
    "failover_timeout": "number",
    "checkpoint": "bool",
    "role": "string",
    "roles": Repeated("string"),
    "hostname": "string",
    "principal": "string",
    "webui_url": "string",
    "capabilities": Repeated({"type": "enum"}),
    "labels": _LABELS,
}
_TASK_AND_AGENT = {"task_id": Required(ID), "agent_id": ID}

CALL = {
    "framework_id": ID,
    "type": "enum",
    "subscribe": {"framework_info": Required(_FRAMEWORK_INFO), "suppressed_roles": Repeated("string")},
    "accept": {"offer_ids": Repeated(ID), "operations": Repeated(_OPERATION), "filters": _FILTERS},
    "decline": {"offer_ids": Repeated(ID), "filters": _FILTERS},
    "revive": {"roles": Repeated("string")},
    "suppress": {"roles": Repeated("string")},
    "kill": {**_TASK_AND_AGENT, "kill_policy": {"grace_period": _PERIOD}},
    "shutdown": {"executor_id": Required(ID), "agent_id": Required(ID)},
    "acknowledge": {"agent_id": Required(ID), "task_id": Required(ID), "uuid": Required("bytes")},
    "acknowledge_operation_status": {
        "agent_id": ID,
        "uuid": Required("bytes"),
        "operation_id": Required(ID),
    },
    "reconcile": {"tasks": Repeated(_TASK_AND_AGENT)},
    "reconcile_operations": {"operations": Repeated({"operation_id": Required(ID), "agent_id": ID})},
    "message": {"agent_id": Required(ID), "executor_id": Required(ID), "data": Required("bytes")},
    "request": {"requests": Repeated({"resources": Repeated(_RESOURCE)})},
    "update_framework": {"framework_info": Required(_FRAMEWORK_INFO), "suppressed_roles": Repeated("string")},
}

CALL_TYPES = {
    "UNKNOWN": None,
    "SUBSCRIBE": "subscribe",
    "TEARDOWN": None,
    "ACCEPT": "accept",
    "DECLINE": "decline",
    "ACCEPT_INVERSE_OFFERS": "accept_inverse_offers",
    "DECLINE_INVERSE_OFFERS": "decline_inverse_offers",
    "REVIVE": None,
    "KILL": "kill",
    "SHUTDOWN": "shutdown",
    "ACKNOWLEDGE": "acknowledge",
    "ACKNOWLEDGE_OPERATION_STATUS": "acknowledge_operation_status",
    "RECONCILE": "reconcile",
    "RECONCILE_OPERATIONS": "reconcile_operations",
    "MESSAGE": "message",
    "REQUEST": "request",
    "SUPPRESS": None,
    "UPDATE_FRAMEWORK": "update_framework",
}
"""Each call's field that must be present; None: it needs none."""
