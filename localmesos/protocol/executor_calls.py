"""Calls of the v1 executor API: reading and checking, with Mesos' messages. Pure."""

import base64
import binascii
import json
from typing import Any

Json = dict[str, Any]

CALL_TYPES = ("SUBSCRIBE", "UPDATE", "MESSAGE", "HEARTBEAT")
_BODIES = {"SUBSCRIBE": "subscribe", "UPDATE": "update", "MESSAGE": "message"}
_UUID_BYTES = 16


class BadCallError(Exception):
    """A call that is refused with 400; the text is the answer."""


def parse_call(body: bytes) -> Json:
    """Return a complete and valid call.

    Raises:
        BadCallError: the call is not valid.
    """
    try:
        call = json.loads(body)
    except UnicodeDecodeError as error:
        raise BadCallError("Failed to parse body into JSON: syntax error at line 1 near: ") from error
    except json.JSONDecodeError as error:
        rest = error.doc[error.pos :].split("\n")[0]
        raise BadCallError(
            f"Failed to parse body into JSON: syntax error at line {error.lineno} near: {rest}"
        ) from error
    if not isinstance(call, dict):
        raise BadCallError("Failed to parse body into JSON: Expecting a JSON object")
    _convert(call)
    _validate(call)
    return call


def _is_id(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("value"), str)


def _convert(call: Json) -> None:
    missing: list[str] = []
    for name in ("executor_id", "framework_id"):
        if name not in call:
            missing.append(name)
        elif not _is_id(call[name]):
            missing.append(f"{name}.value")
    for index, task in enumerate(_section(call, "subscribe").get("unacknowledged_tasks", [])):
        if not _is_id(task.get("task_id")):
            missing.append(f"subscribe.unacknowledged_tasks[{index}].task_id")
    for index, update in enumerate(_section(call, "subscribe").get("unacknowledged_updates", [])):
        missing += _missing_in_update(update, f"subscribe.unacknowledged_updates[{index}].")
    if "update" in call:
        missing += _missing_in_update(_section(call, "update"), "update.")
    if "message" in call and "data" not in _section(call, "message"):
        missing.append("message.data")
    if missing:
        raise BadCallError(f"Failed to convert JSON into Call protobuf: Missing required fields: {', '.join(missing)}")


def _section(call: Json, name: str) -> Json:
    value = call.get(name, {})
    if not isinstance(value, dict):
        raise BadCallError(f"Failed to convert JSON into Call protobuf: Not expecting a JSON value for field '{name}'")
    return value


def _missing_in_update(update: Json, prefix: str) -> list[str]:
    status = update.get("status")
    if not isinstance(status, dict):
        return [f"{prefix}status"]
    missing = [] if _is_id(status.get("task_id")) else [f"{prefix}status.task_id"]
    return missing if "state" in status else [*missing, f"{prefix}status.state"]


def _validate(call: Json) -> None:
    kind = call.get("type")
    if kind not in CALL_TYPES:
        raise BadCallError("Failed to validate Executor::Call: Expecting 'type' to be present")
    body = _BODIES.get(kind)
    if body is not None and body not in call:
        raise BadCallError(f"Failed to validate Executor::Call: Expecting '{body}' to be present")
    if kind == "UPDATE":
        _validate_status(call, call["update"]["status"])
    for update in _section(call, "subscribe").get("unacknowledged_updates", []):
        _validate_status(call, update["status"])


def _validate_status(call: Json, status: Json) -> None:
    executor, framework = call["executor_id"]["value"], call["framework_id"]["value"]
    if "uuid" not in status:
        raise BadCallError("Failed to validate Executor::Call: Expecting 'uuid' to be present")
    if len(_decode(status["uuid"])) != _UUID_BYTES:
        raise BadCallError("Failed to validate Executor::Call: Not a valid UUID")
    named = status.get("executor_id", {}).get("value", executor)
    if named != executor:
        words = f"ExecutorID in Call: {executor} does not match ExecutorID in TaskStatus: {named}"
        raise BadCallError(f"Failed to validate Executor::Call: {words}")
    if status.get("source") != "SOURCE_EXECUTOR":
        words = f"Received Call from executor {executor} of framework {framework}"
        raise BadCallError(
            f"Failed to validate Executor::Call: {words} with invalid source, expecting 'SOURCE_EXECUTOR'"
        )
    if status["state"] == "TASK_STAGING":
        words = f"Received TASK_STAGING from executor {executor} of framework {framework} which is not allowed"
        raise BadCallError(f"Failed to validate Executor::Call: {words}")


def _decode(text: str) -> bytes:
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="
    for character in text:
        if character not in alphabet:
            raise BadCallError(
                "Failed to convert JSON into Call protobuf: Failed to base64 decode bytes field 'uuid': "
                f"Invalid character '{character}'"
            )
    try:
        return base64.b64decode(text)
    except binascii.Error:
        return b""
