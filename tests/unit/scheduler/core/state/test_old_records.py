"""Records as an earlier version stored them: they are read, and written again with the fields that are new since."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from scheduler.core.state.codec import decode_record, encode_record
from scheduler.core.state.record_kinds import FOLDERS, SINGLE

# Written by collect_records.py of the version before; never written anew for a change of the code that reads them.
OLD: list[tuple[str, str]] = json.loads(Path(__file__).with_name("old_records.json").read_text())


# The fields since then, with what they are in an old record; and the kinds of records since then.
NEW_FIELDS: Mapping[str, tuple[tuple[str, ...], Mapping[str, Any]]] = {
    "configurations": (
        ("spec", "cassandra"),
        {"authentication": "off", "authorization": "off", "encryption": "off"},
    ),
    "nodes": (("task",), {"authentication": "off", "authorization": "off"}),
    "plans": ((), {"passed": None}),
}
NEW_KINDS = {"authority", "logins"}


def with_new_fields(path: str, content: str) -> str:
    document = json.loads(content)
    if "kind" in document:  # an operation has the folder of the plans
        return content
    way, fields = NEW_FIELDS.get(path.partition("/")[0], ((), {}))
    part = document
    for name in way:
        part = part and part[name]
    if part:
        part.update(fields)
    return json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False)


@pytest.mark.parametrize(("path", "content"), OLD, ids=lambda value: value if "\n" not in value else "")
def test_an_old_record_is_written_again_with_the_new_fields(path: str, content: str) -> None:
    assert encode_record(decode_record(path, content.encode())).decode() == with_new_fields(path, content)


def test_there_is_one_of_each_kind() -> None:
    assert {path.partition("/")[0] for path, _ in OLD} | NEW_KINDS == {*SINGLE, *FOLDERS}
