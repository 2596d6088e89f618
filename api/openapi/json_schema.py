"""JSON Schema of single values, and of objects and lists made of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Json = dict[str, Any]

STRING: Json = {"type": "string"}
STRINGS: Json = {"type": "array", "items": STRING}
BOOLEAN: Json = {"type": "boolean"}
INTEGER: Json = {"type": "integer"}
OBJECT: Json = {"type": "object"}
NUMBER: Json = {"type": "number"}
NULLABLE: Json = {"type": ["string", "null"]}
NULLABLE_INTEGER: Json = {"type": ["integer", "null"]}
NULLABLE_NUMBER: Json = {"type": ["number", "null"]}
NULLABLE_BOOLEAN: Json = {"type": ["boolean", "null"]}


def object_of(fields: Mapping[str, Json]) -> Json:
    """Return the schema of an object that always has all of these fields."""
    return {"type": "object", "properties": dict(fields), "required": list(fields)}


def ref(name: str) -> Json:
    """Return a reference to the schema of this name among the components."""
    return {"$ref": f"#/components/schemas/{name}"}


def list_of(name: str) -> Json:
    """Return the schema of a list whose items have the schema of this name."""
    return {"type": "array", "items": ref(name)}


def nullable(schema: Json) -> Json:
    """Return the schema of a value that can also be null."""
    return {"anyOf": [schema, {"type": "null"}]}
