"""Records as the bytes in ZooKeeper: readable JSON, the same bytes for the same record.

Every record has `schema_version`. A record that is unreadable, or newer than this scheduler, raises StateCorruptError
with its path: it is never treated as absent.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from executor.json_codec import DocumentError, decode, encode
from executor.sentences import has_date
from executor.untrusted import finite
from scheduler.core.state.cluster import ClusterState, Stored
from scheduler.core.state.node import SCHEMA_VERSION, NodeRecord
from scheduler.core.state.record_kinds import KINDS_OF_RECORDS, TARGET, Collection, Record, kind_at, kind_of, path_of

# A cycle does not write the others.
_CHANGING = tuple(kind for kind in KINDS_OF_RECORDS if isinstance(kind, Collection) or kind.changing)

_leaf = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode
_text = json.encoder.encode_basestring
_WORDS = {None: "null", True: "true", False: "false"}

# Of a path or a problem, which can hold what another client wrote.
_SHOWN = 500


class StateCorruptError(Exception):
    """A record that cannot be read; the text names the record and the problem."""

    def __init__(self, path: str, problem: str) -> None:
        shown = f"{path[:_SHOWN]} cannot be read: {problem[:_SHOWN]}".encode("utf-8", "backslashreplace").decode()
        super().__init__(f"the stored record {shown}")
        self.path = path


def encode_record(record: Record) -> bytes:
    """Return canonical JSON: sorted keys, one space of indent, UTF-8. Raises ValueError for what JSON cannot hold."""
    return _readable(encode(record), "\n").encode()


def _readable(value: Any, line: str) -> str:
    """Return what `json.dumps` makes with one space of indent, which it does not do in C; `line` begins each line."""
    inner = f"{line} "
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, dict) and value:
        items = [f"{_text(name)}: {_readable(value[name], inner)}" for name in sorted(value)]
        return f"{{{inner}{f',{inner}'.join(items)}{line}}}"
    if isinstance(value, list) and value:
        return f"[{inner}{f',{inner}'.join([_readable(item, inner) for item in value])}{line}]"
    if type(value) is int:
        return repr(value)
    return _WORDS[value] if value is None or isinstance(value, bool) else _leaf(value)


def decode_record(path: str, content: bytes) -> Record:
    """Return the record at this path; raise StateCorruptError, also for a path where no record belongs."""
    kind = kind_at(path)
    if kind is None:
        raise StateCorruptError(path, "no record belongs there")
    document = _parse(path, content)
    try:
        record: Record = decode(kind.type, document)
    except DocumentError as error:
        raise StateCorruptError(path, str(error)) from error
    _check_times(path, record)
    if path_of(record) != path:
        raise StateCorruptError(path, f"it says of itself that it is {path_of(record)}")
    return record


def _check_times(path: str, value: Any) -> None:
    """Raise StateCorruptError for a time that no date can hold: each answer that shows it would fail."""
    if isinstance(value, tuple):
        for item in value:
            _check_times(path, item)
    if not is_dataclass(value):
        return
    for field in fields(value):
        found, name = getattr(value, field.name), field.name
        is_time = name in ("at", "since", "not_before") or name.endswith(("_at", "_since"))
        if is_time and isinstance(found, float) and not has_date(found):
            raise StateCorruptError(path, f"{name} is {found!r}, which is no time")
        _check_times(path, found)


def contents(state: ClusterState) -> dict[str, Record]:
    """Return every record of the state that a cycle writes, by path."""
    return {kind.path(record): record for kind in _CHANGING for record in kind.of(state).values()}


def changes(before: ClusterState | Stored, after: ClusterState) -> tuple[Record, ...]:
    """Return the records to store to get from one state to the other, in the order of their kinds."""
    found: list[Record] = []
    for kind in _CHANGING:
        old, new = kind.of(before), kind.of(after)
        if old is not new:
            found += [record for name, record in new.items() if not _same(old.get(name), record)]
    return tuple(found)


def removals(before: ClusterState | Stored, after: ClusterState) -> tuple[str, ...]:
    """Return the paths of the records to remove to get from one state to the other."""
    found: list[str] = []
    for kind in _CHANGING:
        old, new = kind.of(before), kind.of(after)
        if old is not new:
            found += [kind.path(record) for name, record in old.items() if name not in new]
    return tuple(found)


def _same(one: object, other: object) -> bool:
    return one is other or one == other


def load(contents: Mapping[str, bytes]) -> Stored:
    """Return all records from their paths.

    Raises:
        StateCorruptError: A record is unreadable, or names a configuration that is missing.
    """
    found: dict[type[Any], dict[str, Record]] = {kind.type: {} for kind in KINDS_OF_RECORDS}
    for path, content in contents.items():
        record = decode_record(path, content)
        found[type(record)][kind_of(record).key(record)] = record
    fields: dict[str, Any] = {}
    for kind in KINDS_OF_RECORDS:
        fields |= kind.fields(found[kind.type])
    stored = Stored(**fields)
    _check_references(stored)
    return stored


def named_by(node: NodeRecord) -> set[str]:
    """Return the ids of the configurations that a node's record names."""
    names = {node.deployed, None if node.task is None else node.task.configuration}
    if node.intent is not None:
        names |= {node.intent.configuration, node.intent.previous.deployed if node.intent.previous else None}
    return {name for name in names if name is not None}


def _check_references(stored: Stored) -> None:
    for name in (stored.target, stored.previous):
        if name is not None and name not in stored.configurations:
            raise StateCorruptError(TARGET, f"the configuration {name} that it names is missing")
    for node in stored.nodes.values():
        for name in sorted(named_by(node)):
            if name not in stored.configurations:
                raise StateCorruptError(path_of(node), f"the configuration {name} that it names is missing")
        if stored.target is None:
            raise StateCorruptError(path_of(node), "there are nodes, but no target configuration")
    if (logins := stored.logins) is not None:
        names = [user.name for user in logins.users]
        if len(names) != 2 or len(set(names)) != 2 or logins.current not in names:
            raise StateCorruptError(path_of(logins), "it must have two users, one of them the current one")
    if (authority := stored.authority) is not None and (authority.following is None) != (authority.phase is None):
        raise StateCorruptError(path_of(authority), "it must have a following authority and a phase, or neither")


def _parse(path: str, content: bytes) -> dict[str, Any]:
    try:
        document = json.loads(content.decode(), parse_constant=_refuse, parse_float=finite)
        _check_texts(content, document)
    except (RecursionError, ValueError) as error:
        raise StateCorruptError(path, f"not JSON: {error}") from error
    if not isinstance(document, dict):
        raise StateCorruptError(path, "not a JSON object")
    version = document.get("schema_version")
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise StateCorruptError(path, f"schema_version is {version!r}")
    if version > SCHEMA_VERSION:
        raise StateCorruptError(
            path, f"it was written by a newer version (schema {version}, known up to {SCHEMA_VERSION})"
        )
    return document


def _refuse(word: str) -> None:
    raise ValueError(f"{word} is no number")


def _check_texts(content: bytes, document: object) -> None:
    """Raise ValueError for half of a surrogate pair, which only an escape can write and no record can store again."""
    if b"\\u" in content:
        json.dumps(document, ensure_ascii=False).encode()
