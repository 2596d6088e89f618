"""The nodes as the page shows them: one mark and one word for each, its job, and who sees it as down."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from api.documents import cluster
from scheduler.core.plans.plan import Plan, Status
from scheduler.core.state.cluster import ClusterState
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
# Fields for clients of the original service.
_TWICE = ("operating_mode", "rpc_running")


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
    job: str
    why: str
    down_for: tuple[str, ...]

    @property
    def number(self) -> str:
        """The number in the node's name."""
        return self.name.rpartition("-")[2]


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
    return {address: tuple(sorted(names)) for address, names in found.items()}


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
                    found.setdefault(step.name, step.message)
    return found


def facts(document: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the fields of a document that have a value, as words for people."""
    rows = []
    for name, value in document.items():
        text = "yes" if value is True else "no" if value is False else value
        text = ", ".join(map(str, text)) if isinstance(text, list) else text
        if name not in _TWICE and text not in (None, "", {}):
            rows.append((name.replace("_", " "), str(text)))
    return rows
