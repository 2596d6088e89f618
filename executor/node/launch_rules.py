"""What a node may be launched with: checked before anything is made of it, so that a wrong value has a sentence. Pure.

The scheduler checks its settings too; a launch can come from an older one, or from an impostor.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import PurePosixPath
from typing import Any

from executor.certificate_messages import ENCRYPTIONS, OFF, split_certificates
from executor.protocol import JobLaunch, NodeLaunch
from executor.untrusted import REPLACEMENT

_TEXTS = ("node", "cluster_name", "configuration", "data_center", "rack", "gc", "volume", "bundle")
_MAYBE_TEXTS = ("replace_address", "java_home")
_LISTS = ("seeds", "jvm_options")
_NAMES_OF_FILES = ("operation", "tag")
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_PORTS = range(1, 65_536)
_MOST_MB = 16 * 1024**2
_MOST_DEPTH = 16


def problem(launch: NodeLaunch) -> str | None:
    """Return the rule that a launch breaks, in a sentence that names the field; None if it can be launched."""
    return next(_problems(launch), None)


def job_problem(launch: JobLaunch) -> str | None:
    """Return the rule that a job's launch breaks: names in it become names of files on the volume."""
    named = {name: getattr(launch, name) for name in ("job", "operation", "node")}
    parameters: Any = launch.parameters
    if not isinstance(parameters, Mapping) or not isinstance(launch.tuning, Mapping):
        return "parameters and tuning must be objects"
    named |= {f"parameters.{name}": parameters[name] for name in _NAMES_OF_FILES if parameters.get(name)}
    for name, value in named.items():
        if not isinstance(value, str) or not _NAME.fullmatch(value):
            return f"{name} must be 1 to 128 letters, digits and ._-, and begin with none of .-"
    return None


def _problems(launch: NodeLaunch) -> Iterator[str]:
    for name in _TEXTS:
        yield from _text(name, getattr(launch, name))
    for name in _MAYBE_TEXTS:
        if getattr(launch, name) is not None:
            yield from _text(name, getattr(launch, name))
    for name in _LISTS:
        yield from _list(name, getattr(launch, name))
    for name in ("volume", "bundle"):
        path = PurePosixPath(getattr(launch, name))
        if path.is_absolute() or ".." in path.parts:
            yield f"{name} must be a path in the sandbox"
    for item in fields(launch.ports):
        if type(number := getattr(launch.ports, item.name)) is not int or number not in _PORTS:
            yield f"ports.{item.name} must be from 1 to 65535"
    yield from _numbers(launch)
    yield from _security(launch)
    options: Any = launch.options
    if not isinstance(options, Mapping):
        yield "options must be an object"
        return
    yield from _value("options", options, 0)


def _security(launch: NodeLaunch) -> Iterator[str]:
    for name in ("encryption", "client_certificates"):
        if getattr(launch, name) not in ENCRYPTIONS:
            yield f"{name} must be one of {', '.join(ENCRYPTIONS)}"
    authorities: Any = launch.client_authorities
    if not isinstance(authorities, str) or "".join(split_certificates(authorities)) != authorities:
        yield "client_authorities must be certificates in PEM"
    elif launch.client_certificates != OFF and (launch.encryption == OFF or not authorities):
        yield "client_certificates must be off without encryption and client_authorities"


def _numbers(launch: NodeLaunch) -> Iterator[str]:
    for name in ("heap_mb", "heap_new_mb"):
        number = getattr(launch, name)
        if number is None and name == "heap_new_mb":
            continue
        if type(number) is not int or not 1 <= number <= _MOST_MB:
            yield f"{name} must be a whole number from 1 to {_MOST_MB}"
    seconds = launch.drain_seconds
    if type(seconds) not in (int, float) or not 0 <= seconds <= 86_400:
        yield "drain_seconds must be a number from 0 to 86400"


def _list(name: str, value: Any) -> Iterator[str]:
    if not isinstance(value, tuple):
        yield f"{name} must be a list of texts"
        return
    for number, item in enumerate(value):
        yield from _text(f"{name}[{number}]", item)


def _text(name: str, value: Any) -> Iterator[str]:
    if not isinstance(value, str):
        yield f"{name} must be a text"
    elif bad := next((one for one in value if _is_bad(one)), None):
        yield f"{name} must not hold control characters or half of a surrogate pair, as {bad!a} in it is"


def _is_bad(character: str) -> bool:
    # The parser of launch data has already put REPLACEMENT in the place of most of them.
    return character == REPLACEMENT or (not character.isprintable() and character != "\u00a0")


def _value(name: str, value: Any, depth: int) -> Iterator[str]:
    """Check the values of options: YAML has no form for NUL and halves, and others are already replaced."""
    if depth > _MOST_DEPTH:
        yield f"{name} is nested too deep"
    elif isinstance(value, str):
        if any(one in ("\0", REPLACEMENT) or "\ud800" <= one <= "\udfff" for one in value):
            yield f"{name} must not hold NUL, another control character or half of a surrogate pair"
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _text(f"a key of {name}", key)
            yield from _value(f"{name}.{ascii(key)[1:-1][:80]}", item, depth + 1)
    elif isinstance(value, list | tuple):
        for number, item in enumerate(value):
            yield from _value(f"{name}[{number}]", item, depth + 1)
