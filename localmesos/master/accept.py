"""ACCEPT: from offers to reservations, volumes and running tasks."""

import logging
from typing import Any

from localmesos.master.allocator import Allocator
from localmesos.master.operation_feedback import Feedback
from localmesos.master.state import statuses
from localmesos.master.state.cluster import Cluster
from localmesos.master.state.records import Agent, Executor, Framework, Offer, Task
from localmesos.master.state.statuses import Cause
from localmesos.master.task_validation import (
    Place,
    TaskError,
    allocate_executor,
    allocate_task,
    check_group,
    check_task,
)
from localmesos.resources.arithmetic import Resources
from localmesos.resources.operations import RESOURCE_OPERATIONS, OperationError, Operator, convert

Json = dict[str, Any]

_LOG = logging.getLogger(__name__)


class OfferError(ValueError):
    """A refusal of the offers of an ACCEPT; the text is Mesos' message."""


class Acceptance:
    """One ACCEPT with valid offers: `pool` is the rest of them, operation by operation."""

    def __init__(self, cluster: Cluster, feedback: Feedback, framework: Framework, offers: list[Offer]) -> None:
        self._cluster = cluster
        self._feedback = feedback
        self._framework = framework
        self.role = offers[0].role
        self.agent: Agent = cluster.agents[offers[0].agent_id]
        self.pool = Resources(piece for offer in offers for piece in cluster.take_offer(offer))
        self._checkpoint: list[Json] = []
        self._checkpoint_needed = False

    def perform(self, operation: Json) -> None:
        """Perform one operation; a refusal is reported as Mesos reports it, or not at all."""
        kind = operation.get("type")
        if kind in RESOURCE_OPERATIONS:
            self._convert(operation)
        elif kind == "LAUNCH":
            for task in operation.get("launch", {}).get("task_infos", []):
                self._launch(task)
        elif kind == "LAUNCH_GROUP" and "launch_group" in operation:
            self._launch_group(operation["launch_group"])
        else:
            _LOG.warning("operation of type %r ignored", kind)

    def _convert(self, operation: Json) -> None:
        operator = Operator(self.role, self._framework.info.get("principal"))
        try:
            conversion = convert(operation, operator, self.pool, self.agent.ledger.total)
        except OperationError as error:
            _LOG.info("%s of %s refused: %s", operation["type"], self._framework.framework_id, error)
            self._feedback.refuse(self._framework, operation, self.agent, str(error))
            return
        self.pool = self.pool - conversion.consumed + conversion.converted
        self.agent.ledger.convert(conversion.consumed, conversion.converted)
        self._cluster.counters[f"operations/{operation['type'].lower()}/finished"] += 1
        self._checkpoint_needed = True
        self._checkpoint += self._feedback.begin(self._framework, operation, self.agent)

    def flush(self) -> None:
        """Send the agent its resources before a task that uses them."""
        if self._checkpoint_needed:
            resources = self.agent.ledger.checkpointed.to_json()
            self.agent.send("CHECKPOINT_RESOURCES", {"resources": resources, "operations": self._checkpoint})
        self._checkpoint, self._checkpoint_needed = [], False

    def _place(self) -> Place:
        framework_id = self._framework.framework_id
        executors = self.agent.executors_of(framework_id)
        return Place(framework_id, self.agent.agent_id, self.role, frozenset(self._framework.tasks), executors)

    def _launch(self, info: Json) -> None:
        framework_id = {"value": self._framework.framework_id}
        if "executor" in info:
            info = {**info, "executor": {"type": "CUSTOM", "framework_id": framework_id, **info["executor"]}}
        try:
            task = allocate_task(info, self.role)
            total = check_task(task, self._place(), self.pool)
        except TaskError as error:
            self._refuse_task(info, Cause("REASON_TASK_INVALID", str(error)))
            return
        executor = task.get("executor")
        launch_executor = executor is None or self._add_executor(executor)
        self.pool -= total
        self._add_task(task, executor)
        self.flush()
        resolved = executor or _command_executor(task, framework_id)
        self._run("RUN_TASK", {"task": self._shown(task)}, resolved, launch_executor)

    def _launch_group(self, group: Json) -> None:
        framework_id = {"value": self._framework.framework_id}
        infos = group["task_group"].get("tasks", [])
        try:
            executor = allocate_executor({"framework_id": framework_id, **group["executor"]}, self.role)
            tasks = [allocate_task({**info, "executor": executor}, self.role) for info in infos]
            total = check_group(tasks, executor, self._place(), self.pool)
        except TaskError as error:
            for info in infos:
                self._refuse_task(info, Cause("REASON_TASK_GROUP_INVALID", str(error)))
            return
        launch_executor = self._add_executor(executor)
        self.pool -= total
        for task in tasks:
            self._add_task(task, executor)
        self.flush()
        self._run("RUN_TASK_GROUP", {"tasks": [self._shown(task) for task in tasks]}, executor, launch_executor)

    def _run(self, event: str, body: Json, executor: Json, launch_executor: bool) -> None:
        self.agent.send(
            event,
            {
                "framework": self._framework.info,
                **body,
                "executor_info": self._shown(executor),
                "launch_executor": launch_executor,
                "checkpointed_resources": self.agent.ledger.checkpointed.to_json(),
            },
        )

    def _refuse_task(self, info: Json, cause: Cause) -> None:
        agent_id = info["agent_id"]["value"]
        now = self._cluster.clock()
        status = statuses.task_status(info["task_id"]["value"], "TASK_ERROR", cause, now, agent_id)
        self._cluster.send_update(self._framework, status)

    def _add_executor(self, executor: Json) -> bool:
        """Add the executor and return whether it is new to the agent."""
        key = self._framework.framework_id, executor["executor_id"]["value"]
        if key in self.agent.executors:
            return False
        resources = Resources.parse(executor["resources"])
        self.agent.executors[key] = Executor(executor, resources)
        self.agent.ledger.use(self._framework.framework_id, resources)
        return True

    def _add_task(self, task: Json, executor: Json | None) -> None:
        framework_id = self._framework.framework_id
        kept = ("name", "task_id", "agent_id", "labels", "discovery", "container", "health_check", "kill_policy")
        info: Json = {name: task[name] for name in kept if name in task}
        info["framework_id"] = {"value": framework_id}
        if executor is not None:
            info["executor_id"] = executor["executor_id"]
        resources = Resources.parse(task["resources"])
        self.agent.ledger.use(framework_id, resources)
        self._cluster.add_task(self.agent, self._framework, Task(info, resources))

    def _shown(self, message: Json) -> Json:
        """Return a task or executor as its executor gets it: with the role of its resources for each framework."""
        shown = Resources.parse(message.get("resources", [])).to_json(self._framework.refined)
        found = {**message, "resources": shown}
        if "executor" in message:
            found["executor"] = self._shown(message["executor"])
        return found


