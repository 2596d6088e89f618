"""A scheduler call from the bytes of a request, refused as Mesos refuses it."""

import json
from typing import Any

from localmesos.protocol.call_schema import CALL, CALL_TYPES, Kind, Repeated, Required

Json = dict[str, Any]

_JSON_TYPES = {"string": "string", "bytes": "string", "enum": "string", "number": "number", "bool": "boolean"}


class CallError(ValueError):
    """A request that is no valid call; the text is the body of the 400."""


def parse_json(body: bytes, message: str) -> Json:
    """Return the JSON object in `body`; `message` is its protobuf name for Mesos' error text.

    Raises:
        CallError: the body is no JSON object.
    """
    text = body.decode(errors="replace")
    try:
        data = json.loads(text, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        near = text[error.pos :].split("\n", 1)[0]
        raise CallError(f"Failed to parse body into JSON: syntax error at line {error.lineno} near: {near}") from error
    if not isinstance(data, dict):
        raise CallError(f"Failed to convert JSON into {message} protobuf: Expecting a JSON object")
    return data


def _no_constant(name: str) -> float:
    raise CallError(f"Failed to parse body into JSON: syntax error at line 1 near: {name}")


def parse_call(body: bytes) -> Json:
    """Return a scheduler call of a known type with the fields that its type needs.

    Raises:
        CallError: the call is not valid.
    """
    call: Json = _without_nulls(parse_json(body, "Call"))
    try:
        _check_types(call, CALL)
        missing = _missing(call, CALL, "")
    except CallError as error:
        raise CallError(f"Failed to convert JSON into Call protobuf: {error}") from error
    if missing:
        raise CallError(f"Failed to convert JSON into Call protobuf: Missing required fields: {', '.join(missing)}")
    try:
        _check_call(call)
    except CallError as error:
        raise CallError(f"Failed to validate scheduler::Call: {error}") from error
    return call


def _check_call(call: Json) -> None:
    kind = call.get("type")
    if kind not in CALL_TYPES:
        raise CallError("Expecting 'type' to be present")
    framework_id = call.get("framework_id", {}).get("value")
    needed = CALL_TYPES[kind]
    if kind == "SUBSCRIBE":
        if "subscribe" not in call:
            raise CallError("Expecting 'subscribe' to be present")
        if call["subscribe"]["framework_info"].get("id", {}).get("value") != framework_id:
            raise CallError("'framework_id' differs from 'subscribe.framework_info.id'")
        return
    if framework_id is None:
        raise CallError("Expecting 'framework_id' to be present")
    if needed is not None and needed not in call:
        raise CallError(f"Expecting '{needed}' to be present")


def _without_nulls(value: Any) -> Any:
    """Return the value without null fields, which mean absent fields."""
    if isinstance(value, dict):
        return {name: _without_nulls(item) for name, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_without_nulls(item) for item in value]
    return value


def _check_types(message: Json, schema: Kind) -> None:
    for name in sorted(message):
        if name in schema:
            _check_value(name, message[name], schema[name])


def _check_value(name: str, value: Any, kind: Kind) -> None:
    if isinstance(kind, Repeated):
        if not isinstance(value, list):
            raise CallError(f"Not expecting a JSON {_type_name(value)} for field '{name}'")
        for item in value:
            _check_value(name, item, kind.kind)
        return
    inner = kind.kind if isinstance(kind, Required) else kind
    found = _type_name(value)
    if isinstance(inner, dict):
        if found != "object":
            raise CallError(f"Not expecting a JSON {found} for field '{name}'")
        _check_types(value, inner)
    elif found != _JSON_TYPES[inner]:
        raise CallError(f"Not expecting a JSON {found} for field '{name}'")


def _type_name(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    names = ((str, "string"), (int | float, "number"), (dict, "object"), (list, "array"))
    return next((name for kind, name in names if isinstance(value, kind)), "null")


def _missing(message: Json, schema: Kind, path: str) -> list[str]:
    found = []
    for name, kind in schema.items():
        value = message.get(name)
        if value is None:
            found += [path + name] if isinstance(kind, Required) else []
            continue
        inner = kind.kind if isinstance(kind, Required | Repeated) else kind
        if isinstance(inner, dict):
            items = enumerate(value) if isinstance(kind, Repeated) else [(None, value)]
            for index, item in items:
                place = f"{path}{name}." if index is None else f"{path}{name}[{index}]."
                found += _missing(item, inner, place)
    return found
