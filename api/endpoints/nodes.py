"""Nodes: names, status, record, and commands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus

from flask import Response, g, jsonify

from api.documents import cluster
from api.endpoints.start_operation import start
from api.http.access import access, answer, answer_accepted, snapshot, submit
from api.http.arguments import body, choice, flag, query
from api.http.errors import RequestError
from api.openapi.json_schema import STRINGS, ref
from api.openapi.operation import parameter
from api.openapi.routes import Routes
from executor.number_text import whole_within
from scheduler.core.commands.command import CancelIntent, NodeCommand, PauseNode, ReplaceNode, RestartNodes, ResumeNode
from scheduler.core.nodes.names import parse_node_name
from scheduler.core.state.node import NodeRecord
from scheduler.driver.route import context_maker
from scheduler.loop.sandbox import Sandbox, SilentAgentError, UnreadableError, read_tail, sandbox_of_node
from scheduler.loop.snapshot import Unavailable
from scheduler.settings.texts import plain

blueprint = Routes("nodes", __name__)


_NODE = parameter("node", "query", "A node's name; * for all", required=True)
_FORCE = parameter("force", "query", "true: even if the availability checks fail", ("true", "false"))
_BY = parameter("by", "query", "rack: for *, all nodes of a rack at the same time", ("node", "rack"))
_DECOMMISSION = parameter("decommission", "query", "true: it streams its data to the others first", ("true", "false"))
# The logs of a node by their name in requests: files of its sandbox.
LOGS = {"system": "logs/system.log", "output": "logs/cassandra.out", "executor": "stderr"}
LOG_LINES, MOST_LINES = 100, 1000
LOG_BYTES = 65_536
_FILE = parameter("file", "query", "system: Cassandra's log; output: what it printed; executor: its log", tuple(LOGS))
_LINES = parameter("lines", "query", f"The number of lines, from 1 to {MOST_LINES}")
_REPLACED = "returns the task that ends, with decommission=true the started operation"


@blueprint.read("/v1/nodes/list", "Names of the nodes that were launched", STRINGS)
def names() -> Response:
    """Return the names of the launched nodes, in numeric order."""
    return answer("nodes", lambda found: [node.name for node in cluster.launched(found.state)])


@blueprint.read("/v1/nodes/status", "All nodes' records and last reported statuses, in one answer", ref("NodeStatuses"))
def statuses() -> Response:
    """Return each launched node's record with the status that its executor sent last; no node is queried."""
    return answer("nodes/status", lambda found: cluster.statuses(found.state))


@blueprint.read("/v1/nodes/<node>/status", "The node's status, live from its executor", ref("NodeStatus"))
def status(node: str) -> Response:
    """Query the node's status from its executor; 503 if it does not answer."""
    name = _record(node).name
    try:
        return jsonify(cluster.status(access().gateway.ask(name)))
    except KeyError:
        raise _unknown(node) from None


@blueprint.read("/v1/nodes/<node>/info", "The node's record", ref("NodeInfo"))
def info(node: str) -> Response:
    """Return the node's record."""
    return jsonify(cluster.info(_record(node)))


@blueprint.read("/v1/nodes/<node>/logs", "The end of a log of the node", ref("Log"), (_FILE, _LINES), ("400",))
def logs(node: str) -> Response:
    """Return the last `?lines=` of `?file=`, read from the sandbox of the node's newest task; 503 if it cannot be."""
    arguments = query("file", "lines")
    name = choice(arguments, "file", tuple(LOGS), "system")
    lines = _lines(arguments.get("lines", str(LOG_LINES)))
    record = _record(node)
    sandbox = sandbox_of_node(snapshot().state, record)
    if sandbox is None or not sandbox.url:
        raise Unavailable(f"the agent of {record.name} is not known")
    using = access().questions
    if not using.enter():
        raise RequestError(
            HTTPStatus.SERVICE_UNAVAILABLE,
            "Too many logs and questions are being read: try again, or raise API_THREADS.",
        )
    try:
        text = read_tail(sandbox, LOGS[name], LOG_BYTES, context_maker(access().settings.mesos_tls()))
    except SilentAgentError as error:
        raise _silent(record, sandbox, error) from error
    except UnreadableError as error:
        raise Unavailable(
            f"the file {LOGS[name]} of {record.name} on {sandbox.hostname} cannot be read: {error}"
        ) from error
    finally:
        using.leave()
    return jsonify(node=record.name, file=LOGS[name], hostname=sandbox.hostname, lines=text.splitlines()[-lines:])


@blueprint.command(
    "/v1/nodes/restart", "Restart a node, or all for *; returns the tasks that end", STRINGS, (_NODE, _FORCE, _BY)
)
def restart() -> Response:
    """Restart the node of `?node=`, or all for `*`, one node or one rack after another (`?by=`).

    The answer has the ids of the tasks that end.
    """
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


