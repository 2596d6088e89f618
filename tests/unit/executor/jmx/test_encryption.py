"""Clients in plain text, and the reload of certificates, over Jolokia."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from executor.jmx.encryption import MOST_NAMED, plain_clients, reload_certificates
from executor.jmx.jolokia import JolokiaError
from tests.unit.executor.jolokia_server import Server


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


def answer(server: Server, value: Any, status: int = 200) -> None:
    said = [{"status": status, "value": value}]
    server.answer = lambda body: (200, json.dumps(said if isinstance(body, list) else said[0]).encode())


def row(address: str, ssl: object) -> dict[str, object]:
    return {"address": address, "ssl": ssl, "driverName": "DataStax Python Driver"}


@pytest.mark.parametrize(
    ("rows", "found"),
    [
        ([], ()),
        ([row("/10.0.0.8:40000", "true"), row("/10.0.0.9:40000", True)], ()),
        ([row("/10.0.0.9:40000", "false"), row("/10.0.0.9:40002", "false"), row("/10.0.0.8:1", False)],
         ("10.0.0.8", "10.0.0.9")),
        ([row("/[fd00:0:0:0:0:0:0:1]:40000", "false")], ("[fd00:0:0:0:0:0:0:1]",)),
        ("no rows", None),
    ],
)  # fmt: skip
def test_clients_in_plain_text(server: Server, rows: Any, found: tuple[str, ...] | None) -> None:
    answer(server, rows)
    assert plain_clients(server.client(), 5) == found


def test_thousands_of_clients_are_not_all_named(server: Server) -> None:
    answer(server, [row(f"/10.0.{number // 250}.{number % 250}:1", "false") for number in range(2000)])
    assert len(plain_clients(server.client(), 5) or ()) == MOST_NAMED


def test_a_reload(server: Server) -> None:
    answer(server, None)
    reload_certificates(server.client())
    (sent,) = server.bodies
    assert (sent["mbean"], sent["operation"]) == (
        "org.apache.cassandra.net:type=MessagingService",
        "reloadSslCertificates",
    )
    server.answer = lambda body: (200, json.dumps({"status": 500, "error": "no such file"}).encode())
    with pytest.raises(JolokiaError, match="no such file"):
        reload_certificates(server.client())
