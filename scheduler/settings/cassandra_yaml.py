"""Free-form keys of cassandra.yaml, parsed with their line numbers for the problems."""

from __future__ import annotations

import json
from typing import Any

import yaml

from scheduler.settings.cassandra_options import check_key
from scheduler.settings.cassandra_values import check_value

MAX_BYTES = 100_000  # every launch carries them, and ZooKeeper stores them


def parse(text: str, source: str) -> tuple[dict[str, Any], list[str]]:
    """Parse a YAML mapping; returns its keys and values, and all problems.

    A problem is one sentence with `source` and the line, and never has a value: it could be a password. A key with the
    value null is left to Cassandra.

    Args:
        text: The YAML.
        source: The setting that holds it, such as CASSANDRA_YAML.
    """
    if len(text.encode()) > MAX_BYTES:
        return {}, [f"{source} is larger than {MAX_BYTES} bytes."]
    try:
        for token in yaml.scan(text, Loader=yaml.SafeLoader):
            # A few lines of aliases can expand to gigabytes.
            if isinstance(token, yaml.AliasToken):
                return {}, [f"{source} line {token.start_mark.line + 1}: aliases are not supported."]
        return _read(text, source)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f" line {mark.line + 1}:" if mark else ""
        return {}, [f"{source}{where} is not YAML: {error.problem or error.context}."]
    except yaml.YAMLError:
        return {}, [f"{source} is not YAML: it has a character that is not allowed."]
    except RecursionError:
        return {}, [f"{source} is nested too deeply."]


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
        key = str(key_node.value)
        try:
            value = loader.construct_object(value_node, deep=True)
        except ValueError:
            value, rule = None, "holds a date or number that does not exist"
        else:
            rule = "is there twice" if key in seen else _check(key, value)
        seen.add(key)
        if rule:
            problems.append(f"{source} line {key_node.start_mark.line + 1}: {key} {rule}.")
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
    if password := _password(value):
        return f"must not hold a {password}: a launch can be read in Mesos; use PEM files on the agents"
    return None


def _password(value: Any) -> str | None:
    """Return the first nested key with a password."""
    if isinstance(value, dict):
        own = (str(key) for key, item in value.items() if "password" in str(key) and isinstance(item, str) and item)
        return next(own, None) or next(filter(None, map(_password, value.values())), None)
    return next(filter(None, map(_password, value)), None) if isinstance(value, list) else None
