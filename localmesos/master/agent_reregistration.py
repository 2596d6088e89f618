"""The state that a returning agent reports, entered into a master's."""

from typing import Any

from localmesos.master.state.cluster import Cluster
from localmesos.master.state.records import Agent, Executor, Framework, Task
from localmesos.master.state.statuses import Cause, known_status
from localmesos.resources.arithmetic import Resources
from localmesos.resources.ledger import AgentLedger

Json = dict[str, Any]

_UNKNOWN_TO_AGENT = Cause("REASON_RECONCILIATION", "Reconciliation: task unknown to the agent")
_TASK_FIELDS = ("name", "task_id", "framework_id", "executor_id", "agent_id", "labels", "discovery")


def admit(cluster: Cluster, body: Json, agent_id: str, now: float) -> Agent:
    """Enter an agent from its REGISTER with its reservations, volumes, executors and tasks."""
    static = Resources.parse(body["agent_info"].get("resources", []))
    info = {**body["agent_info"], "id": {"value": agent_id}}
    agent = Agent(info, body["ip"], AgentLedger(_with_checkpointed(static, body["checkpointed"])), now)
    cluster.agents[agent_id] = agent
    for item in body["executors"]:
        framework = cluster.frameworks.get(item["framework_id"]["value"])
        if framework is not None:
            _add_executor(agent, framework, item["executor_info"])
    for item in body["tasks"]:
        framework = cluster.frameworks.get(item["framework_id"]["value"])
        if framework is not None:
            _add_task(cluster, agent, framework, item)
    return agent


def _with_checkpointed(static: Resources, checkpointed: list[Json]) -> Resources:
    """Return the agent's total: its configured resources, with the later reservations and volumes in them."""
    total = static
    for piece in Resources.parse(checkpointed):
        plain = piece.without_volume() if piece.persistence_id is not None else piece
        while plain.dynamic:
            plain = plain.popped()
        if total.contains(Resources([plain])):
            total = total - Resources([plain]) + Resources([piece])
    return total


def _of(framework: Framework, data: list[Json]) -> Resources:
    """Return resources as allocated; those of a framework without MULTI_ROLE do not name the role themselves."""
    return Resources(
        piece if piece.role is not None else piece.allocated(framework.roles[0]) for piece in Resources.parse(data)
    )


def _add_executor(agent: Agent, framework: Framework, info: Json) -> None:
    resources = _of(framework, info.get("resources", []))
    framework_id = framework.framework_id
    found = {**info, "framework_id": {"value": framework_id}, "resources": resources.to_json()}
    agent.executors[framework_id, info["executor_id"]["value"]] = Executor(found, resources)
    agent.ledger.occupy(framework_id, resources)


def _add_task(cluster: Cluster, agent: Agent, framework: Framework, data: Json) -> None:
    task = Task(
        info={name: data[name] for name in _TASK_FIELDS if name in data},
        resources=_of(framework, data["resources"]),
        state=data["state"],
        statuses=list(data.get("statuses", [])),
        status_update_state=data.get("status_update_state"),
        status_update_uuid=data.get("status_update_uuid"),
    )
    if task.terminal:
        task.recovered = True
    else:
        agent.ledger.occupy(framework.framework_id, task.resources)
    framework.unreachable_tasks.pop(task.task_id, None)
    cluster.add_task(agent, framework, task)


def forget_missing(cluster: Cluster, agent: Agent, body: Json) -> None:
    """End tasks and executors that a returning agent does not have: they never arrived there, or were lost."""
    there = {(task["framework_id"]["value"], task["task_id"]["value"]) for task in body["tasks"]}
    for key, task in list(agent.tasks.items()):
        if key in there:
            continue
        framework = cluster.frameworks.get(task.framework_id)
        if framework is not None and not task.terminal:
            status = known_status(task, "TASK_DROPPED", _UNKNOWN_TO_AGENT, cluster.clock())
            cluster.send_update(framework, status)
            task.add_status(status, framework.shown_state("TASK_DROPPED"))
        cluster.remove_task(task)
    executors = {(e["framework_id"]["value"], e["executor_info"]["executor_id"]["value"]) for e in body["executors"]}
    for framework_id, executor_id in list(agent.executors):
        if (framework_id, executor_id) not in executors:
            cluster.remove_executor(agent, framework_id, executor_id)
