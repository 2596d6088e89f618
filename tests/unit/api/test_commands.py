"""Commands to plans, and every way to ask for one wrongly."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any

import pytest
from flask.testing import FlaskClient

from scheduler.core.commands.command import (
    Command,
    ForceComplete,
    Interrupt,
    Proceed,
    Refusal,
    RefusalKind,
    RestartStep,
)
from scheduler.core.events.reservations import released_entries
from scheduler.core.state.node import Failures
from tests.unit.api.cluster import CoreGateway, document, make_node, make_settings, make_state

PREFIXES = ("", "/service/cassandra", "/cassandra")


@pytest.mark.parametrize("method", ["POST", "PUT"])
@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize(
    ("path", "command", "word"),
    [
        ("/v1/plan?cmd=interrupt", Interrupt("deploy"), "interrupt"),
        ("/v1/plan/interrupt", Interrupt("deploy"), "interrupt"),
        ("/v1/plans/deploy?cmd=interrupt", Interrupt("deploy"), "interrupt"),
        ("/v1/plans/recovery/interrupt", Interrupt("recovery"), "interrupt"),
        ("/v1/plan?cmd=proceed", Proceed("deploy"), "proceed"),
        ("/v1/plan?cmd=continue", Proceed("deploy"), "continue"),
        ("/v1/plan/continue", Proceed("deploy"), "continue"),
        ("/v1/plan/proceed", Proceed("deploy"), "proceed"),
        ("/v1/plans/recovery/continue", Proceed("recovery"), "continue"),
        (
            "/v1/plan/forceComplete?phase=Deploy&step=node-0",
            ForceComplete("deploy", "Deploy", "node-0"),
            "forceComplete",
        ),
        ("/v1/plan?cmd=forceComplete&step=node-0", ForceComplete("deploy", None, "node-0"), "forceComplete"),
        ("/v1/plan/restart?phase=Deploy&block=node-1", RestartStep("deploy", "Deploy", "node-1"), "restart"),
        ("/v1/plans/deploy/restart?step=node-1", RestartStep("deploy", None, "node-1"), "restart"),
    ],
)
def test_commands(
    client: FlaskClient, gateway: CoreGateway, method: str, prefix: str, path: str, command: Command, word: str
) -> None:
    answer = client.open(prefix + path, method=method)
    assert (answer.status_code, document(answer)) == (200, {"message": f"Received cmd: {word}"})
    assert gateway.submitted == [(command, "admin-router")]


def test_interrupt_and_proceed_change_the_plan(client: FlaskClient, gateway: CoreGateway) -> None:
    gateway.state = replace(gateway.state, nodes={}, sightings={})
    assert document(client.get("/v1/plan"))["status"] != "WAITING"
    client.post("/v1/plan?cmd=interrupt")
    assert document(client.get("/v1/plan"))["status"] == "WAITING"
    client.put("/v1/plan?cmd=proceed")
    assert document(client.get("/v1/plan"))["status"] != "WAITING"


@pytest.mark.parametrize("by", ["id", "name"])
def test_a_step_by_id_and_by_name(client: FlaskClient, gateway: CoreGateway, by: str) -> None:
    node = make_node(1, task=None, deployed=None, failures=Failures(3, 0.0, "died"))
    gateway.state = replace(gateway.state, nodes={**gateway.state.nodes, "node-1": node})
    phase = document(client.get("/v1/plan"))["phases"][2]
    answer = client.post("/v1/plan/restart", query_string={"phase": phase[by], "step": phase["steps"][1][by]})
    assert answer.status_code == 200
    assert gateway.state.nodes["node-1"].failures == Failures()


_WORDS = "interrupt, continue, proceed, forceComplete or restart"
_NO_CMD = f"The query parameter cmd is missing: {_WORDS}."
_NO_STEP = "The query parameter step is missing: the id or name of a step."

BAD_COMMANDS: list[tuple[str, str, int, str]] = [
    ("POST", "/v1/plan", 400, _NO_CMD),
    ("PUT", "/v1/plan?cmd=", 400, _NO_CMD),
    ("PUT", "/v1/plan?cmd=stop", 400, f"The query parameter cmd must be {_WORDS}, not stop."),
    ("PUT", "/v1/plan?cmd=interrupt&cmd=proceed", 400, "The query parameter cmd must be there once."),
    ("PUT", "/v1/plan?cmd=interrupt&phase=Deploy", 400, "The query parameter phase is unknown; known: cmd."),
    ("POST", "/v1/plan/interrupt?now=1", 400, "The query parameter now is unknown."),
    ("POST", "/v1/plan/restart", 400, _NO_STEP),
    ("POST", "/v1/plan/restart?step=0&x=1", 400, "The query parameter x is unknown; known: phase, step, block."),
    ("POST", "/v1/plan/forceComplete?phase=Deploy", 400, _NO_STEP),
    (
        "POST", "/v1/plan/restart?step=node-0&block=node-1", 400,
        "The query parameters step and block are two names of one: give only one of them.",
    ),
    ("POST", "/v1/plan/restart?step=node-7", 404, "The plan deploy has no step 'node-7'."),
    ("POST", "/v1/plan/restart?step=node-0&phase=Repair", 404, "The plan deploy has no phase 'Repair'."),
    ("POST", "/v1/plans/backup/interrupt", 404, "There is no plan 'backup'; there are deploy, recovery."),
    ("PUT", "/v1/plans/backup?cmd=interrupt", 404, "There is no plan 'backup'; there are deploy, recovery."),
    ("GET", "/v1/plans/backup", 404, "There is no plan backup."),
    ("GET", "/v1/plan?cmd=interrupt", 400, "A command needs POST or PUT; GET only reads the plan."),
    ("GET", "/v1/plan/interrupt", 405, "GET is not allowed at /v1/plan/interrupt; allowed: OPTIONS, POST, PUT."),
    ("DELETE", "/v1/plan", 405, "DELETE is not allowed at /v1/plan; allowed: GET, HEAD, OPTIONS, POST, PUT."),
    ("POST", "/v1/connection", 405, "POST is not allowed at /v1/connection; allowed: GET, HEAD, OPTIONS."),
    ("POST", "/v1/plan/stop", 404, "There is nothing at /v1/plan/stop."),
    ("GET", "/v2/plan", 404, "There is nothing at /v2/plan."),
    ("GET", "/service/other/v1/plan", 404, "There is nothing at /service/other/v1/plan."),
    ("GET", "/", 404, "There is nothing at /."),
    ("PUT", "/v1/nodes/restart", 400, "The query parameter node is missing: the name of a node, or *."),
    ("PUT", "/v1/nodes/restart?node=*&by=dc", 400, "The query parameter by must be node or rack, not dc."),
    ("PUT", "/v1/nodes/restart?node=node-0&by=rack", 400, "The query parameter by can be rack only with node=*."),
    ("PUT", "/v1/nodes/restart?node=node-7", 404, "There is no node node-7."),
    (
        "PUT", "/v1/nodes/restart?node=*&by=rack", 409,
        "No rack can be restarted as a whole: the members are in 1 rack, at least 3 are needed.",
    ),
    (
        "POST", "/v1/plan/forceComplete?step=Reconciliation", 400,
        "The step Reconciliation cannot be forced: a task could be started twice.",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path", "status", "message"), BAD_COMMANDS)
def test_bad_requests_are_refused_and_change_nothing(
    client: FlaskClient, gateway: CoreGateway, method: str, path: str, status: int, message: str
) -> None:
    before = gateway.state
    answer = client.open(path, method=method)
    assert (answer.status_code, document(answer)) == (status, {"message": message})
    assert answer.mimetype == "application/json"
    assert gateway.state is before


def test_405_names_what_is_allowed(client: FlaskClient) -> None:
    assert client.delete("/v1/plan").headers["Allow"] == "GET, HEAD, OPTIONS, POST, PUT"


@pytest.mark.parametrize(
    ("kind", "status"), [(RefusalKind.UNKNOWN, 404), (RefusalKind.INVALID, 400), (RefusalKind.CONFLICT, 409)]
)
def test_refusals_of_the_scheduler(client: FlaskClient, gateway: CoreGateway, kind: RefusalKind, status: int) -> None:
    gateway.refusal = Refusal(kind, "not like this")
    answer = client.post("/v1/plan/interrupt")
    assert (answer.status_code, document(answer)) == (status, {"message": "Not like this."})


@pytest.mark.parametrize(
    ("data", "content_type", "status", "message"),
    [
        pytest.param(b"", None, 200, "Received cmd: interrupt", id="no body"),
        pytest.param(b"", "application/x-www-form-urlencoded", 200, "Received cmd: interrupt", id="curl -d ''"),
        pytest.param(b"{}", "application/json", 200, "Received cmd: interrupt", id="empty object"),
        pytest.param(b"{}", "application/json; charset=utf-8", 200, "Received cmd: interrupt", id="with charset"),
        pytest.param(b"{", "application/json", 400, None, id="not JSON"),
        pytest.param(b"\xff", "application/json", 400, None, id="not UTF-8"),
        pytest.param(b"[" * 100_000, "application/json", 400, None, id="nested deeply"),
        pytest.param(b"[]", "application/json", 400, "The body must be a JSON object.", id="list"),
        pytest.param(
            b'{"nodes": ["*"]}',
            "application/json",
            400,
            "The field nodes is unknown; this request has none.",
            id="field",
        ),
        pytest.param(
            b"{}", "text/plain", 415, "The body's Content-Type must be application/json, not text/plain.", id="text"
        ),
        pytest.param(b"{}", None, 415, "The body's Content-Type must be application/json, not none.", id="no type"),
        pytest.param(
            b" " * (1024 * 1024 + 1), "application/json", 413, "The body must be at most 1048576 bytes.", id="too large"
        ),
    ],
)  # fmt: skip
def test_bodies(
    client: FlaskClient,
    gateway: CoreGateway,
    data: bytes,
    content_type: str | None,
    status: int,
    message: str | None,
) -> None:
    headers = {"Content-Type": content_type} if content_type else {}
    answer = client.put("/v1/plan?cmd=interrupt", data=data, headers=headers)
    assert answer.status_code == status
    if message is not None:
        assert document(answer) == {"message": message}
    assert bool(gateway.submitted) == (status == 200)


def test_a_large_body_is_refused_before_the_path_is_looked_at(client: FlaskClient) -> None:
    answer = client.get("/v1/plan", data=b" " * (1024 * 1024 + 1))
    assert answer.status_code == 413


def test_a_body_of_unsaid_length_is_cut_off(client: FlaskClient) -> None:
    environ: dict[str, Any] = {"wsgi.input": io.BytesIO(b" " * (1024 * 1024 + 1)), "wsgi.input_terminated": True}
    answer = client.put(
        "/v1/plan?cmd=interrupt", headers={"Content-Type": "application/json"}, environ_overrides=environ
    )
    assert answer.status_code == 413


READS = [
    "/v1/plan", "/v1/plans", "/v1/plans/deploy", "/v1/connection", "/v1/connection/address", "/v1/connection/dns",
    "/v1/nodes/list", "/v1/nodes/0/status", "/v1/nodes/0/info", "/v1/seeds", "/v1/datacenter", "/v1/config",
    "/v1/config/cassandra", "/v1/config/nodes", "/v1/framework", "/v1/state/frameworkId",
    "/v1/state/properties/suppressed", "/v1/debug/offers",
]  # fmt: skip


@pytest.mark.parametrize("path", READS)
def test_503_while_the_state_cannot_be_read(client: FlaskClient, gateway: CoreGateway, path: str) -> None:
    gateway.unavailable = "waiting for the lock of another scheduler"
    answer = client.get(path)
    assert (answer.status_code, document(answer)) == (503, {"message": "Waiting for the lock of another scheduler."})
    assert answer.headers["Retry-After"] == "1"


@pytest.mark.parametrize("path", ["/v1/plan?cmd=interrupt", "/v1/plan/continue", "/v1/plan/restart?step=node-0"])
def test_commands_while_the_state_cannot_be_stored(client: FlaskClient, gateway: CoreGateway, path: str) -> None:
    gateway.unavailable = "ZooKeeper does not answer."
    answer = client.post(path)
    assert (answer.status_code, document(answer)) == (503, {"message": "ZooKeeper does not answer."})


@pytest.mark.parametrize("path", ["/v1/plan", "/v1/nodes/list", "/admin/ping"])
def test_head_and_options(client: FlaskClient, path: str) -> None:
    head, got = client.head(path), client.get(path)
    assert (head.status_code, head.data) == (200, b"")
    assert head.headers["Content-Length"] == got.headers["Content-Length"] == str(len(got.data))
    options = client.options(path)
    assert options.status_code == 200
    assert "GET" in options.headers["Allow"]


def test_a_failure_of_ours_is_logged_and_says_nothing_of_the_inside(
    client: FlaskClient, gateway: CoreGateway, caplog: pytest.LogCaptureFixture
) -> None:
    gateway.evaluations = ({"reason": object()},)
    answer = client.get("/v1/debug/offers")
    assert (answer.status_code, document(answer)) == (
        500,
        {"message": "The request failed: an error in the scheduler; its log has the cause."},
    )
    assert "not JSON serializable" in caplog.text


@pytest.mark.parametrize(
    ("sent", "status"),
    [({"service": "cassandra"}, 202), ({"service": "other"}, 400), ({}, 400), ({"service": None}, 400)],
)
def test_an_uninstall_needs_the_name_of_the_service(
    sent: dict[str, str], status: int, client: FlaskClient, gateway: CoreGateway
) -> None:
    answer = client.post("/v1/uninstall", json=sent)
    assert answer.status_code == status, answer.text
    assert (gateway.state.uninstall is not None) is (status == 202)
    if status == 202:
        assert [entry.kind.value for entry in released_entries(make_state(make_settings()), gateway.state, 1.0)] == [
            "UNINSTALL"
        ]
