"""A master without HTTP, a fake agent and a fake scheduler that speak to its parts directly; time stands still."""

from __future__ import annotations

import asyncio
import base64
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from localmesos.master.master import Master, MasterConfig
from localmesos.master.state.records import Agent, Framework
from localmesos.protocol.streams import EventStream
from localmesos.resources.text import parse_resources

Json = dict[str, Any]

CAPABILITIES = [{"type": "MULTI_ROLE"}, {"type": "RESERVATION_REFINEMENT"}, {"type": "PARTITION_AWARE"}]
RESOURCES = "cpus:4;mem:4096;disk:20480;ports:[31000-32000]"


class Events(EventStream):
    """A stream whose events the test reads."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[Json] = []

    def send(self, event: Json) -> None:
        if not self.closed:
            self.events.append(event)

    def take(self, kind: str) -> list[Json]:
        """Return the contents of the new events of a kind."""
        found = [event.get(kind.lower(), {}) for event in self.events if event["type"] == kind]
        self.events = [event for event in self.events if event["type"] != kind]
        return found


class World:
    """One leading master in an event loop that only runs when the test says so.

    `now` is what its clocks show, and `jumps` how far the wall clock jumped.
    """

    def __init__(self, work_dir: Path, runner: asyncio.Runner) -> None:
        self.now = 1000.0
        self.jumps = 0.0
        self.runner = runner
        self.master = Master(MasterConfig("127.0.0.1", 5050, work_dir))
        self.cluster = self.master.cluster
        self.cluster.clock = lambda: self.now + self.jumps
        self.cluster.steady_clock = lambda: self.now
        self.master.lead()

    def allocate(self) -> None:
        self.master.allocator.run()

    def run(self, *steps: Callable[[], Any]) -> list[Any]:
        """Do the steps inside the event loop."""

        async def inside() -> list[Any]:
            return [step() for step in steps]

        return self.runner.run(inside())

    def start(self, *tasks: str, **info: Any) -> tuple[FakeAgent, FakeScheduler]:
        """Register an agent, subscribe a framework and run tasks of it."""
        agent, scheduler = FakeAgent(self), FakeScheduler(self, **info)
        self.run(agent.register, scheduler.subscribe)
        if tasks:
            self.run(lambda: scheduler.launch(scheduler.offer(), *tasks))
        for task_id in tasks:
            key = agent.update(scheduler.framework_id, task_id, "TASK_RUNNING", healthy=True)
            scheduler.acknowledge(agent, task_id, key)
        scheduler.updates()
        return agent, scheduler


@contextmanager
def world(work_dir: Path) -> Iterator[World]:
    """Make a world whose master is closed at the end."""
    with asyncio.Runner() as runner:

        async def make() -> World:
            return World(work_dir, runner)

        made = runner.run(make())
        try:
            yield made
        finally:
            runner.run(made.master.close())


class FakeAgent:
    """An agent in name only. `number`: the last of its address."""

    def __init__(self, world: World, number: int = 2, agent_id: str | None = None) -> None:
        self.world = world
        self.number = number
        self.agent_id = agent_id
        self.checkpointed: list[Json] = []
        self.tasks: list[Json] = []
        self.executors: list[Json] = []
        self.frameworks: list[Json] = []
        self.stream = Events()

    def register(self) -> Agent:
        ip = f"127.0.0.{self.number}"
        info: Json = {"hostname": ip, "port": 5051, "resources": parse_resources(RESOURCES), "attributes": []}
        if self.agent_id is not None:
            info["id"] = {"value": self.agent_id}
        body = {
            "type": "REGISTER",
            "agent_info": info,
            "ip": ip,
            "checkpointed": self.checkpointed,
            "frameworks": self.frameworks,
            "executors": self.executors,
            "tasks": self.tasks,
        }
        self.stream = Events()
        agent = self.world.master.agents.register(body, self.stream)
        self.agent_id = agent.agent_id
        return agent

    def leave(self) -> None:
        """Break the connection."""
        agent = self.world.cluster.agents[str(self.agent_id)]
        self.world.master.agents.disconnected(agent, self.stream)

    def call(self, kind: str, body: Json) -> None:
        call = {"type": kind, "agent_id": {"value": self.agent_id}, kind.lower(): body}
        self.world.master.agents.handle_call(call)

    def update(self, framework_id: str, task_id: str, state: str, **more: Any) -> str:
        """Report a state; the update's uuid."""
        key = base64.b64encode(uuid.uuid4().bytes).decode()
        ids = {"task_id": {"value": task_id}, "agent_id": {"value": self.agent_id}}
        status = {**ids, "state": state, "source": "SOURCE_EXECUTOR", "timestamp": 1.0, "uuid": key, **more}
        self.call("STATUS_UPDATE", {"framework_id": {"value": framework_id}, "status": status, "latest_state": state})
        return key

    def took(self, kind: str) -> list[Json]:
        return self.stream.take(kind)


