"""The warnings of a start."""

from __future__ import annotations

import logging

import pytest

from scheduler.settings import parse
from service import logs
from service.__main__ import _log

ELSEWHERE = {"EXECUTOR_LOCATION": "/e.tar.gz", "EXECUTOR_CASSANDRA_LOCATION": "/c.tar.gz"}
DIGESTS = {"EXECUTOR_SHA256": "a" * 64, "EXECUTOR_CASSANDRA_SHA256": "b" * 64}


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        (
            {},
            "agents run bundles without a check of their SHA-256: set EXECUTOR_SHA256 and EXECUTOR_CASSANDRA_SHA256",
        ),
        (DIGESTS | {"EXECUTOR_JRE_LOCATION": "/j.tgz"}, "check of their SHA-256: set EXECUTOR_JRE_SHA256"),
        (DIGESTS, ""),
    ],
)
def test_bundles_without_a_digest_are_named(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, environ: dict[str, str], said: str
) -> None:
    monkeypatch.setattr(logs, "set_up", lambda *_: None)
    caplog.set_level(logging.WARNING)
    _log(parse({**ELSEWHERE, **environ}))
    found = [record.getMessage() for record in caplog.records if "SHA-256" in record.getMessage()]
    assert [message.endswith(said) for message in found] == ([True] if said else [])
