"""All nodes' records with their last statuses, in one request; node by node from an older scheduler."""

from __future__ import annotations

from typing import Any

from cli.errors import ExitCode, Failure
from cli.rest import Client, segment

NODES = "/v1/nodes/status"
_FREE = "node_disk_free_bytes{"


def nodes_of(client: Client, answer: Any) -> list[dict[str, Any]]:
    """Return each launched node's document, from the answer to NODES of `Client.get_all`.

    A scheduler that does not have that path yet is asked for each node's record, and for its metrics.

    Raises:
        Failure: The API refused the request or is not reachable.
    """
    if not isinstance(answer, Failure):
        return list(answer["nodes"])
    if answer.code is not ExitCode.NOT_FOUND:
        raise answer
    names = client.get("/v1/nodes/list")
    metrics, *found = client.get_all(["/metrics", *(f"/v1/nodes/{segment(name)}/info" for name in names)])
    free = {} if isinstance(metrics, Failure) else free_bytes(metrics)
    records = [item if isinstance(item, dict) else {"name": name} for name, item in zip(names, found, strict=True)]
    return [{**record, "disk_free_bytes": free.get(record["name"])} for record in records]


def read_nodes(client: Client) -> list[dict[str, Any]]:
    """Return each launched node's document.

    Raises:
        Failure: The API refused the request or is not reachable.
    """
    return nodes_of(client, client.get_all([NODES])[0])


def is_node(client: Client, name: str) -> bool:
    """Return whether a node of this name was launched, or is to be: the plan deploy has a step for it.

    Raises:
        Failure: The API refused the request or is not reachable.
    """
    if name in client.get("/v1/nodes/list"):
        return True
    plan = client.get("/v1/plans/deploy")
    return any(step["name"] == name for phase in plan["phases"] for step in phase["steps"])


def free_bytes(metrics: str) -> dict[str, float]:
    """Return the free bytes of each node's disk, from the text of /metrics."""
    found: dict[str, float] = {}
    for line in metrics.splitlines():
        if _FREE in line and not line.startswith("#"):
            labels, _, value = line.rpartition(" ")
            found[labels.partition('node="')[2].partition('"')[0]] = float(value)
    return found
