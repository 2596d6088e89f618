"""Health for Marathon and for operators, metrics, and the evaluations of offers."""

from __future__ import annotations

import time
from http import HTTPStatus

from flask import Response, jsonify

from api.documents import certificates, cluster
from api.documents.warnings import cluster_warnings
from api.http.access import access, answer, snapshot
from api.http.arguments import query
from api.openapi.json_schema import OBJECT, STRING, STRINGS, object_of, ref
from api.openapi.operation import Answer
from api.openapi.routes import Routes
from scheduler.loop.snapshot import Snapshot, Unavailable
from scheduler.metrics import CONTENT_TYPE

blueprint = Routes("health", __name__)

# Much more than a slow cycle takes: a loop without a cycle for so long hangs.
HUNG_SECONDS = 120.0


@blueprint.read("/v1/health", "Whether the scheduler works", ref("Health"))
def health() -> Response:
    """Answer 200 while the scheduler works, else 503, for Marathon. Mesos and nodes do not count."""
    try:
        found = access().gateway.snapshot()
    except Unavailable as error:
        return _answer({"healthy": False, "message": str(error)}, HTTPStatus.SERVICE_UNAVAILABLE)
    check = _loop()
    document = {
        **check,
        "age_seconds": int(max(0.0, time.time() - found.at)),
        "connected": found.connected,
        "registered": found.state.registered,
        "reconciled": found.state.reconciliation.complete,
        "plans": {name: plan.status.value for name, plan in found.plans.items()},
        "warnings": [
            *filter(None, [found.problem]),
            *access().warnings(),
            *cluster_warnings(found, certificates.warnings(found)),
        ],
    }
    if found.problem:
        # Still 200: Marathon would end the process, and with it the API by which an operator can mend the cause.
        document.setdefault("message", found.problem)
    return _answer(document, HTTPStatus.OK if check["healthy"] else HTTPStatus.SERVICE_UNAVAILABLE)


@blueprint.read("/admin/healthcheck", "The checks of the original service", ref("Healthcheck"))
def healthcheck() -> Response:
    """Answer the checks of the original service: 200 if all are healthy, else 500."""
    try:
        found = access().gateway.snapshot()
        checks = {"deadlocks": _loop(), "registered": _registered(found), "serverCount": _servers(found)}
    except Unavailable as error:
        checks = {"deadlocks": {"healthy": False, "message": str(error)}}
    healthy = all(check["healthy"] for check in checks.values())
    return _answer(checks, HTTPStatus.OK if healthy else HTTPStatus.INTERNAL_SERVER_ERROR)


@blueprint.read("/admin/ping", "Whether the API answers: pong", Answer(STRING, "text/plain"))
def ping() -> Response:
    """Answer `pong`."""
    return Response("pong\n", mimetype="text/plain")


@blueprint.read("/metrics", "Metrics in Prometheus' text format", Answer(STRING, "text/plain"))
def metrics() -> Response:
    """Return the metrics for Prometheus."""
    return Response(access().metrics.render(snapshot()), content_type=CONTENT_TYPE)


@blueprint.read("/v1/debug/offers", "The last evaluations of offers", {"type": "array", "items": OBJECT})
def offers() -> Response:
    """Return the last evaluations of offers, newest last, each with every reason."""
    return answer("debug/offers", lambda found: [dict(evaluation) for evaluation in found.evaluations])


@blueprint.read("/v1/debug/log", "The last entries of the scheduler's log", object_of({"lines": STRINGS}))
def log() -> Response:
    """Return the last entries of the scheduler's log since its start, the oldest first."""
    query()
    return jsonify(lines=list(access().recent_log()))


def _loop() -> cluster.Json:
    age = access().gateway.silent_seconds()
    if age < HUNG_SECONDS:
        return {"healthy": True}
    return {"healthy": False, "message": f"The scheduler's loop hangs: its last cycle ended {age:.0f} seconds ago"}


def _registered(found: Snapshot) -> cluster.Json:
    if not found.state.registered:
        return {"healthy": False, "message": "Framework is not yet registered"}
    return {"healthy": True, "message": f"Framework registered with id = {found.state.framework_id}"}


def _servers(found: Snapshot) -> cluster.Json:
    ill = [
        node.name
        for node in cluster.launched(found.state)
        if node.task is not None and (node.task.state not in cluster.NOT_FAILED or node.missing is not None)
    ]
    if ill:
        return {"healthy": False, "message": f"Unhealthy nodes = {','.join(ill)}"}
    return {"healthy": True, "message": "All Cassandra nodes running"}


def _answer(document: cluster.Json, status: HTTPStatus) -> Response:
    response = jsonify(document)
    response.status_code = status
    return response
