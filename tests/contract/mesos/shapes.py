"""The shape of JSON: which fields there are, of which types, whatever the values."""

from typing import Any

_OPEN = ("flags", "attributes", "reserved_resources", "reserved_resources_full", "metrics")
"""Objects whose fields are names of the user's or of what there is to measure."""


def shape(value: Any, name: str = "") -> Any:
    """Return the shape of a value; a list has that of its longest object, and numbers are one type."""
    if isinstance(value, dict):
        return "object" if name in _OPEN else {key: shape(item, key) for key, item in value.items()}
    if isinstance(value, list):
        shapes = [shape(item, name) for item in value]
        return [max(shapes, key=lambda item: len(str(item)))] if shapes else []
    if isinstance(value, bool) or value is None:
        return type(value).__name__
    return "number" if isinstance(value, int | float) else type(value).__name__


def missing(recorded: Any, ours: Any, path: str = "") -> list[str]:
    """Return where `ours` lacks a part of `recorded` or has another type; a list that is empty on a side fits."""
    if isinstance(recorded, dict) and isinstance(ours, dict):
        found = [f"{path}.{key}" for key in recorded if key not in ours]
        return found + [
            p for key in recorded if key in ours for p in missing(recorded[key], ours[key], f"{path}.{key}")
        ]
    if isinstance(recorded, list) and isinstance(ours, list):
        return missing(recorded[0], ours[0], f"{path}[]") if recorded and ours else []
    return [] if recorded == ours else [f"{path}: {recorded} here {ours}"]