class FakeScheduler:
    """A scheduler with all capabilities, or with none."""

    def __init__(self, world: World, modern: bool = True, **info: Any) -> None:
        self.world = world
        self.info: Json = {"user": "root", "name": "x", "checkpoint": True, "failover_timeout": 60.0}
        self.info |= {"roles": ["r"], "capabilities": CAPABILITIES, "principal": "p"} if modern else {"role": "r"}
        self.info |= info
        self.stream = Events()
        self.framework: Framework | None = None

    def subscribe(self) -> Json:
        """Connect; the first event, SUBSCRIBED or ERROR."""
        self.stream = Events()
        subscriptions = self.world.master.subscriptions
        self.framework = subscriptions.subscribe({"framework_info": self.info}, self.stream, str(uuid.uuid4()))
        if self.framework is not None:
            self.info = {**self.info, "id": {"value": self.framework.framework_id}}
        return self.stream.events[0]

    @property
    def framework_id(self) -> str:
        return str(self.info["id"]["value"])

    def hang_up(self) -> None:
        assert self.framework is not None
        self.world.master.subscriptions.disconnected(self.framework, self.stream)

    def call(self, kind: str, body: Json | None = None) -> None:
        assert self.framework is not None
        call = {"type": kind, "framework_id": {"value": self.framework_id}, kind.lower(): body or {}}
        self.world.master.calls.handle(self.framework, call)

    def offers(self) -> list[Json]:
        """Offers that have come since, after a run of the allocator."""
        self.world.allocate()
        return [offer for offers in self.stream.take("OFFERS") for offer in offers["offers"]]

    def offer(self) -> Json:
        """Return the only one."""
        found = self.offers()
        assert len(found) == 1, found
        return found[0]

    def updates(self) -> list[Json]:
        """Return the new statuses."""
        return [update["status"] for update in self.stream.take("UPDATE")]

    def accept(self, offer: Json, *operations: Json, **filters: float) -> None:
        body: Json = {"offer_ids": [offer["id"]], "operations": list(operations), "filters": filters}
        self.call("ACCEPT", body)

    def launch(self, offer: Json, *task_ids: str, executor: Json | None = None) -> None:
        """Start tasks of 0.1 cpus and 32 MB, and nothing is filtered."""
        resources = parse_resources("cpus:0.1;mem:32")
        how: Json = {"command": {"value": "true"}} if executor is None else {"executor": executor}
        infos = [
            {"name": i, "task_id": {"value": i}, "agent_id": offer["agent_id"], "resources": resources, **how}
            for i in task_ids
        ]
        self.accept(offer, {"type": "LAUNCH", "launch": {"task_infos": infos}}, refuse_seconds=0.0)

    def acknowledge(self, agent: FakeAgent, task_id: str, key: str) -> None:
        ids = {"agent_id": {"value": agent.agent_id}, "task_id": {"value": task_id}}
        self.call("ACKNOWLEDGE", {**ids, "uuid": key})
