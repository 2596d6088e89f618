"""A master's state and the steps that keep it consistent: offers rescinded, resources recovered, updates sent."""

import uuid
from collections import Counter
from collections.abc import Callable
from typing import Any

from localmesos.master.state import statuses
from localmesos.master.state.records import Agent, Executor, Framework, Offer, Task
from localmesos.master.state.statuses import Cause
from localmesos.resources.arithmetic import Resources

Json = dict[str, Any]

_KEPT_COMPLETED_FRAMEWORKS = 50


def _nothing() -> None:
    return None


class Cluster:
    """Frameworks, agents and offers of one master.

    `changed` is called after every change that a restarted master must know, `allocate_soon` when resources get free.
    """

    def __init__(self, clock: Callable[[], float], steady_clock: Callable[[], float]) -> None:
        self.clock = clock
        self.steady_clock = steady_clock
        self.master_id = str(uuid.uuid4())
        self.changed: Callable[[], None] = _nothing
        self.allocate_soon: Callable[[], None] = _nothing
        self.frameworks: dict[str, Framework] = {}
        self.completed: dict[str, Framework] = {}
        self.agents: dict[str, Agent] = {}
        self.recovered_agents: dict[str, Json] = {}
        """AgentInfo of agents known from disk that have not returned."""
        self.unreachable: dict[str, int] = {}
        """Nanoseconds since the epoch, by agent id."""
        self.gone: dict[str, int] = {}
        self.offers: dict[str, Offer] = {}
        self.counters: Counter[str] = Counter()
        self._framework_number = 0
        self._agent_number = 0
        self._offer_number = 0

    def new_framework_id(self) -> str:
        """Return the next framework's id: ``<master id>-0000``."""
        self._framework_number += 1
        return f"{self.master_id}-{self._framework_number - 1:04d}"

    def new_agent_id(self) -> str:
        """Return the next agent's id: ``<master id>-S0``."""
        self._agent_number += 1
        return f"{self.master_id}-S{self._agent_number - 1}"

    def new_offer_id(self) -> str:
        """Return the next offer's id: ``<master id>-O0``."""
        self._offer_number += 1
        return f"{self.master_id}-O{self._offer_number - 1}"

    def transitioning(self, agent_id: str | None) -> bool:
        """Return whether the agent, or with None any agent, can still return after the master's restart."""
        return bool(self.recovered_agents) if agent_id is None else agent_id in self.recovered_agents

    def complete(self, framework: Framework) -> None:
        """Move a framework to the completed ones."""
        del self.frameworks[framework.framework_id]
        self.completed[framework.framework_id] = framework
        while len(self.completed) > _KEPT_COMPLETED_FRAMEWORKS:
            self.completed.pop(next(iter(self.completed)))

    def take_offer(self, offer: Offer) -> Resources:
        """End an offer and return its resources, which the caller must use or release."""
        del self.offers[offer.offer_id]
        self.frameworks[offer.framework_id].offers.pop(offer.offer_id)
        return self.agents[offer.agent_id].ledger.take_back(offer.offer_id)

    def discard(self, offer: Offer) -> None:
        """End an offer and free its resources without notice."""
        resources = self.take_offer(offer)
        self.agents[offer.agent_id].ledger.release(resources)

    def rescind(self, offer: Offer) -> None:
        """End an offer, free its resources and notify the framework."""
        self.discard(offer)
        self.frameworks[offer.framework_id].send("RESCIND", {"offer_id": {"value": offer.offer_id}})

    def offers_of_agent(self, agent_id: str) -> list[Offer]:
        """Return the offers of an agent's resources."""
        return [offer for offer in self.offers.values() if offer.agent_id == agent_id]

    def add_task(self, agent: Agent, framework: Framework, task: Task) -> None:
        """Add a task, which runs or will run, to its agent and framework."""
        agent.tasks[task.framework_id, task.task_id] = task
        framework.tasks[task.task_id] = task

    def recover_task(self, task: Task) -> None:
        """Free a task's resources, once."""
        agent = self.agents.get(task.agent_id)
        if not task.recovered and agent is not None:
            task.recovered = True
            agent.ledger.recover(task.framework_id, task.resources)

    def remove_task(self, task: Task) -> None:
        """Move a task that is over, or counts as over, to the completed ones."""
        self.recover_task(task)
        agent = self.agents.get(task.agent_id)
        if agent is not None:
            agent.tasks.pop((task.framework_id, task.task_id), None)
        framework = self.frameworks.get(task.framework_id)
        if framework is not None:
            framework.complete(task)

    def remove_executor(self, agent: Agent, framework_id: str, executor_id: str) -> Executor | None:
        """Remove an executor, free its resources and return it; None if it is not known."""
        executor = agent.executors.pop((framework_id, executor_id), None)
        if executor is not None:
            agent.ledger.recover(framework_id, executor.resources)
        return executor

    def send_update(self, framework: Framework, status: Json) -> None:
        """Send a status update, its state as the framework knows states."""
        status = {**status, "state": framework.shown_state(status["state"])}
        self.counters[
            f"{status['state'].lower()}/{status['source'].lower()}/{status.get('reason', 'none').lower()}"
        ] += 1
        framework.send("UPDATE", {"status": status})

    def end_task(self, task: Task, state: str, cause: Cause, unreachable: int | None = None) -> None:
        """Report a task of a lost agent in `state`, and remove it."""
        status = statuses.known_status(task, state, cause, self.clock())
        if unreachable is not None:
            status = statuses.with_unreachable_time(status, unreachable)
        framework = self.frameworks.get(task.framework_id)
        if framework is not None:
            self.send_update(framework, status)
            task.add_status({**status, "state": framework.shown_state(state)}, framework.shown_state(state))
            if unreachable is not None and framework.partition_aware:
                framework.unreachable_tasks[task.task_id] = task
        self.remove_task(task)

    def fail_agent(self, agent_id: str) -> None:
        """Report the loss of an agent to every framework."""
        for framework in self.frameworks.values():
            framework.send("FAILURE", {"agent_id": {"value": agent_id}})
