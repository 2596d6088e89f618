"""The names that a master's certificate may have: those under which it announces itself in ZooKeeper."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from executor.mesos_http import TlsError
from scheduler.driver.route import Route
from scheduler.security.tls import Tls
from tests.certificates import Authority
from tests.http_servers import HttpServer, QuietHandler

ANNOUNCED = {"address": {"hostname": "mesos-1.example", "ip": "127.0.0.1", "port": 5050}}


class Callback:
    """The part of a driver that a connection needs."""

    def gen_request(self) -> bytes:
        return b""

    def on_close(self) -> None:
        pass


def name_tried(route: Route, address: str) -> str:
    """Return the name that the next connection compares with the certificate."""
    stream = route.open_stream(address, Callback())
    assert stream._peer is not None
    name = stream._peer.name
    stream.close()
    return name


@pytest.fixture
def tls(tmp_path: Path) -> Tls:
    return Tls(str(Authority(tmp_path).ca))


def test_a_master_has_its_announced_name_and_then_its_address(tls: Tls) -> None:
    route = Route(tls)
    with HttpServer(QuietHandler) as server:
        announced = {"address": {**ANNOUNCED["address"], "port": server.port}}
        assert name_tried(route, server.address) == "127.0.0.1"
        route.note_announced(json.dumps(announced).encode())
        assert name_tried(route, server.address) == "mesos-1.example"
        route.note_failure(TlsError("its certificate is for another name", other_name=True))
        assert name_tried(route, server.address) == "127.0.0.1"
        route.note_failure(TlsError("its certificate has expired"))
        assert name_tried(route, server.address) == "127.0.0.1"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'{"address": 5}',
        b'{"address": {"ip": "1.2.3.4"}}',
        b"\xff",
        pytest.param(b"[" * 100_000, id="too deep"),
    ],
)
def test_what_is_no_announcement_names_nothing(tls: Tls, data: bytes) -> None:
    route = Route(tls)
    route.note_announced(data)
    with HttpServer(QuietHandler) as server:
        assert name_tried(route, server.address) == "127.0.0.1"


def test_files_that_are_gone_are_named(tmp_path: Path, tls: Tls) -> None:
    route = Route(tls)
    Path(tls.ca_file).unlink()
    with pytest.raises(TlsError, match="MESOS_CA_FILE"):
        route.open_stream("127.0.0.1:1", Callback())


def test_without_tls() -> None:
    with HttpServer(QuietHandler) as server:
        stream = Route(None).open_stream(server.address, Callback())
        assert stream._peer is None
        stream.close()
