"""A worker for each test, with limits that its test chooses."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from service.http.limits import Limits
from service.http.tls import Identities
from tests.unit.service.http.serving import Before, Serve, Served, served

ARTIFACT_BYTES = 60_000_000


@pytest.fixture
def artifact(tmp_path: Path) -> Path:
    path = tmp_path / "bundle.tar.gz"
    with path.open("wb") as file:
        file.truncate(ARTIFACT_BYTES)
    return path


@pytest.fixture
def serve(artifact: Path) -> Iterator[Serve]:
    with ExitStack() as stack:

        def start(
            limits: Limits,
            before: Before | None = None,
            identities: Identities | None = None,
            tls: ssl.SSLContext | None = None,
        ) -> Served:
            return stack.enter_context(served(artifact, limits, before, identities, tls))

        yield start
