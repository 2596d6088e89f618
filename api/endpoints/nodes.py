"""Nodes: which there are, what each says now, what is recorded of it, and what is to become of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus

from flask import Blueprint, Response, g, jsonify

from api.documents import cluster
from api.endpoints.start_operation import start
from api.http.access import accepted, access, answer, snapshot
from api.http.arguments import body, choice, flag, query
from api.http.errors import RequestError, refused
from scheduler.core.commands.command import CancelIntent, NodeCommand, PauseNode, ReplaceNode, RestartNodes, ResumeNode
from scheduler.core.nodes.names import parse_node_name
from scheduler.core.state.node import NodeRecord

blueprint = Blueprint("nodes", __name__)


@blueprint.get("/v1/nodes/list")
def names() -> Response:
    """The names of the nodes that were launched, in numeric order."""
    return answer("nodes", lambda found: [node.name for node in cluster.launched(found.state)])


@blueprint.get("/v1/nodes/<node>/status")
def status(node: str) -> Response:
    """The node's own word, asked for now; 503 if it does not answer."""
    name = _record(node).name
    try:
        return jsonify(cluster.status(access().gateway.ask(name)))
    except KeyError:
        raise _unknown(node) from None


@blueprint.get("/v1/nodes/<node>/info")
def info(node: str) -> Response:
    """What is recorded of the node."""
    return jsonify(cluster.info(_record(node)))


@blueprint.route("/v1/nodes/restart", methods=["PUT", "POST"])
def restart() -> Response:
    """Restart the node that `?node=` names, or all for `*`, one node or one rack after another (`?by=`): the ids of the
    tasks that end."""
    arguments = query("node", "force", "by")
    body()
    text = arguments.get("node")
    if text is None:
        raise RequestError(HTTPStatus.BAD_REQUEST, "The query parameter node is missing: the name of a node, or *.")
    everywhere = text == "*"
    by = choice(arguments, "by", ("node", "rack"), "node")
    if by == "rack" and not everywhere:
        raise RequestError(HTTPStatus.BAD_REQUEST, "The query parameter by can be rack only with node=*.")
    nodes = [node for node in cluster.launched(snapshot().state) if node.deployed] if everywhere else [_record(text)]
    return _restart(nodes, arguments, by_rack=by == "rack")


@blueprint.route("/v1/nodes/<node>/restart", methods=["PUT", "POST"])
def restart_one(node: str) -> Response:
    """Restart this node."""
    arguments = query("force")
    body()
    return _restart([_record(node)], arguments)


@blueprint.route("/v1/nodes/replace", methods=["PUT", "POST"])
def replace() -> Response:
    """Replace the node that `?node=` names by a new one on another agent: the id of the task that ends, in a list."""
    arguments = query("node", "force", "decommission")
    body()
    text = arguments.get("node")
    if text is None:
        raise RequestError(HTTPStatus.BAD_REQUEST, "The query parameter node is missing: the name of a node.")
    return _replace(_record(text), arguments)


@blueprint.route("/v1/nodes/<node>/replace", methods=["PUT", "POST"])
def replace_one(node: str) -> Response:
    """Replace this node."""
    arguments = query("force", "decommission")
    body()
    return _replace(_record(node), arguments)


@blueprint.route("/v1/nodes/<node>/decommission", methods=["PUT", "POST"])
def decommission(node: str) -> Response:
    """Let this node leave the ring: as POST /v1/decommission/start for it alone."""
    arguments = query("force")
    body()
    begun = start("decommission", {"nodes": [_record(node).name], "force": flag(arguments, "force")})
    return accepted("started", *begun)


@blueprint.route("/v1/nodes/<node>/pause", methods=["PUT", "POST"])
def pause(node: str) -> Response:
    """Stop this node's Cassandra and keep its volume mounted: the id of the task that ends, in a list."""
    arguments = query("force")
    body()
    record = _record(node)
    return _ending(record, PauseNode(record.name, g.principal, flag(arguments, "force")))


@blueprint.route("/v1/nodes/<node>/resume", methods=["PUT", "POST"])
def resume(node: str) -> Response:
    """Start a paused node's Cassandra again: the id of the task that ends, in a list."""
    query()
    body()
    record = _record(node)
    return _ending(record, ResumeNode(record.name, g.principal))


@blueprint.route("/v1/nodes/<node>/cancel", methods=["PUT", "POST"])
def cancel(node: str) -> Response:
    """Take back what is intended for this node, as long as it waits its turn."""
    query()
    body()
    record = _record(node)
    refusal = access().gateway.submit(CancelIntent(record.name, g.principal), g.principal)
    if refusal is not None:
        raise refused(refusal)
    return jsonify(message=f"What was intended for {record.name} is cancelled.")


def _replace(node: NodeRecord, arguments: Mapping[str, str]) -> Response:
    """By a new node that takes its tokens over; or, with `decommission`, by one that joins once this one has left."""
    if flag(arguments, "decommission"):
        request = {"nodes": [node.name], "force": flag(arguments, "force"), "rejoin": True}
        return accepted("started", *start("decommission", request))
    return _ending(node, ReplaceNode(node.name, g.principal, flag(arguments, "force")))


def _ending(node: NodeRecord, command: NodeCommand) -> Response:
    refusal = access().gateway.submit(command, g.principal)
    if refusal is not None:
        raise refused(refusal)
    return jsonify([node.task.id] if node.task is not None else [])


def _restart(nodes: Sequence[NodeRecord], arguments: Mapping[str, str], by_rack: bool = False) -> Response:
    forced = flag(arguments, "force")
    command = RestartNodes(tuple(node.name for node in nodes), g.principal, forced, by_rack)
    refusal = access().gateway.submit(command, g.principal)
    if refusal is not None:
        raise refused(refusal)
    return jsonify([node.task.id for node in nodes if node.task is not None])


def _record(text: str) -> NodeRecord:
    record = snapshot().state.nodes.get(parse_node_name(text) or "")
    if record is None:
        raise _unknown(text)
    if record.task is None:
        raise RequestError(HTTPStatus.NOT_FOUND, f"{record.name} has not been launched yet.")
    return record


def _unknown(text: str) -> RequestError:
    return RequestError(HTTPStatus.NOT_FOUND, f"There is no node {text}.")
