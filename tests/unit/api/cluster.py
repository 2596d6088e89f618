"""A three-node cluster as real values of the core, behind a gateway that carries commands out with the core."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from werkzeug.test import TestResponse

from executor.figures import Figures, Requests
from executor.protocol import NodeStatus
from scheduler.core.commands.apply import apply_command
from scheduler.core.commands.command import Command, Refusal
from scheduler.core.plans.build import build_plans
from scheduler.core.state.cluster import ClusterState, Reconciliation, Sighting
from scheduler.core.state.configuration import Configuration
from scheduler.core.state.node import Agent, NodeRecord, TaskRecord, TaskState
from scheduler.loop.snapshot import QuestionRefused, Snapshot, Unavailable
from scheduler.settings import Settings, parse

NOW = 1_700_000_000.0
FIGURES = Figures(
    owns=0.3333,
    pending_compactions=2,
    dropped={"MUTATION_REQ": 5},
    hints=8,
    hinted_peers=1,
    heap_used_bytes=104857600,
    heap_max_bytes=402653184,
    gc_count=12,
    gc_millis=345,
    received=4096,
    sent=8192,
    disk_bytes=10 * 2**30,
    read=Requests(1000, 250000, 180.5, 950.0, 1),
    write=Requests(2000, 300000, 120.0, 640.25, 0),
)
ELSEWHERE = {"ARTIFACTS_URL": "https://files.example/", "SERVICE_USER": "nobody", "API_TRUST_ROUTER": "true"}


def document(answer: TestResponse) -> Any:
    """Return the JSON of an answer."""
    return json.loads(answer.data)


def make_settings(**environ: str) -> Settings:
    return parse({**ELSEWHERE, **environ})


def make_status(index: int, **changes: Any) -> NodeStatus:
    status = NodeStatus(
        mode="NORMAL",
        joined=True,
        native_transport_running=True,
        gossip_initialized=True,
        gossip_running=True,
        host_id=f"host-{index}",
        endpoint=f"10.0.0.{index + 1}",
        token_count=16,
        data_center="dc1",
        rack="r1",
        version="5.0.8",
        schema="s",
        live=("10.0.0.1", "10.0.0.2"),
        load_bytes=5 * 2**20,
        room_bytes=2**30,
        most_replicas=3,
        auth_replicas=3,
        figures=FIGURES,
    )
    return replace(status, **changes)


def make_node(index: int, **changes: Any) -> NodeRecord:
    node = NodeRecord(
        index=index,
        agent=Agent(id=f"agent-{index}", hostname=f"host-{index}.example"),
        task=TaskRecord(
            id=f"node-{index}__uuid",
            executor_id=f"node-{index}_executor__uuid",
            configuration="c1",
            state=TaskState.RUNNING,
            launched_at=NOW,
            updated_at=NOW,
        ),
        rack="r1",
        deployed="c1",
        host_id=f"host-{index}",
        address=f"10.0.0.{index + 1}",
        mode="NORMAL",
    )
    return replace(node, **changes)


def make_state(settings: Settings, *nodes: NodeRecord, **changes: Any) -> ClusterState:
    target = Configuration(id="c1", created_at=NOW, spec=settings.cluster_spec())
    state = ClusterState(
        target=target,
        configurations={"c1": target},
        nodes={node.name: node for node in nodes},
        plans={},
        framework_id="framework-1",
        registered=True,
        reconciliation=Reconciliation(started=True),
        sightings={
            node.name: Sighting(f"{node.name}__uuid", make_status(node.index), NOW, FIGURES, NOW) for node in nodes
        },
    )
    return replace(state, **changes)


class CoreGateway:
    """A gateway to one state; `unavailable` is the reason why it cannot be read."""

    def __init__(self, state: ClusterState) -> None:
        self.state = state
        self.statuses: dict[str, NodeStatus] = {}
        self.evaluations: tuple[Mapping[str, Any], ...] = ()
        self.unavailable = ""
        self.age = 0.0
        self.idle = 0.0  # since the last cycle, which may have stored nothing
        self.refusal: Refusal | None = None
        self.noted: list[str] = []
        self.since: dict[str, float] = {}
        self.ends = False  # whether the process is about to end
        self.submitted: list[tuple[Command, str]] = []
        self.reasons: list[str] = []
        self.answers: dict[str, Mapping[str, Any] | QuestionRefused | Unavailable] = {}  # by subject
        self.answers_each: dict[str, Mapping[str, Any] | Unavailable] = {}  # by node
        self.asked: list[tuple[str, Mapping[str, Any]]] = []
        self.asked_first: list[str] = []

    def snapshot(self) -> Snapshot:
        self._check()
        plans = build_plans(self.state, NOW)
        return Snapshot(self.state, plans, time.time() - self.age, True, self.evaluations, since=self.since)

    def silent_seconds(self) -> float:
        return self.idle or self.age

    def newer(self, than: Snapshot | None, seconds: float) -> Snapshot:
        return self.snapshot()

    @property
    def ending(self) -> bool:
        return self.ends

    def submit(self, command: Command, principal: str, reason: str = "") -> Refusal | None:
        self._check()
        self.submitted.append((command, principal))
        self.reasons.append(reason)
        outcome = self.refusal or apply_command(self.state, command, NOW)
        if isinstance(outcome, Refusal):
            return outcome
        self.state = outcome
        return None

    def note(self, sentence: str) -> None:
        self.noted.append(sentence)

    def ask(self, node: str) -> NodeStatus:
        self._check()
        if node not in self.statuses:
            raise Unavailable(f"{node} did not answer within 5 seconds")
        return self.statuses[node]

    def question(self, subject: str, content: Mapping[str, Any], first: str = "") -> Mapping[str, Any]:
        self._check()
        self.asked.append((subject, content))
        self.asked_first.append(first)
        found = self.answers.get(subject, Unavailable("no node can answer: no node is NORMAL"))
        if isinstance(found, Exception):
            raise found
        return found

    def question_each(
        self, subject: str, contents: Mapping[str, Mapping[str, Any]], seconds: float
    ) -> Mapping[str, Mapping[str, Any] | Unavailable]:
        self._check()
        self.asked += [(subject, content) for content in contents.values()]
        return {node: self.answers_each.get(node, Unavailable(f"{node} does not run")) for node in contents}

    def _check(self) -> None:
        if self.unavailable:
            raise Unavailable(self.unavailable)
