"""`status`: the cluster on one screen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cli.errors import ExitCode, Failure
from cli.nodes import NODES, nodes_of
from cli.reasons import ADVICE, brief
from cli.rest import Client
from cli.session import Session, command, pass_session
from cli.tables import Column, Kind, Table, clean, columns
from cli.units import WHOLE
from cli.waiting import operation_path
from cli.watching import repeat, watch_option

Json = Mapping[str, Any]

PLANS = ("deploy", "recovery")
# During an uninstall there is no other plan.
_REMOVAL = "uninstall"
_COLUMNS = columns(
    "St", "Node", "Rack", Column("Agent", spare=True), "Address",
    Column("Load", Kind.BYTES, spare=True), Column("Disk-free", Kind.BYTES), Column("Owns", Kind.SHARE, spare=True),
    Column("Version", spare=True), "Mode", Column("Task", wide=True),
    Column("Failures", wide=True), Column("Host-id", wide=True), Column("Configuration", wide=True), "Job", "Why",
)  # fmt: skip
# What the head says of an operation in these states, the worst first.
_TROUBLE = {
    "ERROR": "has failed and waits for an operator",
    "DIFFERENT": "is complete, but its result differs from the request",
    "WAITING": "is waiting",
}
# A stopped operation can be continued, and is listed in the foot; nothing of it is under way.
_ENDED = ("STOPPED", "DIFFERENT")
_STARTING = "STARTING"
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
    if (waiting := _first_waiting(document)) is not None:
        session.output.suggest(f"why {waiting}")
    return ExitCode.DONE


def read_status(client: Client) -> dict[str, Any]:
    """Return what the API reports of the whole cluster: health, plans, active operations and nodes."""
    paths = ["/v1/framework", "/v1/health", NODES, "/v1/certificates", "/v1/garbage"]
    answers = client.get_all([*paths, *(f"/v1/plans/{name}" for name in PLANS)])
    framework, health, listed, certificates, garbage, *standing = answers
    nodes = nodes_of(client, listed)
    framework, health = _all_or_failure([framework, health])
    plans = _read_plans(client, health["plans"], standing)
    active = [name for name, word in health["plans"].items() if name not in (*PLANS, _REMOVAL) and word != "COMPLETE"]
    # A restore whose result differs has ended, but an operator must know.
    kinds = list(dict.fromkeys([*active, *(["restore"] if "restore" in health["plans"] else [])]))
    operations = [
        item
        for item in _all_or_failure(client.get_all([f"{operation_path(kind)}/status" for kind in kinds]))
        if item["kind"] in active or item["state"] == "DIFFERENT"
    ]
    return {
        "framework": framework,
        "health": health,
        "plans": plans,
        "operations": {item["kind"]: item for item in operations},
        "nodes": nodes,
        # A scheduler of an earlier version has no certificates.
        "certificates": [] if isinstance(certificates, Failure) else certificates["nodes"],
        "garbage": [] if isinstance(garbage, Failure) else garbage,
        "disk_free_bytes": {
            node["name"]: node["disk_free_bytes"] for node in nodes if node.get("disk_free_bytes") is not None
        },
    }


def _read_plans(client: Client, words: Json, answers: list[Any]) -> dict[str, Any]:
    if _REMOVAL in words:
        return {_REMOVAL: client.get(f"/v1/plans/{_REMOVAL}")}
    return dict(zip(PLANS, _all_or_failure(answers), strict=True))


def letters(node: Json) -> str:
    """Return nodetool's two letters: up or down; normal, joining, leaving, moving, paused, isolated or unknown."""
    mode = str(node.get("mode") or "UNKNOWN")
    up = node.get("state") == "TASK_RUNNING" and mode in ("NORMAL", "MOVING", "JOINING", *_LEAVING)
    if mode == _STARTING:  # a member that starts again has joined already, and is down for its peers
        return "DN" if node.get("host_id") else "DJ"
    kind = "L" if mode in _LEAVING else "?" if mode == "UNKNOWN" else mode[0]
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
                letters(node), node["name"], node.get("rack"), node.get("hostname"),
                node.get("address"), node.get("load_bytes"), node.get("disk_free_bytes"), node.get("owns"),
                node.get("version"), node.get("mode"), node.get("state"), node.get("failures"),
                node.get("host_id"), node.get("configuration"), jobs.get(node["name"]),
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
                    found.setdefault(step["name"], f"{step['status']}: {brief(step['message'])}")
    return found


def _jobs(operations: Sequence[Json] | Any) -> dict[str, str]:
    found: dict[str, str] = {}
    for operation in operations:
        for name, step in operation["nodes"].items() if operation["state"] not in _ENDED else ():
            percent = step["progress"].get("percent")
            if step["state"] not in ("COMPLETE", "PENDING"):
                found[name] = f"{step['phase']}{'' if percent is None else f' {percent:.0f} %'}"
    return found


