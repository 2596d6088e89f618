"""A model of Mesos: a master and agents that own their resources and refuse what Mesos refuses.

The scheduler's side is the calls at the end; `events` is what waits to be read from its subscription.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from executor.protocol import (
    Answer,
    JobLaunch,
    NodeLaunch,
    StatusReply,
    parse_task,
)
from scheduler.core.configuration.trial import question_id
from scheduler.core.cycle.decision import Try
from tests.simulation.engine.executors import Executors
from tests.simulation.engine.jobs import misfit
from tests.simulation.engine.machines import Agent, Executor, Offered, Taken, Task, create, destroy, reserve, unreserve
from tests.simulation.engine.resources import NotEnoughError, Owned, add_all, all_within, to_bundles, to_json
from tests.simulation.engine.ring import Process

Json = Mapping[str, Any]


class Mesos(Executors):
    """The master, over its agents and the executors on them."""

    def __init__(self, agents: Iterable[Agent], new_id: Callable[[], str]) -> None:
        super().__init__(agents, new_id)
        self.offers: dict[str, Offered] = {}
        self.suppressed = False
        self.illegal: list[str] = []
        self.refused: dict[int, str] = {}  # heaps that Cassandra would not start with, and its words
        self.spoken: set[str] = set()  # tasks named to the scheduler since it subscribed
        self.unheard: set[str] = set()  # tasks that lived when it subscribed
        self.launches: list[str] = []
        self.kills: list[str] = []
        self.refuse_next: set[str] = set()  # operation types that fail once, as on a full disk
        self.forbidden: set[str] = set()  # operation types that the master does not allow
        self.torn_down = False  # the framework is no more
        self.gone: set[str] = set()  # ids of agents that an operator marked as gone
        self.drop_next: set[str] = set()  # names of tasks whose next launch gets lost

    # --- what happens by itself

    def step(self, seconds: float) -> None:
        """Let time pass: processes go on, updates are retried, offers are made."""
        self.now += seconds
        self.work()
        self.allocate()

    def allocate(self, partial: bool = False) -> None:
        """Offer what is available, unless suppressed or declined; `partial`: only what is reserved, less volumes."""
        if not self.subscribed or self.suppressed:
            return
        for agent in self.agents.values():
            if agent.idle and not partial and agent.filtered is not None and self.now < agent.filtered[0]:
                continue
            content = {owner: bundle.copy() for owner, bundle in agent.available.items() if not bundle.empty}
            agent.idle = self._is_filtered(agent, content)
            if partial:
                content = {owner: bundle for owner, bundle in content.items() if owner}
                for bundle in content.values():
                    bundle.volumes = {}
            if not content or not agent.registered or not agent.reachable or self._is_filtered(agent, content):
                continue
            for owner, bundle in content.items():
                agent.available[owner].take(bundle)
            offer = Offered(self.new_id(), agent, content, frozenset(agent.executors))
            self.offers[offer.id] = offer
            self._emit("OFFER", self._offer_json(offer))

    def fail_executor(self, task_id: str) -> None:
        """End the executor; its resources are offered before its task's end is reported."""
        task = self.task(task_id)
        if task is None or task.ended or (executor := task.agent.executors.get(task.executor_id)) is None:
            return
        executor.rounds = 0
        self._leave(task.agent)
        self.allocate()
        self.fail_task(task_id)

    def rescind(self) -> None:
        """Take all outstanding offers back."""
        for offer in list(self.offers.values()):
            self._take_back(offer)
            self._emit("RESCIND", offer.id)

    def partition(self, agent: Agent) -> None:
        """Cut the agent off from the master."""
        if not agent.reachable:
            return
        agent.reachable = False
        for offer in [offer for offer in self.offers.values() if offer.agent is agent]:
            self._take_back(offer)
            self._emit("RESCIND", offer.id)

    def mark_unreachable(self, agent: Agent) -> None:
        """Let the master give the agent up."""
        if agent.reachable or agent.unreachable_marked:
            return
        agent.registered, agent.unreachable_marked = False, True
        for task in agent.tasks.values():
            if task.id in self.known:
                self._tell(task.id, agent.id, "TASK_UNREACHABLE", "REASON_SLAVE_REMOVED")
                self.known.pop(task.id, None)

    def mark_gone(self, agent: Agent) -> None:
        """Let an operator give the agent up for good, with all that is on it."""
        self.partition(agent)
        self.gone.add(agent.id)
        del self.agents[agent.id]
        for task in agent.tasks.values():
            self.ring.stop(task.id)
            self._tell(task.id, agent.id, "TASK_GONE_BY_OPERATOR", "REASON_SLAVE_REMOVED_BY_OPERATOR")
            self.known.pop(task.id, None)
        agent.tasks.clear()

    def reconnect(self, agent: Agent) -> None:
        """Let the agent register again, with the tasks that it has."""
        if agent.reachable and agent.registered:
            return
        agent.reachable = agent.registered = True
        returned, agent.unreachable_marked = agent.unreachable_marked, False
        if self.torn_down:
            self._end_orphans(agent)
        for task in agent.tasks.values():
            self.known[task.id] = (task.state, agent.id)
            if returned:
                self._tell(task.id, agent.id, task.state, "REASON_SLAVE_REREGISTERED")

    def reboot(self, agent: Agent, new_agent_id: bool = False) -> None:
        """Restart the machine: all tasks are gone without an update; with `new_agent_id` the agent has another id."""
        self.partition(agent)
        for task in list(agent.tasks.values()):
            self.ring.stop(task.id)
            self._release(task)
            self.known.pop(task.id, None)
            if new_agent_id:
                self._tell(task.id, agent.id, "TASK_LOST", "REASON_SLAVE_REMOVED")
        self.end_executors(agent)
        if new_agent_id:
            del self.agents[agent.id]
            agent.id = self.new_id()
            self.agents[agent.id] = agent
        agent.filtered = None
        agent.reachable = agent.registered = True
        agent.unreachable_marked = False

    def restart_master(self) -> None:
        """Restart the master without its tasks and offers; each agent is silent until it registers again."""
        for offer in list(self.offers.values()):
            self._take_back(offer)
        self.known.clear()
        self.subscribed = False
        self.events.clear()
        for agent in self.agents.values():
            agent.registered = agent.reachable = agent.unreachable_marked = False
            agent.filtered = None

    # --- the scheduler's calls

    def subscribe(self) -> None:
        """Subscribe anew: unread events of the old subscription are lost, offers are made anew."""
        self.rescind()
        self.events.clear()
        self.spoken.clear()
        self.unheard = {task.id for task in self.live_tasks()}
        self.subscribed, self.suppressed = True, False
        for agent in self.agents.values():
            agent.filtered = None
            for task in agent.tasks.values():
                task.sent_at = None
        self._emit("SUBSCRIBED", "framework-1")

    def teardown(self) -> None:
        """Remove the framework with its tasks; on an agent that is away, they end when it returns."""
        self.torn_down, self.subscribed = True, False
        self.rescind()
        self.events.clear()
        for agent in self.agents.values():
            if agent.reachable and agent.registered:
                self._end_orphans(agent)

    def _end_orphans(self, agent: Agent) -> None:
        for task in list(agent.tasks.values()):
            self.ring.stop(task.id)
            self._release(task)
            self.known.pop(task.id, None)
        self.end_executors(agent)

    def decline(self, offer_id: str, seconds: float) -> None:
        offer = self.offers.get(offer_id)
        if offer is not None:
            offer.agent.filtered = (self.now + seconds, {name: item.copy() for name, item in offer.content.items()})
            self._take_back(offer)

    def suppress(self) -> None:
        self.suppressed = True

    def revive(self) -> None:
        self.suppressed = False
        for agent in self.agents.values():
            agent.filtered = None

    def acknowledge(self, task_id: str, uuid: str) -> None:
        task = self.task(task_id)
        if task is None or not task.outbox or task.outbox[0]["uuid"] != uuid:
            return
        task.outbox.popleft()
        task.sent_at = None
        if task.ended and not task.outbox:
            del task.agent.tasks[task_id]
            self.known.pop(task_id, None)
        else:
            self._send_update(task)

    def kill(self, task_id: str) -> None:
        task = self.task(task_id)
        if task is None or task.ended or not (task.agent.reachable and task.agent.registered):
            return
        if task.job is not None:
            task.job.cancelled = True
            return
        self.kills.append(task_id)
        self.ring.stop(task_id)
        self._end(task_id, "TASK_KILLED", "", "killed")

    def tune(self, task_id: str, values: Json) -> None:
        """Pass new values to a running job."""
        task = self.task(task_id)
        if task is not None and task.job is not None and task.agent.reachable and task.agent.registered:
            task.job.tuning.update(values)

    def reconcile(self, pairs: Iterable[tuple[str, str]]) -> None:
        asked = list(pairs)
        for task_id, agent_id in asked:
            agent = self.agents.get(agent_id)
            if task_id in self.known:
                state, where = self.known[task_id]
                self._tell(task_id, where, state, "REASON_RECONCILIATION")
            elif agent_id in self.gone:
                self._tell(task_id, agent_id, "TASK_GONE_BY_OPERATOR", "REASON_RECONCILIATION")
            elif agent is None:
                self._tell(task_id, agent_id, "TASK_UNKNOWN", "REASON_RECONCILIATION")
            elif agent.registered:
                self._tell(task_id, agent_id, "TASK_GONE", "REASON_RECONCILIATION")
            elif agent.unreachable_marked:
                self._tell(task_id, agent_id, "TASK_UNREACHABLE", "REASON_RECONCILIATION")
        if not asked:
            for task_id, (state, where) in self.known.items():
                self._tell(task_id, where, state, "REASON_RECONCILIATION")

    def ask(self, task_id: str, node: str) -> None:
        """Query a node's status over its executor, and queue the answer."""
        task, process = self.task(task_id), self.ring.processes.get(task_id)
        if task is not None and process is not None and task.agent.reachable and task.agent.registered:
            self._emit("REPLY", StatusReply("", node, task_id, self.ring.status(process)))

    def certify(self, task_id: str) -> None:
        """Have a node get another certificate; its next status shows it."""
        task, process = self.task(task_id), self.ring.processes.get(task_id)
        if task is not None and process is not None and task.agent.reachable and task.agent.registered:
            self.ring.certify(process)
            self._emit("REPLY", StatusReply("", task.node, task_id, self.ring.status(process)))

    def try_settings(self, trial: Try) -> None:
        """Send the question `settings` to an executor, and queue its answer; `refused` is Cassandra's complaint."""
        task, process = self.task(trial.ask.task_id), self.ring.processes.get(trial.ask.task_id)
        if task is not None and process is not None and task.agent.reachable and task.agent.registered:
            words = next((words for heap, words in self.refused.items() if trial.launch.heap_mb == heap), "")
            identifier = question_id(trial.configuration)
            self._emit("TRIAL", Answer(identifier, trial.ask.node, task.id, {"refused": words}))

    def accept(self, offer_ids: Iterable[str], operations: Iterable[Json]) -> None:
        ids = list(offer_ids)
        offers = [self.offers[name] for name in ids if name in self.offers]
        if len(offers) != len(ids):
            for offer in offers:
                self._take_back(offer)
            for task in _launched(operations):
                where = task["agent_id"]["value"]
                self._tell(task["task_id"]["value"], where, "TASK_DROPPED", "REASON_INVALID_OFFERS")
            return
        agent = offers[0].agent
        taken = Taken(agent, Owned(), frozenset().union(*(offer.executors for offer in offers)))
        for offer in offers:
            add_all(taken.pool, offer.content)
            del self.offers[offer.id]
        for operation in operations:
            self._operate(taken, operation)
        agent.idle = False
        add_all(agent.available, taken.pool)

    # --- inside

    def _operate(self, taken: Taken, operation: Json) -> None:
        kind, agent, pool = operation["type"], taken.agent, taken.pool
        try:
            if kind in self.forbidden:
                taken.spoilt = True
                raise OSError(f"not authorized to {kind.lower()}")
            if kind in self.refuse_next:
                self.refuse_next.discard(kind)
                taken.spoilt = True
                raise OSError("no space left on device")
            if kind == "RESERVE":
                reserve(agent, pool, operation["reserve"]["resources"])
            elif kind == "CREATE":
                create(agent, pool, operation["create"]["volumes"])
            elif kind == "DESTROY":
                destroy(agent, pool, operation["destroy"]["volumes"])
            elif kind == "UNRESERVE":
                unreserve(pool, operation["unreserve"]["resources"])
            elif kind == "LAUNCH":
                for info in operation["launch"]["task_infos"]:
                    self._launch(taken, info)
            else:
                raise ValueError(f"{kind} is not expected here")
        except (NotEnoughError, ValueError, OSError) as error:
            if not taken.spoilt:
                self.illegal.append(f"{kind}: {error}")
            if "id" in operation:
                self._emit("OPERATION", (operation["id"]["value"], "OPERATION_ERROR", str(error)))

    def _launch(self, taken: Taken, info: Json) -> None:
        task_id, agent, launch = info["task_id"]["value"], taken.agent, parse_task(info["data"])
        if info["name"] in self.drop_next:
            self.drop_next.discard(info["name"])
            self._tell(task_id, agent.id, "TASK_DROPPED", "REASON_SLAVE_DISCONNECTED")
            return
        ending = agent.executors.get(info["executor"]["executor_id"]["value"])
        if ending is not None and ending.rounds is not None:
            # The agent knows the executor until it has ended, and gives it no task any more.
            self._tell(task_id, agent.id, "TASK_DROPPED", "REASON_EXECUTOR_TERMINATED")
            return
        beside = isinstance(launch, JobLaunch) and self._executor_of(info, agent) is not None
        wanted, used = to_bundles(info["resources"]), to_bundles(info["resources"])
        own = Owned() if beside else to_bundles(info["executor"]["resources"])
        add_all(wanted, own)
        try:
            self._check_launch(taken, info, launch)
            if not all_within(wanted, taken.pool):
                raise NotEnoughError(f"Total resources {wanted} more than available {taken.pool}")
        except (NotEnoughError, ValueError) as error:
            if not taken.spoilt:
                self.illegal.append(f"LAUNCH of {task_id}: {error}")
            self._tell(task_id, agent.id, "TASK_ERROR", "REASON_TASK_INVALID", str(error))
            return
        for owner, bundle in wanted.items():
            taken.pool[owner].take(bundle)
        self.homes[task_id] = agent
        task = agent.tasks[task_id] = Task(task_id, info["name"], agent, info["executor"], used)
        if not beside:
            agent.executors[task.executor_id] = Executor(own)
        self.known[task_id] = ("TASK_STAGING", agent.id)
        self.launches.append(task_id)
        if isinstance(launch, NodeLaunch):
            volume = next(name for bundle in wanted.values() for name in bundle.volumes)
            self.ring.start(Process(task_id, agent.hostname, launch, agent.volumes[volume]))
        else:
            self._begin_job(task, launch)

    def _check_launch(self, taken: Taken, info: Json, launch: NodeLaunch | JobLaunch) -> None:
        """Check a launch as Mesos and an executor would; ValueError if they would refuse it."""
        task_id, agent = info["task_id"]["value"], taken.agent
        if info["agent_id"]["value"] != agent.id or self.task(task_id) is not None:
            raise ValueError("wrong agent or duplicate task")
        if isinstance(launch, NodeLaunch):
            return
        node = self._executor_of(info, agent)
        if node is None:
            if info["executor"]["executor_id"]["value"] not in taken.executors:
                raise ValueError("a job would start an executor of its own")
            return
        beside = [job for job in self.live_jobs() if job.launch.node == launch.node]
        problem = misfit(info, launch, node.executor, node.id, beside)
        if problem is not None:
            raise ValueError(problem)

    def _executor_of(self, info: Json, agent: Agent) -> Task | None:
        """Return the node's task in the executor that this launch names."""
        name = info["executor"]["executor_id"]["value"]
        live = (task for task in agent.tasks.values() if not task.ended and task.job is None)
        return next((task for task in live if task.executor_id == name), None)

    def _take_back(self, offer: Offered) -> None:
        offer.agent.idle = False
        add_all(offer.agent.available, offer.content)
        self.offers.pop(offer.id, None)

    def _is_filtered(self, agent: Agent, content: Owned) -> bool:
        if agent.filtered is None or self.now >= agent.filtered[0]:
            return False
        return all_within(content, agent.filtered[1])

    def _offer_json(self, offer: Offered) -> Json:
        agent = offer.agent
        return {
            "id": {"value": offer.id},
            "agent_id": {"value": agent.id},
            "hostname": agent.hostname,
            "allocation_info": {"role": "cassandra-role"},
            "attributes": [{"name": "rack", "type": "TEXT", "text": {"value": agent.rack}}],
            "resources": to_json(offer.content, agent.reservations),
            "executor_ids": [{"value": name} for name in sorted(offer.executors)],
        }


def _launched(operations: Iterable[Json]) -> list[Json]:
    return [info for item in operations if item["type"] == "LAUNCH" for info in item["launch"]["task_infos"]]
