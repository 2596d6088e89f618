"""The nodes as the page shows them: one mark and one word for each, its job, and who sees it as down."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from api.documents import cluster
from api.page.formats import brief, percent, size
from executor.figures import Figures, Requests
from executor.sentences import by_number
from scheduler.core.plans.plan import Plan, Status
from scheduler.core.state.cluster import ClusterState, Sighting
from scheduler.core.state.lifecycle import by_index
from scheduler.core.state.node import NodeRecord, TaskState
from scheduler.core.state.operation import StepState
from scheduler.loop.snapshot import Snapshot

_JOINING = {TaskState.STAGING: "starts", TaskState.STARTING: "starts", TaskState.KILLING: "ends"}
_BUSY = ("STARTING", "JOINING", "MOVING", "LEAVING", "DRAINING")
_BY_MODE = {
    "NORMAL": ("ok", "up"),
    "PAUSED": ("off", "paused"),
    "ISOLATED": ("bad", "isolated"),
    "UNKNOWN": ("warn", "does not answer"),
}
PLANS = ("deploy", "recovery")
# More than these are lines rather than parts of a circle.
CIRCLE_NODES = 50
# Fields for clients of the original service.
_TWICE = ("operating_mode", "rpc_running")
# Of fields whose names, which the API keeps, are not the words of Cassandra and Mesos.
_TITLES = {
    "slave_id": "agent id",
    "most_replicas": "replicas of a range at most",
    "auth_replicas": "replicas of system_auth",
    "disregards_racks": "keyspace that disregards racks",
}


@dataclass(frozen=True)
class Mark:
    """How something is: `tone` chooses colour and shape (ok, busy, warn, bad, off), `word` says it."""

    tone: str
    word: str


@dataclass(frozen=True)
class Tile:
    """One node. `down_for` are the nodes that see it as down; `why` is what it waits for, if it does."""

    name: str
    mark: Mark
    data_center: str
    rack: str
    agent: str
    address: str
    version: str
    free_bytes: float | None
    load_bytes: float | None
    disk_bytes: float | None
    owns: float | None
    job: str
    why: str
    down_for: tuple[str, ...]

    @property
    def number(self) -> str:
        """The number in the node's name."""
        return self.name.rpartition("-")[2]

    @property
    def disk_percent(self) -> float | None:
        """How full the disk of its volume is."""
        if not self.disk_bytes or self.free_bytes is None:
            return None
        return round(100 * (1 - min(1.0, self.free_bytes / self.disk_bytes)), 1)


_PLAN_TONES = {
    Status.COMPLETE: "ok", Status.ERROR: "bad", Status.WAITING: "warn", Status.DELAYED: "warn", Status.PENDING: "off",
}  # fmt: skip


def mark_of_status(word: str) -> Mark:
    """Return the mark of a plan, a phase, a step or an operation by its status word."""
    try:
        tone = _PLAN_TONES.get(Status(word), "busy")
    except ValueError:
        tone = {"RUNNING": "busy", "STOPPING": "warn", "DIFFERENT": "warn", "FAILED": "bad"}.get(word, "off")
    return Mark(tone, word.replace("_", " ").lower())


def mark_of(node: NodeRecord) -> Mark:
    """Return the mark of a node's record."""
    task = node.task
    if task is None:
        return Mark("off", "not launched")
    if node.left:
        return Mark("off", "has left")
    if task.state in _JOINING:
        return Mark("busy", _JOINING[task.state])
    if task.state is not TaskState.RUNNING:
        word = task.state.value.removeprefix("TASK_").replace("_", " ").lower()
        return Mark("bad", f"task {word}")
    if node.missing is not None:
        return Mark("bad", "missing")
    if node.mode in _BUSY:
        return Mark("busy", node.mode.lower())
    return Mark(*_BY_MODE.get(node.mode, ("warn", node.mode.lower())))


def tiles(found: Snapshot) -> list[Tile]:
    """Return all nodes, in numeric order."""
    state = found.state
    down, jobs, why = _down(state), _jobs(state), _waits(found.plans)
    documents = {item["name"]: item for item in cluster.statuses(state)["nodes"]}
    default = state.target.spec.cassandra.data_center
    made = []
    for node in by_index(state.nodes.values()):
        told = documents.get(node.name, {})
        made.append(
            Tile(
                name=node.name,
                mark=mark_of(node),
                data_center=told.get("data_center") or default,
                rack=node.rack or "no rack yet",
                agent=told.get("hostname") or "",
                address=told.get("address") or "",
                version=told.get("version") or "",
                free_bytes=told.get("disk_free_bytes"),
                load_bytes=told.get("load_bytes"),
                disk_bytes=told.get("disk_bytes"),
                owns=told.get("owns"),
                job=jobs.get(node.name, ""),
                why=why.get(node.name, ""),
                down_for=down.get(node.address or "", ()),
            )
        )
    return made