def _order(node: Json) -> tuple[str, int]:
    number = str(node["name"]).rpartition("-")[2]
    return str(node.get("rack") or "~"), int(number) if WHOLE.fullmatch(number) else 0


def _head(document: Json) -> list[str]:
    framework, nodes = document["framework"], document["nodes"]
    plans = ", ".join(f"{name} {plan['status']}" for name, plan in document["plans"].items())
    places = {(node.get("data_center"), node.get("rack")) for node in nodes}
    centers = sorted({clean(center) for center, _ in places if center})
    where = f"{len(places)} rack{'' if len(places) == 1 else 's'}{' of ' if centers else ''}{', '.join(centers)}"
    return [
        f"Cluster {clean(framework['cluster'])} ({clean(framework['id']) or 'not registered'}), "
        f"service {clean(framework['name'])}, scheduler {clean(framework['version'])}",
        f"Nodes {_up(nodes)} of {_wanted(document)} up and normal, in {where}; plans: {plans}",
        headline(document),
        "",
    ]


def _up(nodes: Sequence[Json]) -> int:
    return sum(letters(node) == "UN" for node in nodes)


def _wanted(document: Json) -> int:
    """Return the number of nodes, with those that wait for their first launch."""
    pending = pending_steps(document["plans"].values())
    known = {str(node["name"]) for node in document["nodes"]}
    return len(known | {name for name in pending if name.startswith("node-")})


def headline(document: Json) -> str:
    """Return in one sentence what is wrong, or what goes on, or that all is well."""
    health, nodes = document["health"], document["nodes"]
    if not health["healthy"] and health.get("message"):
        return _sentence(health["message"])
    if document["plans"].get(_REMOVAL, {}).get("status") == "COMPLETE":
        return "The service is uninstalled: remove the scheduler's app, or its next start deploys a new cluster."
    if not health.get("registered", True) or not health.get("connected", True):
        return "The scheduler has no connection to Mesos; nodes keep running."
    for name, plan in document["plans"].items():
        if plan["status"] != "COMPLETE":
            step = telling_step(plan)
            word = str(plan["status"]).replace("_", " ").lower()
            cause = "" if step is None else f": {_named(step)}"
            return _sentence(f"The plan {name} is {word}{cause}")
    states = {kind: item["state"] for kind, item in document["operations"].items()}
    for state, words in _TROUBLE.items():  # the foot has the messages
        if kinds := [kind for kind, found in states.items() if found == state]:
            return f"The operation {kinds[0]} {words}."
    if _up(nodes) < len(nodes):
        down = [str(node["name"]) for node in nodes if letters(node) != "UN"]
        return f"Not up and normal: {', '.join(down[:5])}{f' and {len(down) - 5} more' if len(down) > 5 else ''}."
    running = " and ".join(kind for kind, state in states.items() if state not in _ENDED)
    return f"All is well; {running} under way." if running else "All is well, and nothing is pending."


def telling_step(plan: Json) -> Json | None:
    """Return the step that says most about a plan: one that failed, else one that runs, else the first that waits."""
    steps = [step for phase in plan["phases"] for step in phase["steps"] if step["status"] != "COMPLETE"]
    for status in ("ERROR", "STARTED", "STARTING", "IN_PROGRESS", "PREPARED"):
        for step in steps:
            if step["status"] == status:
                return dict(step)
    return dict(steps[0]) if steps else None


def _named(step: Json) -> str:
    message = brief(clean(step["message"]))
    return message if step["name"] in message or step["reason"] == "INTERRUPTED" else f"{step['name']}: {message}"


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?", "…")) else f"{text}."


def _first_waiting(document: Json) -> str | None:
    """Return the plan or operation that `why` explains best; None if nothing waits."""
    pending = [name for name, plan in document["plans"].items() if plan["status"] != "COMPLETE"]
    return next(iter([*pending, *document["operations"]]), None)


def _foot(document: Json) -> list[str]:
    lines = [f"Warning: {clean(text)}" for text in document["health"].get("warnings", [])]
    for name, plan in document["plans"].items():
        lines += [f"Plan {name}: {clean(error)}" for error in plan["errors"]]
        reasons = {step["reason"]: step for phase in plan["phases"] for step in phase["steps"]}
        lines += [
            f"Plan {name} waits for an operator: {ADVICE[code].format(plan=name)}"
            for code, step in reasons.items()
            if code in ("INTERRUPTED", "CANARY") and step["status"] != "COMPLETE"
        ]
    for kind, operation in document["operations"].items():
        percent = operation["percent"]
        amount = "" if percent is None else f" {percent:.0f} %"
        lines.append(f"Operation {kind}: {operation['state']}{amount} {clean(operation['message'])}".rstrip())
    if number := len(document["garbage"]):
        what = "1 reservation" if number == 1 else f"{number} reservations"
        lines.append(f"Garbage: {what} that no node's record knows: cassandra-mesos garbage")
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
