"""Tokens follow their file, and a hash is checked once."""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from api.http.token_file import TokenFile
from api.http.watched_file import REREAD_SECONDS
from scheduler.security.tokens import Role, Token, new_token


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_requests_at_once_check_a_hash_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    token, line = new_token("alice", Role.READ)
    path = tmp_path / "tokens"
    path.write_text(line)
    file = TokenFile(path)
    checked: list[str] = []
    whole = Token.matches

    def matches(self: Token, secret: str) -> bool:
        checked.append(secret)
        time.sleep(0.2)  # the others come to the lock meanwhile
        return whole(self, secret)

    monkeypatch.setattr(Token, "matches", matches)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(file.holder, [token] * 8))
    assert [holder is not None and holder.name for holder in found] == ["alice"] * 8
    assert len(checked) == 1


def test_a_hash_is_checked_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    token, line = new_token("alice", Role.OPERATE)
    path = tmp_path / "tokens"
    path.write_text(line)
    file = TokenFile(path)
    checked: list[str] = []
    whole = Token.matches

    def matches(self: Token, secret: str) -> bool:
        checked.append(secret)
        return whole(self, secret)

    monkeypatch.setattr(Token, "matches", matches)
    assert file.holder(token, hashing=False) is None
    for _ in range(3):
        found = file.holder(token)
        assert found is not None
        assert (found.name, found.role) == ("alice", Role.OPERATE)
    assert checked == [token]
    # A wrong one without the id of a line costs nothing; with one it is not remembered.
    for wrong in ("", "wrong", "0" * 16 + ".wrong", line):
        assert file.holder(wrong) is None
    assert checked == [token]
    assert file.holder(token + "x") is None
    assert len(checked) == 2


def test_a_token_that_is_removed_is_no_more(tmp_path: Path) -> None:
    token, line = new_token("alice", Role.OPERATE)
    path = tmp_path / "tokens"
    path.write_text(f"{line}\nbob:bobs-token\n")
    file = TokenFile(path)
    assert file.holder(token) is not None
    path.write_text("bob:bobs-token\n")
    assert file.holder(token) is None
    assert file.holder("bobs-token") is not None


def test_a_change_that_does_not_show_is_seen_soon(tmp_path: Path) -> None:
    path, clock = tmp_path / "tokens", Clock()
    path.write_text("first-token")
    status = path.stat()
    file = TokenFile(path, clock)
    assert file.holder("first-token") is not None
    path.write_text("other-token")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    clock.now += REREAD_SECONDS
    assert file.holder("first-token") is None
    assert file.holder("other-token") is not None


def test_a_directory_and_a_file_that_comes_later(tmp_path: Path) -> None:
    assert TokenFile(tmp_path).holder("any-token") is None
    file = TokenFile(tmp_path / "tokens")
    assert file.holder("any-token") is None
    (tmp_path / "tokens").write_text("any-token")
    assert file.holder("any-token") is not None
