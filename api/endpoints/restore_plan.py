"""The preview of a restore: nothing changes, and no operation begins."""

from __future__ import annotations

from typing import Any

from flask import Response, jsonify

from api.documents.cluster import launched
from api.endpoints.start_operation import (
    Json,
    checked_with_backup,
    credentials_problem,
    distrust,
    of_a_node,
    one_of_few,
    storage_question,
)
from api.http.access import access, snapshot
from api.http.arguments import document, query
from api.openapi.json_schema import ref
from api.openapi.routes import BOTH, Routes
from scheduler.core.maintenance.job_parameters import share
from scheduler.core.maintenance.request import Request
from scheduler.core.maintenance.restore_preview import preview
from scheduler.core.state.naming import named

blueprint = Routes("restore_plans", __name__)

# The nodes list the objects of the backup, and try its schema.
SECONDS = 60.0
_CHOSEN = ("backup_name", "key_spaces", "column_families", "rename", "compare", "trust")


@blueprint.submit(
    "/v1/restore/plan",
    "What a restore would find and do, without any change",
    ref("RestorePlan"),
    body=ref("RestoreRequest"),
    methods=BOTH,
    failures=("409",),
)
def ask() -> Response:
    """Return what the check of this restore finds, and what it would do; 200 also if it is impossible."""
    query()
    nodes = [node.name for node in launched(snapshot().state)]
    request, backup = checked_with_backup("restore", document(), nodes)
    with of_a_node():
        sources = tuple(map(str, backup.get("nodes", {})))
    with one_of_few():
        found = access().gateway.question_each("restore-plan", _contents(request, sources, nodes), SECONDS)
    # In the order of their numbers, not of their answers.
    ordered = ((node, found[node]) for node in nodes if node in found)
    answers = {node: str(answer) if isinstance(answer, Exception) else answer for node, answer in ordered}
    throttle, at_once = int(request.tuning["throttle"]), int(request.request["parallelism"])
    refusal = credentials_problem(request.secrets)
    with of_a_node():
        # The nodes report its signature themselves.
        refusals = [*distrust(request, {**backup, "refusal": ""}), *([] if refusal is None else [refusal])]
        return jsonify(_named(preview(answers, sources, throttle, at_once, refusals)))


def _named(found: Json) -> Json:
    """Return the preview with nodes in place of the addresses in its problems."""
    state = snapshot().state
    return {**found, "problems": [{**item, "why": named(state, item["why"])} for item in found["problems"]]}


def _contents(request: Request, sources: tuple[str, ...], nodes: list[str]) -> dict[str, Json]:
    shares = share(sources, nodes)
    common: dict[str, Any] = {**storage_question(request), **_chosen(request)}
    return {node: {**common, "sources": list(sources), "share": list(shares[node])} for node in nodes}


def _chosen(request: Request) -> dict[str, Any]:
    return {name: request.request[name] for name in _CHOSEN if name in request.request}