def by_rack(found: Iterable[Tile]) -> dict[str, dict[str, list[Tile]]]:
    """Return the nodes by data center and rack, both in the order of their names."""
    made: dict[str, dict[str, list[Tile]]] = {}
    for tile in sorted(found, key=lambda item: (item.data_center, item.rack, int(item.number))):
        made.setdefault(tile.data_center, {}).setdefault(tile.rack, []).append(tile)
    return made


@dataclass(frozen=True)
class Arc:
    """A node's part of the circle of token ownership, in percent of the whole, from the top clockwise."""

    tile: Tile
    begin: float
    length: float


def circle(found: Iterable[Tile]) -> list[Arc]:
    """Return the parts of the nodes that tell their share; none if there are too many to see."""
    owners = [tile for tile in found if tile.owns]
    if len(owners) > CIRCLE_NODES:
        return []
    # A node that has not reported since its start leaves its part open.
    whole = max(1.0, sum(tile.owns or 0.0 for tile in owners))
    arcs, begin = [], 0.0
    for tile in owners:
        length = 100 * (tile.owns or 0.0) / whole
        arcs.append(Arc(tile, round(begin, 2), round(length, 2)))
        begin += length
    return arcs


def counts(found: Iterable[Tile]) -> list[tuple[Mark, int]]:
    """Return how many nodes have each mark, the most frequent first."""
    numbers: dict[Mark, int] = {}
    for tile in found:
        numbers[tile.mark] = numbers.get(tile.mark, 0) + 1
    return sorted(numbers.items(), key=lambda item: (-item[1], item[0].word))


def _down(state: ClusterState) -> dict[str, tuple[str, ...]]:
    """Return by address the nodes whose gossip sees it as down."""
    found: dict[str, list[str]] = {}
    for name, sighting in state.sightings.items():
        for address in sighting.status.unreachable:
            found.setdefault(address, []).append(name)
    return {address: tuple(sorted(names, key=by_number)) for address, names in found.items()}


def _jobs(state: ClusterState) -> dict[str, str]:
    """Return by node the job that runs on it, as `Upload 40 %`."""
    found = {}
    for step in state.steps.values():
        if step.state is StepState.RUNNING and step.task is not None:
            sighting = state.jobs.get(step.key)
            done = None if sighting is None else sighting.progress.percent
            found[step.task.node] = step.phase if done is None else f"{step.phase} {done:.0f} %"
    return found


def _waits(plans: Mapping[str, Plan]) -> dict[str, str]:
    """Return by node the sentence of its first step that is not complete."""
    found: dict[str, str] = {}
    for name in PLANS:
        for phase in plans[name].phases if name in plans else ():
            for step in phase.steps:
                if step.status is not Status.COMPLETE:
                    found.setdefault(step.name, brief(step.message))
    return found


def vitals(found: Sighting | None) -> list[tuple[str, str]]:
    """Return what says at a glance how a node does; nothing before its first report."""
    if found is None:
        return []
    status, figures = found.status, found.figures or Figures()
    heap = None if not figures.heap_max_bytes else 100 * (figures.heap_used_bytes or 0) / figures.heap_max_bytes
    rows = (
        ("Data", None if status.load_bytes is None else size(status.load_bytes)),
        ("Free disk", None if status.room_bytes is None else size(status.room_bytes)),
        ("Owns", None if figures.owns is None else percent(100 * figures.owns)),
        ("Heap", None if heap is None else percent(heap)),
        ("Read p99", _latency(figures.read)),
        ("Write p99", _latency(figures.write)),
        ("Compactions", figures.pending_compactions),
        ("Hints", figures.hints),
        ("Dropped", None if found.figures is None else sum(figures.dropped.values())),
    )
    return [(name, str(value)) for name, value in rows if value is not None]


def figures(found: Sighting | None) -> list[tuple[str, str]]:
    """Return all figures that Cassandra has reported, as the API names them."""
    if found is None or found.figures is None:
        return []
    document = cluster.status(replace(found.status, figures=found.figures))
    return facts(document["figures"] or {})


def _latency(found: Requests | None) -> str | None:
    return None if found is None or not found.count else f"{found.p99 / 1000:.1f} ms"


def facts(document: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the fields of a document that have a value, as words for people."""
    rows: list[tuple[str, str]] = []
    for name, value in document.items():
        if isinstance(value, Mapping) and value:
            rows += [(f"{_title(name)}: {inner}", text) for inner, text in facts(value)]
            continue
        text = "yes" if value is True else "no" if value is False else value
        if name.endswith("_bytes") and isinstance(value, int | float):
            text = size(value)
        elif name == "owns" and value is not None:
            text = percent(100 * value)
        text = ", ".join(map(str, text)) if isinstance(text, list) else text
        if name not in _TWICE and text not in (None, "", {}):
            rows.append((_title(name), str(text)))
    return rows


def _title(name: str) -> str:
    return _TITLES.get(name, name.replace("_", " "))
