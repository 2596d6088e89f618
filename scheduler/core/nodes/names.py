"""Names of nodes and of their agents, as requests and sentences have them."""

from __future__ import annotations

import re

from scheduler.core.state.lifecycle import describe
from scheduler.core.state.node import NodeRecord

_NODE = re.compile(r"(?:node-)?(0|[1-9][0-9]{0,5})")


def parse_node_name(text: str) -> str | None:
    """Return the name of the node that a text means, `node-3` for `node-3` and for `3`; None if it means no node."""
    match = _NODE.fullmatch(text)
    return NodeRecord(index=int(match[1])).name if match else None


def agent_name(node: NodeRecord) -> str:
    """Return the host name of the node's agent for a sentence, such as `waits for <agent> to offer …`."""
    return node.agent.hostname if node.agent is not None else "its agent"


def intent_name(node: NodeRecord) -> str:
    """Return the node's intent for a sentence, such as `the restart of node-1`; the node must have one."""
    assert node.intent is not None
    return f"{describe(node.intent.kind)} of {node.name}"
