"""Answers of the operator API, ``POST /api/v1``. Pure: the calls that change something are in `operator`."""

from typing import Any

from localmesos.master.allocator import Allocator
from localmesos.master.http import operator_views as views
from localmesos.master.state.cluster import Cluster
from localmesos.master.state.records import Agent, Framework

Json = dict[str, Any]


def _time(seconds: float) -> Json:
    return {"nanoseconds": int(seconds * 1e9)}


def agents(cluster: Cluster) -> Json:
    """Return the answer to GET_AGENTS."""
    return {
        "agents": [_agent(agent) for agent in cluster.agents.values()],
        "recovered_agents": list(cluster.recovered_agents.values()),
    }


def _agent(agent: Agent) -> Json:
    found: Json = {
        "agent_info": {**agent.info, "checkpoint": True},
        "active": agent.connected,
        "deactivated": False,
        "version": "1.12.0",
        "pid": agent.pid,
        "registered_time": _time(agent.registered_time),
        "total_resources": views.full(agent.ledger.total),
        "capabilities": [{"type": name} for name in views.AGENT_CAPABILITIES],
    }
    if agent.reregistered_time is not None:
        found["reregistered_time"] = _time(agent.reregistered_time)
    if allocated := agent.ledger.all_used:
        found["allocated_resources"] = views.full(allocated)
    if offered := agent.ledger.all_offered:
        found["offered_resources"] = views.full(offered)
    return found


def frameworks(cluster: Cluster, allocator: Allocator) -> Json:
    """Return the answer to GET_FRAMEWORKS."""
    return {
        "frameworks": [_framework(cluster, allocator, item) for item in cluster.frameworks.values()],
        "completed_frameworks": [_framework(cluster, allocator, item) for item in cluster.completed.values()],
    }


def _framework(cluster: Cluster, allocator: Allocator, framework: Framework) -> Json:
    found: Json = {
        "framework_info": framework.info,
        "active": framework.connected,
        "connected": framework.connected,
        "recovered": framework.recovered,
        "registered_time": _time(framework.registered_time),
        "reregistered_time": _time(framework.reregistered_time),
        "offer_constraints": {},
    }
    if framework.unregistered_time:
        found["unregistered_time"] = _time(framework.unregistered_time)
    if framework.offers:
        found["offers"] = [allocator.offer_json(framework, offer) for offer in framework.offers.values()]
        found["offered_resources"] = views.full(views.offered_to(framework))
    if used := views.used_by(cluster, framework.framework_id):
        found["allocated_resources"] = views.full(used)
    return found


def tasks(cluster: Cluster) -> Json:
    """Return the answer to GET_TASKS."""
    everyone = [*cluster.frameworks.values(), *cluster.completed.values()]
    return {
        "tasks": [task.to_json() for f in everyone for task in f.tasks.values()],
        "unreachable_tasks": [task.to_json() for f in everyone for task in f.unreachable_tasks.values()],
        "completed_tasks": [task.to_json() for f in everyone for task in f.completed_tasks],
    }


def executors(cluster: Cluster) -> Json:
    """Return the answer to GET_EXECUTORS."""
    return {
        "executors": [
            {"executor_info": executor.info, "agent_id": {"value": agent.agent_id}}
            for agent in cluster.agents.values()
            for executor in agent.executors.values()
        ]
    }


def state(cluster: Cluster, allocator: Allocator) -> Json:
    """Return the answer to GET_STATE."""
    return {
        "get_tasks": tasks(cluster),
        "get_executors": executors(cluster),
        "get_frameworks": frameworks(cluster, allocator),
        "get_agents": agents(cluster),
    }
