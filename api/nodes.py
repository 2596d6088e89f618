"""Nodes: which there are, what each says now, and what is recorded of it."""

from __future__ import annotations

import re
from http import HTTPStatus

from flask import Blueprint, Response, jsonify

from api import shapes
from api.access import access, answer, snapshot
from api.errors import RequestError
from scheduler.core.state import NodeRecord

blueprint = Blueprint("nodes", __name__)

_NAME = re.compile(r"(?:node-)?(0|[1-9][0-9]{0,5})")


@blueprint.get("/v1/nodes/list")
def names() -> Response:
    """The names of the nodes that were launched, in numeric order."""
    return answer("nodes", lambda found: [node.name for node in shapes.launched(found.state)])


@blueprint.get("/v1/nodes/<node>/status")
def status(node: str) -> Response:
    """The node's own word, asked for now; 503 if it does not answer."""
    name = _record(node).name
    try:
        return jsonify(shapes.status(access().gateway.ask(name)))
    except KeyError:
        raise _unknown(node) from None


@blueprint.get("/v1/nodes/<node>/info")
def info(node: str) -> Response:
    """What is recorded of the node."""
    return jsonify(shapes.info(_record(node)))


def _record(text: str) -> NodeRecord:
    match = _NAME.fullmatch(text)
    record = snapshot().state.nodes.get(f"node-{match[1]}") if match else None
    if record is None:
        raise _unknown(text)
    if record.task is None:
        raise RequestError(HTTPStatus.NOT_FOUND, f"{record.name} has not been launched yet.")
    return record


def _unknown(text: str) -> RequestError:
    return RequestError(HTTPStatus.NOT_FOUND, f"There is no node {text}.")
