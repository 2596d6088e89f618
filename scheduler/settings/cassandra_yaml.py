"""Free-form keys of cassandra.yaml, parsed with their line numbers for the problems."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import yaml

from scheduler.settings.cassandra_options import check_key
from scheduler.settings.cassandra_values import check_value
from scheduler.settings.secret_names import secret_key
from scheduler.settings.texts import LINE_SIGNS, plain, shown, sign_rule

MAX_BYTES = 100_000  # every launch carries them, and ZooKeeper stores them
MAX_DEPTH = 16
MAX_TOKENS = 20_000
MAX_PROBLEMS = 20
# Longer ones that look like a number, such as 1:1:1:…, would take long to read.
_MAX_PLAIN = 1000
_INTEGER = 2**63
_OPENING = (
    yaml.FlowSequenceStartToken,
    yaml.FlowMappingStartToken,
    yaml.BlockSequenceStartToken,
    yaml.BlockMappingStartToken,
)
_CLOSING = (yaml.FlowSequenceEndToken, yaml.FlowMappingEndToken, yaml.BlockEndToken)
_TAGS = frozenset({"str", "int", "float", "bool", "null", "seq", "map"})
# What PyYAML raises for a value that its own tag does not take, such as `!!bool x`.
_BAD_VALUE = (ValueError, KeyError, IndexError, AttributeError, TypeError, OverflowError)


def parse(text: str, source: str) -> tuple[dict[str, Any], list[str]]:
    """Parse a YAML mapping; returns its keys and values, and the first problems.

    A problem is one sentence with `source` and the line, and never has a value: it could be a password. A key with the
    value null is left to Cassandra.

    Args:
        text: The YAML.
        source: The setting that holds it, such as CASSANDRA_YAML.
    """
    if len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        return {}, [f"{source} is larger than {MAX_BYTES} bytes."]
    try:
        problem = _scan(text)
        return ({}, [f"{source} {problem}."]) if problem else _read(text, source)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f" line {mark.line + 1}:" if mark else ""
        return {}, [f"{source}{where} is not YAML: {shown(str(error.problem or error.context))}."]
    except (yaml.YAMLError, *_BAD_VALUE):
        return {}, [f"{source} is not YAML: it has a character that is not allowed."]
    except RecursionError:
        return {}, [f"{source} is nested too deeply."]


def _scan(text: str) -> str | None:
    """Return the first thing that is not even read; PyYAML needs time that grows with the square of the depth."""
    depth = 0
    for number, token in enumerate(yaml.scan(text, Loader=yaml.SafeLoader)):
        if number >= MAX_TOKENS:
            return f"has more than {MAX_TOKENS} keys, values and signs"
        line = f"line {token.start_mark.line + 1}:"
        depth += isinstance(token, _OPENING) - isinstance(token, _CLOSING)
        if depth > MAX_DEPTH:
            return "is nested too deeply"
        # A few lines of aliases can expand to gigabytes.
        if isinstance(token, yaml.AliasToken):
            return f"{line} aliases are not supported"
        if isinstance(token, yaml.TagToken) and (token.value[0] != "!!" or token.value[1] not in _TAGS):
            return f"{line} this tag is not supported"
        if isinstance(token, yaml.ScalarToken) and token.plain and len(token.value) > _MAX_PLAIN:
            return f"{line} a value of more than {_MAX_PLAIN} characters must be in quotes"
    return None


def _read(text: str, source: str) -> tuple[dict[str, Any], list[str]]:
    loader = yaml.SafeLoader(text)
    try:
        return _read_root(loader, loader.get_single_node(), source)
    finally:
        loader.dispose()


def _read_root(loader: yaml.SafeLoader, root: yaml.Node | None, source: str) -> tuple[dict[str, Any], list[str]]:
    options: dict[str, Any] = {}
    problems: list[str] = []
    rule: str | None
    if root is None:
        return options, problems
    if not isinstance(root, yaml.MappingNode):
        return options, [f"{source} line {root.start_mark.line + 1}: must be keys with values."]
    seen: set[str] = set()
    for key_node, value_node in root.value:
        key = str(key_node.value) if isinstance(key_node, yaml.ScalarNode) else "a key"
        try:
            value = loader.construct_object(value_node, deep=True)
        except yaml.MarkedYAMLError:
            raise
        except _BAD_VALUE:
            value, rule = None, "holds a date or number that does not exist"
        else:
            rule = "is there twice" if key in seen else _check(key, value)
        seen.add(key)
        if rule:
            problems.append(f"{source} line {key_node.start_mark.line + 1}: {plain(key)} {rule}.")
            if len(problems) >= MAX_PROBLEMS:
                break
        elif value is not None:
            options[key] = value
    return options, problems


def _check(key: str, value: Any) -> str | None:
    rule = check_key(key) or check_value(key, value)
    if rule is not None:
        return rule
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError):
        return "holds a value that is not a text, number, truth value, list or mapping"
    if not all(isinstance(name, str) for name in _keys(value)):
        # Records are JSON, where each key is a text: read again, the settings would differ from what they were.
        return "holds a key that is no text: put it in quotes"
    if secret := secret_key({key: value}):
        return f"must not hold a {secret}: a launch can be read in Mesos; use PEM files on the agents"
    return next((rule for item in _scalars(value) if (rule := _scalar_rule(item)) is not None), None)


def _scalars(value: Any) -> Iterator[Any]:
    """Yield each text and number, keys included."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from _scalars(item)
    elif isinstance(value, list):
        for item in value:
            yield from _scalars(item)
    else:
        yield value


def _keys(value: Any) -> Iterator[Any]:
    """Yield each key of nested mappings."""
    if isinstance(value, dict):
        yield from value
    if isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _keys(item)


def _scalar_rule(value: Any) -> str | None:
    if isinstance(value, int) and not -_INTEGER <= value < _INTEGER:
        return "holds a number of more than 64 bits"
    return sign_rule(value, LINE_SIGNS) if isinstance(value, str) else None