def _command_executor(task: Json, framework_id: Json) -> Json:
    command = task["command"].get("value", "")
    return {
        "executor_id": task["task_id"],
        "framework_id": framework_id,
        "name": f"Command Executor (Task: {task['task_id']['value']}) (Command: sh -c '{command}')",
        "source": task["task_id"]["value"],
        "resources": [],
        "command": {"shell": True, "value": command},
    }


class Accepts:
    """ACCEPT and DECLINE."""

    def __init__(self, cluster: Cluster, allocator: Allocator, feedback: Feedback) -> None:
        self._cluster = cluster
        self._allocator = allocator
        self._feedback = feedback

    def accept(self, framework: Framework, accept: Json) -> None:
        """Perform all operations of an ACCEPT and release the rest of its offers."""
        offer_ids = [item["value"] for item in accept.get("offer_ids", [])]
        operations = accept.get("operations", [])
        try:
            offers = self._usable(framework, offer_ids)
        except OfferError as error:
            self._refuse(framework, offer_ids, operations, str(error))
            return
        acceptance = Acceptance(self._cluster, self._feedback, framework, offers)
        for operation in operations:
            acceptance.perform(operation)
        acceptance.flush()
        agent, filters = acceptance.agent, accept.get("filters", {})
        self._allocator.refuse(framework, acceptance.role, agent.agent_id, acceptance.pool, filters)
        agent.ledger.release(acceptance.pool)

    def _usable(self, framework: Framework, offer_ids: list[str]) -> list[Offer]:
        if not offer_ids:
            raise OfferError("No offers specified")
        for offer_id in offer_ids:
            if offer_ids.count(offer_id) > 1:
                raise OfferError(f"Duplicate offer {offer_id} in offer list")
        found = []
        for offer_id in offer_ids:
            offer = self._cluster.offers.get(offer_id)
            if offer is None:
                raise OfferError(f"Offer {offer_id} is no longer valid")
            if offer.framework_id != framework.framework_id:
                raise OfferError(
                    f"Offer {offer_id} has invalid framework {offer.framework_id}"
                    f" while framework {framework.framework_id} is expected"
                )
            found.append(offer)
        _check_together(found)
        return found

    def _refuse(self, framework: Framework, offer_ids: list[str], operations: list[Json], words: str) -> None:
        cause = Cause("REASON_INVALID_OFFERS", f"Task launched with invalid offers: {words}")
        for task in (task for operation in operations for task in _tasks_of(operation)):
            agent_id, now = task["agent_id"]["value"], self._cluster.clock()
            status = statuses.task_status(task["task_id"]["value"], "TASK_DROPPED", cause, now, agent_id)
            self._cluster.send_update(framework, status)
        for operation in operations:
            self._feedback.refuse(framework, operation, None, f"Operation attempted with invalid offers: {words}")
        for offer_id in offer_ids:
            offer = framework.offers.get(offer_id)
            if offer is not None:
                self._cluster.discard(offer)

    def decline(self, framework: Framework, decline: Json) -> None:
        """Decline offers; those that are over are ignored."""
        for item in decline.get("offer_ids", []):
            offer = framework.offers.get(item["value"])
            if offer is not None:
                self._cluster.discard(offer)
                filters = decline.get("filters", {})
                self._allocator.refuse(framework, offer.role, offer.agent_id, offer.resources, filters)


def _tasks_of(operation: Json) -> list[Json]:
    tasks: list[Json] = operation.get("launch", {}).get("task_infos", [])
    group: list[Json] = operation.get("launch_group", {}).get("task_group", {}).get("tasks", [])
    return tasks + group


def _check_together(offers: list[Offer]) -> None:
    first = offers[0]
    for offer in offers:
        if offer.agent_id != first.agent_id:
            raise OfferError(
                "Aggregated offers must belong to one single agent."
                f" Offer {offer.offer_id} uses agent {offer.agent_id} and agent {first.agent_id}"
            )
        if offer.role != first.role:
            raise OfferError(
                "Aggregated offers must be allocated to the same role."
                f" Offer {offer.offer_id} uses role {offer.role} but another is using role {first.role}"
            )
