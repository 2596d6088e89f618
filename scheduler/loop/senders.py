"""Whether an executor speaks for a task of its own. One node of a cluster must not report the state of another."""

from __future__ import annotations

from executor.protocol import Answer, JobReport, StatusReply
from executor.protocol import Message as Parsed
from scheduler.core.mesos.task_info import node_of_task
from scheduler.core.state.cluster import ClusterState
from scheduler.loop.messages import Message


def is_foreign(sent: Message, message: Parsed, state: ClusterState) -> bool:
    """Return whether a report is about the node of another executor than the one that Mesos names as its sender.

    One about a node that no record knows is not: nothing is done with it. The other messages are queries, whose answer
    goes to the executor of the task that they name.
    """
    if not isinstance(message, StatusReply | JobReport | Answer):
        return False
    name = message.node if isinstance(message, Answer) else _node_of(str(message.task_id))
    node = state.nodes.get(name)
    if node is None or node.task is None or node.agent is None:
        return False
    return sent.executor_id not in ("", node.task.executor_id) or sent.agent_id not in ("", node.agent.id)


def _node_of(task_id: str) -> str:
    """Return the node of a Cassandra's or a job's task, such as `node-3` of `cleanup-node-3__a`."""
    found = node_of_task(task_id)
    _, separator, index = found.rpartition("-node-")
    return f"node-{index}" if separator else found
