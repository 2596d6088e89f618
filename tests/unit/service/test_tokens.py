"""`python -m service tokens`."""

from __future__ import annotations

from pathlib import Path
from threading import Thread

import pytest

from scheduler.security.tokens import Role, parse_tokens
from service.__main__ import main


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "tokens"


def run(*arguments: str, code: int = 0) -> None:
    assert main(["tokens", *arguments]) == code


def test_a_token_is_printed_once_and_stored_as_a_hash(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("add", "alice", "--role", "operate", "--file", str(file))
    token = capsys.readouterr().out.strip()
    [stored] = parse_tokens(file.read_text())
    assert (stored.name, stored.role) == ("alice", Role.OPERATE)
    assert file.read_text().startswith("alice:operate:scrypt:")
    assert token not in file.read_text()
    assert stored.matches(token)
    assert file.stat().st_mode & 0o777 == 0o600
    run("list", "--file", str(file))
    assert capsys.readouterr().out == "alice\toperate\thash\n"


def test_other_lines_stay(file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    before = "# ours\nbob:bobs-token\n\nnobodys-token"
    file.write_text(before)
    file.chmod(0o640)
    monkeypatch.setenv("API_TOKEN_FILE", str(file))
    monkeypatch.setenv("NODES", "many")  # other settings are not read
    run("add", "alice")
    run("list")
    assert capsys.readouterr().out.splitlines()[1:] == [
        "bob\tadmin\tplain",
        "token-4\tadmin\tplain",
        "alice\tread\thash",
    ]
    run("remove", "alice")
    assert file.read_text() == f"{before}\n"
    run("remove", "token-4")
    assert file.read_text() == "# ours\nbob:bobs-token\n\n"
    assert file.stat().st_mode & 0o777 == 0o640


def test_a_link_stays_a_link(file: Path, tmp_path: Path) -> None:
    (tmp_path / "there").write_text("bob:bobs-token\n")
    file.symlink_to(tmp_path / "there")
    run("add", "alice", "--file", str(file))
    assert file.is_symlink()
    assert len(parse_tokens((tmp_path / "there").read_text())) == 2


def test_commands_at_the_same_time_lose_nothing(file: Path) -> None:
    threads = [Thread(target=run, args=("add", f"user-{number}", "--file", str(file))) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(parse_tokens(file.read_text())) == 8


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("add", "bob"), "bob has a token already"),
        (("add", "a:b"), "the name must be"),
        (("remove", "nobody"), "has no token of nobody"),
    ],
)
def test_refused(file: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], says: str) -> None:
    file.write_text("bob:bobs-token\n")
    run(*arguments, "--file", str(file), code=2)
    assert says in capsys.readouterr().err
    assert file.read_text() == "bob:bobs-token\n"


def test_without_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delenv("API_TOKEN_FILE", raising=False)
    run("list", code=2)
    run("list", "--file", str(tmp_path / "none"), code=2)
    run("add", "alice", "--file", str(tmp_path / "none" / "tokens"), code=2)
    assert "API_TOKEN_FILE must name the file" in capsys.readouterr().err


def test_the_scheduler_does_not_serve_an_open_api(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in {"ARTIFACTS_URL": "https://files.example/", "SERVICE_USER": "nobody"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("API_TOKEN_FILE", raising=False)
    monkeypatch.delenv("API_TRUST_ROUTER", raising=False)
    assert main([]) == 2
    assert "API_TOKEN_FILE must be set, or API_TRUST_ROUTER must be true" in capsys.readouterr().err