@blueprint.command("/v1/nodes/<node>/restart", "Restart this node; returns the task that ends", STRINGS, (_FORCE,))
def restart_one(node: str) -> Response:
    """Restart this node."""
    arguments = query("force")
    body()
    return _restart([_record(node)], arguments)


@blueprint.command(
    "/v1/nodes/replace",
    f"Replace a node by a new one on another agent; {_REPLACED}",
    STRINGS,
    (_NODE, _FORCE, _DECOMMISSION),
    can_start=True,
)
def replace() -> Response:
    """Replace the node of `?node=` by a new one on another agent; the answer has the id of the task that ends."""
    arguments = query("node", "force", "decommission")
    body()
    text = arguments.get("node")
    if text is None:
        raise RequestError(HTTPStatus.BAD_REQUEST, "The query parameter node is missing: the name of a node.")
    return _replace(_record(text), arguments)


@blueprint.command(
    "/v1/nodes/<node>/replace",
    f"Replace this node; {_REPLACED}",
    STRINGS,
    (_FORCE, _DECOMMISSION),
    can_start=True,
)
def replace_one(node: str) -> Response:
    """Replace this node."""
    arguments = query("force", "decommission")
    body()
    return _replace(_record(node), arguments)


@blueprint.start("/v1/nodes/<node>/decommission", "Decommission this node", parameters=(_FORCE,))
def decommission(node: str) -> Response:
    """Decommission this node, as POST /v1/decommission/start for it alone does."""
    arguments = query("force")
    body()
    begun = start("decommission", {"nodes": [_record(node).name], "force": flag(arguments, "force")})
    return answer_accepted("started", *begun)


@blueprint.command(
    "/v1/nodes/<node>/pause",
    "Stop Cassandra and keep its volume mounted; returns the task that ends",
    STRINGS,
    (_FORCE,),
)
def pause(node: str) -> Response:
    """Stop this node's Cassandra and keep its volume mounted; the answer has the id of the task that ends."""
    arguments = query("force")
    body()
    record = _record(node)
    return _submit(record, PauseNode(record.name, g.principal, flag(arguments, "force")))


@blueprint.command(
    "/v1/nodes/<node>/resume", "Start a paused node's Cassandra again; returns the task that ends", STRINGS
)
def resume(node: str) -> Response:
    """Start a paused node's Cassandra again; the answer has the id of the task that ends."""
    query()
    body()
    record = _record(node)
    return _submit(record, ResumeNode(record.name, g.principal))


@blueprint.command("/v1/nodes/<node>/cancel", "Cancel this node's intent", ref("Message"))
def cancel(node: str) -> Response:
    """Cancel this node's intent, while it waits for its turn."""
    query()
    body()
    record = _record(node)
    submit(CancelIntent(record.name, g.principal))
    return jsonify(message=f"The intent of {record.name} is cancelled.")


def _replace(node: NodeRecord, arguments: Mapping[str, str]) -> Response:
    """Replace by a node that takes over the tokens or, with `decommission`, by one that joins after the departure."""
    if flag(arguments, "decommission"):
        request = {"nodes": [node.name], "force": flag(arguments, "force"), "rejoin": True}
        return answer_accepted("started", *start("decommission", request))
    return _submit(node, ReplaceNode(node.name, g.principal, flag(arguments, "force")))


def _submit(node: NodeRecord, command: NodeCommand) -> Response:
    submit(command)
    return jsonify([node.task.id] if node.task is not None else [])


def _restart(nodes: Sequence[NodeRecord], arguments: Mapping[str, str], by_rack: bool = False) -> Response:
    forced = flag(arguments, "force")
    command = RestartNodes(tuple(node.name for node in nodes), g.principal, forced, by_rack)
    submit(command)
    return jsonify([node.task.id for node in nodes if node.task is not None])


def _record(text: str) -> NodeRecord:
    record = snapshot().state.nodes.get(parse_node_name(text) or "")
    if record is None:
        raise _unknown(text)
    if record.task is None:
        left = "was decommissioned: restart its step of the plan deploy to start it again"
        words = left if record.left else "has not been launched yet"
        raise RequestError(HTTPStatus.NOT_FOUND, f"{record.name} {words}.")
    return record


def _lines(text: str) -> int:
    if (found := whole_within(text, 1, MOST_LINES)) is None:
        rule = f"The query parameter lines must be a number from 1 to {MOST_LINES}, not {plain(text)}."
        raise RequestError(HTTPStatus.BAD_REQUEST, rule)
    return found


def _silent(node: NodeRecord, sandbox: Sandbox, error: SilentAgentError) -> Unavailable:
    who = f"the agent of {node.name}, {sandbox.hostname} at {sandbox.address},"
    then = f"start the agent again, or replace {node.name} if the machine is lost"
    return Unavailable(
        f"{who} does not answer: {error.why}. The log is on that machine, and Cassandra can still run there: {then}"
    )


def _unknown(text: str) -> RequestError:
    return RequestError(HTTPStatus.NOT_FOUND, f"There is no node {plain(text)}.")
