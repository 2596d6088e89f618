"""Waiting for the nodes: a small HTTP server plays the API's answers."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from devcluster import processes, status
from devcluster import up as bring_up
from devcluster.cluster_api import ClusterApi, NodeView
from devcluster.layout import Address, ClusterLayout
from devcluster.processes import ProcessTable
from devcluster.progress import Printer
from devcluster.requests import Response, UnreachableError, answers, get
from devcluster.up import StuckError, wait_for_nodes
from tests.http_servers import HttpServer, QuietHandler


@dataclass
class FakeApi:
    """An API that answers each path with its document; a list is answered item by item, the last one repeatedly."""

    paths: dict[str, Any] = field(default_factory=dict)
    token: str = "secret"

    def answer(self, path: str, authorization: str | None) -> tuple[int, Any]:
        if authorization != f"token={self.token}":
            return 401, {"error": "no token"}
        if path not in self.paths:
            return 404, {"error": "unknown"}
        value = self.paths[path]
        if isinstance(value, list) and value and isinstance(value[0], dict):
            return 200, value.pop(0) if len(value) > 1 else value[0]
        return 200, value


@pytest.fixture
def api() -> FakeApi:
    return FakeApi()


@pytest.fixture
def layout(api: FakeApi, tmp_path: Path) -> Iterator[ClusterLayout]:
    class Handler(QuietHandler):
        def do_GET(self) -> None:
            code, document = api.answer(self.path, self.headers["Authorization"])
            body = document if isinstance(document, bytes) else json.dumps(document).encode()
            self.reply(code, body)

    with HttpServer(Handler) as server:
        yield ClusterLayout(tmp_path, nodes=1, api=Address("127.0.0.1", server.port))


@pytest.fixture
def table(layout: ClusterLayout) -> Iterator[ProcessTable]:
    """A scheduler that runs, as far as its process goes."""
    table = ProcessTable(layout.directory)
    process = table.start("scheduler", ["sleep", "60"], os.environ)
    yield table
    processes.stop([process], 10.0)


def deploy(status: str, message: str = "", errors: tuple[str, ...] = ()) -> dict[str, Any]:
    step = {"id": "1", "name": "node-0", "status": status, "message": message}
    return {
        "status": status,
        "errors": list(errors),
        "phases": [{"id": "1", "name": "Deploy", "status": status, "steps": [step]}],
    }


def test_until_the_plan_is_complete_and_every_node_serves(
    api: FakeApi, layout: ClusterLayout, table: ProcessTable
) -> None:
    api.paths = {
        "/v1/plans": ["recovery", "deploy"],
        "/v1/plans/deploy": [deploy("STARTING", "launched"), deploy("COMPLETE")],
        "/v1/plans/recovery": {"status": "COMPLETE", "phases": [], "errors": []},
        "/v1/connection": [{"nodes": []}, {"nodes": ["127.0.0.2:9042"]}],
    }
    out = io.StringIO()
    assert wait_for_nodes(layout, ClusterApi(layout, "secret"), Printer(out)) == ["127.0.0.2:9042"]
    assert ["STARTING" in line or "COMPLETE" in line for line in out.getvalue().splitlines()] == [True, True]
    assert api.paths["/v1/connection"] == [{"nodes": ["127.0.0.2:9042"]}]


def test_a_plan_in_error_says_what_is_wrong(api: FakeApi, layout: ClusterLayout, table: ProcessTable) -> None:
    api.paths = {
        "/v1/plans": ["deploy"],
        "/v1/plans/deploy": deploy("ERROR", "no heap", ("cannot shrink",)),
        "/v1/connection": {"nodes": []},
    }
    with pytest.raises(StuckError) as stuck:
        wait_for_nodes(layout, ClusterApi(layout, "secret"), Printer(io.StringIO()))
    assert str(stuck.value).splitlines() == ["The plan deploy failed:", "  cannot shrink", "  node-0: no heap"]


def test_a_plan_that_does_not_move(
    api: FakeApi, layout: ClusterLayout, table: ProcessTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bring_up, "_PATIENCE_SECONDS", 0.1)
    api.paths = {
        "/v1/plans": ["deploy"],
        "/v1/plans/deploy": deploy("WAITING", "no offer fits"),
        "/v1/connection": {"nodes": []},
    }
    with pytest.raises(StuckError, match="node-0 is WAITING: no offer fits"):
        wait_for_nodes(layout, ClusterApi(layout, "secret"), Printer(io.StringIO()))


def test_a_scheduler_that_ended(layout: ClusterLayout) -> None:
    with pytest.raises(StuckError, match="The scheduler has ended"):
        wait_for_nodes(layout, ClusterApi(layout, "secret"), Printer(io.StringIO()))


def test_nodes_and_those_that_cannot_be_asked(api: FakeApi, layout: ClusterLayout) -> None:
    api.paths = {
        "/v1/nodes/list": ["node-0", "node-1"],
        "/v1/nodes/node-0/info": {"hostname": "127.0.0.2"},
        "/v1/nodes/node-0/status": {"mode": "NORMAL"},
        "/v1/nodes/node-1/info": {"hostname": None},
    }
    assert ClusterApi(layout, "secret").nodes() == [
        NodeView("node-0", "127.0.0.2", "NORMAL"),
        NodeView("node-1", "not placed", "no answer (/v1/nodes/node-1/status is answered with 404)"),
    ]


def test_a_wrong_token_and_a_wrong_program(api: FakeApi, layout: ClusterLayout) -> None:
    api.paths = {"/v1/connection": b"<html>"}
    with pytest.raises(UnreachableError, match="/v1/connection is answered with 401"):
        ClusterApi(layout, "other").serving()
    with pytest.raises(UnreachableError, match="not JSON"):
        ClusterApi(layout, "secret").serving()


def test_status_of_a_cluster(api: FakeApi, layout: ClusterLayout, table: ProcessTable) -> None:
    (layout.directory / "token").write_text("secret\n")
    api.paths = {
        "/v1/plans": ["deploy"],
        "/v1/plans/deploy": deploy("STARTING", "Cassandra is JOINING"),
        "/v1/connection": {"nodes": ["127.0.0.2:9042"]},
        "/v1/nodes/list": ["node-0"],
        "/v1/nodes/node-0/info": {"hostname": "127.0.0.2"},
        "/v1/nodes/node-0/status": {"mode": "JOINING"},
    }
    out = io.StringIO()
    assert not status.show(layout, Printer(out))
    printed = [" ".join(line.split()) for line in out.getvalue().splitlines()]
    assert "node-0 STARTING Cassandra is JOINING" in printed
    assert "node-0 127.0.0.2 JOINING CQL 127.0.0.2:9042" in printed


def test_requests(api: FakeApi, layout: ClusterLayout) -> None:
    api.paths = {"/x": {"a": 1}}
    assert get(layout.api, "/x", {"Authorization": "token=secret"}) == Response(200, b'{"a": 1}')
    assert answers(layout.api, "/x", {"Authorization": "token=secret"})
    assert not answers(layout.api, "/x")
    assert not answers(Address("127.0.0.1", 1), "/x")
    with pytest.raises(UnreachableError, match=r"127\.0\.0\.1:1: "):
        get(Address("127.0.0.1", 1), "/x")
