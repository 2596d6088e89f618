"""The text formats of resources and attributes: on a command line, and of operator endpoints."""

import json
import re
from collections.abc import Iterable
from typing import Any

Json = dict[str, Any]

_NAME = re.compile(r"^([A-Za-z0-9_.-]+)(?:\(([^)]+)\))?$")
_RANGES = re.compile(r"^\[\s*\d+\s*-\s*\d+\s*(?:,\s*\d+\s*-\s*\d+\s*)*\]$")
_SCALAR = re.compile(r"^-?\d+(?:\.\d+)?$")
_SUMMED = ("disk", "mem", "gpus", "cpus")


def _pairs(text: str) -> Iterable[tuple[str, str]]:
    for part in text.split(";"):
        if part.strip():
            name, colon, value = part.partition(":")
            if not colon or not name.strip() or not value.strip():
                raise ValueError(f"{part!r} is not of the form name:value")
            yield name.strip(), value.strip()


def _value(text: str) -> Json:
    if _SCALAR.match(text):
        return {"type": "SCALAR", "scalar": {"value": float(text)}}
    if _RANGES.match(text):
        bounds = (part.split("-") for part in text.strip("[]").split(","))
        ranges = [{"begin": int(begin), "end": int(end)} for begin, end in bounds]
        if any(r["begin"] > r["end"] for r in ranges):
            raise ValueError(f"{text!r} has a range that ends before it begins")
        return {"type": "RANGES", "ranges": {"range": ranges}}
    return {"type": "TEXT", "text": {"value": text}}


def parse_resources(text: str) -> list[Json]:
    """Return Mesos JSON of ``cpus:4;mem:1024;ports:[31000-32000]``, ``name(role):value`` or a JSON array.

    Raises:
        ValueError: the text has another form.
    """
    if text.lstrip().startswith("["):
        resources = json.loads(text)
        if not isinstance(resources, list) or any(not isinstance(r, dict) or "name" not in r for r in resources):
            raise ValueError("resources are not a JSON array of Mesos resources")
        return resources
    found = []
    for name, value in _pairs(text):
        match = _NAME.match(name)
        resource = {"name": match.group(1) if match else name, **_value(value)}
        if match is None or resource["type"] == "TEXT":
            raise ValueError(f"{name}:{value} is not a resource")
        if match.group(2) and match.group(2) != "*":
            resource["reservations"] = [{"type": "STATIC", "role": match.group(2)}]
        found.append(resource)
    return found


def parse_attributes(text: str) -> list[Json]:
    """Return Mesos JSON of ``rack:r1;zone:z1``.

    Raises:
        ValueError: the text has another form.
    """
    return [{"name": name, **_value(value)} for name, value in _pairs(text)]


def ranges_text(ranges: Iterable[Json]) -> str:
    """Return ranges as ``[1-2, 5-9]``."""
    return "[" + ", ".join(f"{r['begin']}-{r['end']}" for r in ranges) + "]"


def totals(resources: Iterable[Json]) -> Json:
    """Return sums by name as operator endpoints show them; ports only if there are any."""
    sums: Json = dict.fromkeys(_SUMMED, 0.0)
    ports: list[Json] = []
    for resource in resources:
        if resource["type"] == "SCALAR":
            sums[resource["name"]] = round(sums.get(resource["name"], 0.0) + resource["scalar"]["value"], 3)
        elif resource["name"] == "ports":
            ports += resource["ranges"]["range"]
    if ports:
        sums["ports"] = ranges_text(sorted(ports, key=lambda r: int(r["begin"])))
    return sums


def attribute_values(attributes: Iterable[Json]) -> Json:
    """Return attributes as a plain object: ``{"rack": "r1"}``."""
    return {
        a["name"]: a["text"]["value"]
        if a["type"] == "TEXT"
        else a["scalar"]["value"]
        if a["type"] == "SCALAR"
        else ranges_text(a["ranges"]["range"])
        for a in attributes
    }
