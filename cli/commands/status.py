"""`status`: the cluster on one screen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cli.errors import ExitCode, Failure
from cli.nodes import NODES, nodes_of
from cli.rest import Client
from cli.session import Session, command, pass_session
from cli.tables import Column, Kind, Table, clean, columns
from cli.units import WHOLE
from cli.waiting import operation_path
from cli.watching import repeat, watch_option

Json = Mapping[str, Any]

PLANS = ("deploy", "recovery")
_COLUMNS = columns(
    "St", "Node", "Rack", "Agent", "Address", Column("Load", Kind.BYTES), Column("Disk-free", Kind.BYTES),
    Column("Owns", Kind.SHARE), "Version", "Mode", Column("Task", wide=True),
    Column("Failures", wide=True), Column("Host-id", wide=True), Column("Configuration", wide=True), "Job", "Why",
)  # fmt: skip
_JOINING = ("JOINING", "STARTING")
_LEAVING = ("LEAVING", "DECOMMISSIONED", "DECOMMISSION_FAILED")


@command("status")
@watch_option
@pass_session
def status(session: Session, watch: float | None) -> int:
    """Show the cluster, its nodes, and what is pending."""
    return repeat(session, watch, lambda: _show(session))


def _show(session: Session) -> int:
    document = read_status(session.client)
    session.output.show(document, status_table(document), head=_head(document), foot=_foot(document))
    return ExitCode.DONE


def read_status(client: Client) -> dict[str, Any]:
    """Return what the API reports of the whole cluster: health, plans, active operations and nodes."""
    paths = ["/v1/framework", "/v1/health", NODES, "/v1/certificates"]
    answers = client.get_all([*paths, *(f"/v1/plans/{name}" for name in PLANS)])
    certificates = answers.pop(3)
    nodes = nodes_of(client, answers.pop(2))
    framework, health, *plans = _all_or_failure(answers)
    active = [name for name, word in health["plans"].items() if name not in PLANS and word != "COMPLETE"]
    operations = _all_or_failure(client.get_all([f"{operation_path(kind)}/status" for kind in active]))
    return {
        "framework": framework,
        "health": health,
        "plans": dict(zip(PLANS, plans, strict=True)),
        "operations": {item["kind"]: item for item in operations},
        "nodes": nodes,
        # A scheduler of an earlier version has no certificates.
        "certificates": [] if isinstance(certificates, Failure) else certificates["nodes"],
        "disk_free_bytes": {
            node["name"]: node["disk_free_bytes"] for node in nodes if node.get("disk_free_bytes") is not None
        },
    }


def letters(node: Json) -> str:
    """Return nodetool's two letters: up or down; normal, joining, leaving, moving, paused, isolated or unknown."""
    mode = str(node.get("mode") or "UNKNOWN")
    up = node.get("state") == "TASK_RUNNING" and mode in ("NORMAL", "MOVING", *_JOINING, *_LEAVING)
    kind = "J" if mode in _JOINING else "L" if mode in _LEAVING else "?" if mode == "UNKNOWN" else mode[0]
    return ("U" if up else "D") + kind


def status_table(document: Json) -> Table:
    """Return the table of nodes, by rack and number."""
    why, jobs = pending_steps(document["plans"].values()), _jobs(document["operations"].values())
    waiting = [{"name": name} for name in why if name.startswith("node-")]
    known = {node["name"] for node in document["nodes"]}
    nodes = [*document["nodes"], *(node for node in waiting if node["name"] not in known)]
    return Table(
        _COLUMNS,
        [
            (
                letters(node), node["name"], node.get("rack"), node.get("hostname"), node.get("address"),
                node.get("load_bytes"), node.get("disk_free_bytes"), node.get("owns"), node.get("version"),
                node.get("mode"), node.get("state"),
                node.get("failures"), node.get("host_id"), node.get("configuration"), jobs.get(node["name"]),
                why.get(node["name"]),
            )
            for node in sorted(nodes, key=_order)
        ],
        name=1,
    )  # fmt: skip


def pending_steps(plans: Sequence[Json] | Any) -> dict[str, str]:
    """Return by step the message of each step that is not complete."""
    found: dict[str, str] = {}
    for plan in plans:
        for phase in plan["phases"]:
            for step in phase["steps"]:
                if step["status"] != "COMPLETE":
                    found.setdefault(step["name"], f"{step['status']}: {step['message']}")
    return found


def _jobs(operations: Sequence[Json] | Any) -> dict[str, str]:
    found: dict[str, str] = {}
    for operation in operations:
        for name, step in operation["nodes"].items():
            percent = step["progress"].get("percent")
            if step["state"] not in ("COMPLETE", "PENDING"):
                found[name] = f"{step['phase']}{'' if percent is None else f' {percent:.0f} %'}"
    return found


def _order(node: Json) -> tuple[str, int]:
    number = str(node["name"]).rpartition("-")[2]
    return str(node.get("rack") or "~"), int(number) if WHOLE.fullmatch(number) else 0


def _head(document: Json) -> list[str]:
    framework, nodes = document["framework"], document["nodes"]
    up = sum(letters(node) == "UN" for node in nodes)
    plans = ", ".join(f"{name} {plan['status']}" for name, plan in document["plans"].items())
    racks = len({node.get("rack") for node in nodes})
    return [
        f"Cluster {clean(framework['cluster'])} ({clean(framework['id']) or 'not registered'}), "
        f"service {clean(framework['name'])}, scheduler {clean(framework['version'])}",
        f"Nodes {up} of {len(nodes)} up and normal, in {racks} rack{'' if racks == 1 else 's'}; plans: {plans}",
        "",
    ]


def _foot(document: Json) -> list[str]:
    lines = [f"Warning: {clean(text)}" for text in document["health"].get("warnings", [])]
    for name, plan in document["plans"].items():
        lines += [f"Plan {name}: {clean(error)}" for error in plan["errors"]]
    for kind, operation in document["operations"].items():
        percent = operation["percent"]
        amount = "" if percent is None else f" {percent:.0f} %"
        lines.append(f"Operation {kind}: {operation['state']}{amount} {clean(operation['message'])}".rstrip())
    lines += _certificates(document["certificates"])
    return ["", *lines] if lines else []


def _certificates(nodes: Sequence[Json]) -> list[str]:
    """Return a line for each certificate that was not renewed, else one for all of them."""
    own = [item for item in nodes if item["not_after"] is not None]
    late = [item for item in own if item["state"] in ("overdue", "expired")]
    if late or not own:
        return [f"Certificate {item['node']}: {item['state']}, {clean(item['message'])}" for item in late]
    first = min(own, key=lambda item: str(item["not_after"]))
    return [f"Certificates: {len(own)} valid; the first ends with {first['node']} at {first['not_after']}"]


def _all_or_failure(found: list[Any]) -> list[Any]:
    for item in found:
        if isinstance(item, Failure):
            raise item
    return found
