"""Records as an earlier version stored them: they are read, and written again byte for byte."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from scheduler.core.state.codec import decode_record, encode_record
from scheduler.core.state.record_kinds import FOLDERS, SINGLE

# Written by collect_records.py of the version before; never written anew for a change of the code that reads them.
OLD: list[tuple[str, str]] = json.loads(Path(__file__).with_name("old_records.json").read_text())
# Kinds of records since then.
NEW = {"authority", "logins"}


@pytest.mark.parametrize(("path", "content"), OLD, ids=lambda value: value if "\n" not in value else "")
def test_an_old_record_is_written_again_byte_for_byte(path: str, content: str) -> None:
    assert encode_record(decode_record(path, content.encode())).decode() == content


def test_there_is_one_of_each_kind() -> None:
    assert {path.partition("/")[0] for path, _ in OLD} | NEW == {*SINGLE, *FOLDERS}
