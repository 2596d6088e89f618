"""The bundles for the agents' fetcher."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask.testing import FlaskClient

from api import create_app
from tests.unit.api.cluster import CoreGateway, make_settings, make_state

BUNDLE = bytes(range(256)) * 8


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    artifacts = tmp_path / "artifacts"
    artifacts.mkdir()
    (artifacts / "executor.tar.gz").write_bytes(BUNDLE)
    (artifacts / "cassandra.tar.gz").symlink_to("executor.tar.gz")
    (artifacts / ".stamp").write_text("inputs")
    (artifacts / "below").mkdir()
    (artifacts / "below" / "file").write_text("x")
    (tmp_path / "secret").write_text("secret")
    (artifacts / "link").symlink_to(tmp_path / "secret")
    return artifacts


@pytest.fixture
def client(directory: Path, tmp_path: Path) -> FlaskClient:
    tokens = tmp_path / "tokens"
    tokens.write_text("0123456789")
    settings = make_settings(ARTIFACTS_DIR=str(directory), API_TOKEN_FILE=str(tokens))
    return create_app(CoreGateway(make_state(settings)), settings).test_client()


@pytest.mark.parametrize("name", ["executor.tar.gz", "cassandra.tar.gz"])
def test_a_bundle_without_a_token(client: FlaskClient, name: str) -> None:
    with client.get(f"/v1/artifacts/{name}") as answer:
        assert answer.status_code == 200
        assert answer.data == BUNDLE
        assert answer.mimetype == "application/gzip"
        assert "Content-Encoding" not in answer.headers


def test_head_tells_the_length(client: FlaskClient) -> None:
    with client.head("/v1/artifacts/executor.tar.gz") as answer:
        assert (answer.status_code, answer.headers["Content-Length"]) == (200, str(len(BUNDLE)))


@pytest.mark.parametrize(
    ("header", "status", "data"),
    [("bytes=0-9", 206, BUNDLE[:10]), ("bytes=2040-", 206, BUNDLE[2040:]), ("bytes=9999-", 416, None)],
)
def test_ranges(client: FlaskClient, header: str, status: int, data: bytes | None) -> None:
    with client.get("/v1/artifacts/executor.tar.gz", headers={"Range": header}) as answer:
        assert answer.status_code == status
        if data is not None:
            assert answer.data == data
        else:
            assert answer.headers["Content-Range"] == f"bytes */{len(BUNDLE)}"


def test_a_bundle_that_was_not_changed(client: FlaskClient) -> None:
    with client.get("/v1/artifacts/executor.tar.gz") as first:
        tag = first.headers["ETag"]
    with client.get("/v1/artifacts/executor.tar.gz", headers={"If-None-Match": tag}) as answer:
        assert (answer.status_code, answer.data) == (304, b"")


@pytest.mark.parametrize(
    "path",
    ["absent", ".stamp", "below", "link", ".", "..", "%2e%2e", "..%2fsecret", "%2e%2e%2fsecret", "below%2ffile"],
)
def test_nothing_else_is_served(client: FlaskClient, path: str) -> None:
    with client.get(f"/v1/artifacts/{path}") as answer:
        # With a path that is not the fetcher's, the token is asked for first.
        assert answer.status_code in (401, 404)
        assert b"secret" not in answer.data.replace(path.encode(), b"")
    with client.get(f"/v1/artifacts/{path}", headers={"Authorization": "token=0123456789"}) as answer:
        assert answer.status_code == 404


def test_a_directory_that_is_not_there(tmp_path: Path) -> None:
    settings = make_settings(ARTIFACTS_DIR=str(tmp_path / "absent"))
    client = create_app(CoreGateway(make_state(settings)), settings).test_client()
    assert client.get("/v1/artifacts/executor.tar.gz").status_code == 404
