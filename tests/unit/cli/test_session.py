"""Which address and which token a command uses."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from flask import Flask, request

from tests.unit.cli.serving import CommandLine, serve


def test_a_token_goes_to_its_own_server(cli: CommandLine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An environment with the address of a test cluster gets no token of production, and the other way round."""
    asked: list[tuple[str, str]] = []
    with contextlib.ExitStack() as stack:
        urls = [stack.enter_context(serve(_telling(name, asked))).url for name in ("test", "production")]
        for name in ("context", "option", "environment"):
            (tmp_path / name).write_text(f"of-the-{name}")
            (tmp_path / name).chmod(0o600)
        monkeypatch.setenv("CASSANDRA_MESOS_TOKEN_FILE", str(tmp_path / "environment"))
        assert cli("--token-file", str(tmp_path / "context"), "context", "add", "prod", urls[1]).code == 0
        monkeypatch.setenv("CASSANDRA_MESOS_URL", urls[0])
        assert cli("-c", "prod", "seeds").code == 0
        assert cli("seeds").code == 0
        assert cli("-c", "prod", "--token-file", str(tmp_path / "option"), "seeds").code == 0
        monkeypatch.delenv("CASSANDRA_MESOS_TOKEN_FILE")
        assert cli("-c", "prod", "seeds").code == 0
        monkeypatch.setenv("CASSANDRA_MESOS_CONTEXT", "prod")
        assert cli("--url", urls[0], "seeds").code == 0
        assert cli("--url", urls[0], "-c", "prod", "seeds").code == 0  # by both options it is meant
    assert asked == [
        ("production", "token=of-the-context"),
        ("test", "token=of-the-environment"),
        ("production", "token=of-the-option"),
        ("production", "token=of-the-context"),
        ("test", ""),
        ("test", "token=of-the-context"),
    ]


def _telling(name: str, asked: list[tuple[str, str]]) -> Flask:
    app = Flask(name)

    @app.route("/v1/seeds")
    def seeds() -> dict[str, list[str]]:
        asked.append((name, request.headers.get("Authorization", "")))
        return {"seeds": []}

    return app
