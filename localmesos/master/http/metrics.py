"""A master's /metrics/snapshot: the metrics of Mesos that have a value here. Pure."""

import os
from collections import Counter
from collections.abc import Iterable

from localmesos.master.state.cluster import Cluster
from localmesos.master.state.records import Task
from localmesos.resources.arithmetic import Resource

_ACTIVE = ("staging", "starting", "running", "killing", "unreachable")
_TERMINAL = ("finished", "failed", "killed", "lost", "error", "dropped", "gone", "gone_by_operator")
_COUNTERS = {
    "master/messages_decline_offers": "calls/decline",
    "master/messages_exited_executor": "exited_executors",
    "master/messages_kill_task": "calls/kill",
    "master/messages_launch_tasks": "calls/accept",
    "master/messages_reconcile_tasks": "calls/reconcile",
    "master/messages_revive_offers": "calls/revive",
    "master/messages_suppress_offers": "calls/suppress",
    "master/messages_status_update_acknowledgement": "calls/acknowledge",
    "master/messages_status_update": "valid_status_updates",
    "master/messages_register_framework": "calls/subscribe",
    "master/messages_register_slave": "slave_registrations",
    "master/messages_reregister_slave": "slave_reregistrations",
    "master/invalid_framework_to_executor_messages": "invalid_framework_to_executor_messages",
    "master/valid_framework_to_executor_messages": "valid_framework_to_executor_messages",
    "master/valid_executor_to_framework_messages": "valid_executor_to_framework_messages",
    "master/invalid_status_updates": "invalid_status_updates",
    "master/valid_status_updates": "valid_status_updates",
    "master/slave_registrations": "slave_registrations",
    "master/slave_reregistrations": "slave_reregistrations",
    "master/slave_removals": "slave_removals",
    "master/slave_removals/reason_unhealthy": "slave_removals/reason_unhealthy",
    "master/slave_removals/reason_unregistered": "slave_removals/reason_unregistered",
    "master/slave_removals/reason_registered": "slave_removals/reason_registered",
}


def snapshot(cluster: Cluster, uptime: float, leads: bool, allocation_runs: int) -> dict[str, float]:
    """Return all metrics by name."""
    found: dict[str, float] = {
        "allocator/mesos/allocation_runs": allocation_runs,
        "master/elected": leads,
        "master/uptime_secs": uptime,
        "master/outstanding_offers": len(cluster.offers),
        "master/slaves_unreachable": len(cluster.unreachable),
        **{name: cluster.counters[source] for name, source in _COUNTERS.items()},
        **_resources(cluster),
        **_connections(cluster),
        **_tasks(cluster),
        **_reasons(cluster.counters),
        **_system(),
    }
    return {name: float(value) for name, value in sorted(found.items())}


def _amount(pieces: Iterable[Resource], name: str) -> float:
    return sum(piece.value for piece in pieces if piece.name == name and isinstance(piece.value, int)) / 1000


def _resources(cluster: Cluster) -> dict[str, float]:
    total = [piece for agent in cluster.agents.values() for piece in agent.ledger.total]
    used = [piece for agent in cluster.agents.values() for piece in agent.ledger.all_used]
    found = {}
    for name in ("cpus", "mem", "disk", "gpus"):
        have, spent = _amount(total, name), _amount(used, name)
        found[f"master/{name}_total"], found[f"master/{name}_used"] = have, spent
        found[f"master/{name}_percent"] = spent / have if have else 0.0
    return found


def _connections(cluster: Cluster) -> dict[str, float]:
    agents = sum(agent.connected for agent in cluster.agents.values())
    frameworks = sum(framework.connected for framework in cluster.frameworks.values())
    return {
        "master/slaves_active": agents,
        "master/slaves_connected": agents,
        "master/slaves_inactive": len(cluster.agents) - agents,
        "master/slaves_disconnected": len(cluster.agents) - agents,
        "master/frameworks_active": frameworks,
        "master/frameworks_connected": frameworks,
        "master/frameworks_inactive": len(cluster.frameworks) - frameworks,
        "master/frameworks_disconnected": len(cluster.frameworks) - frameworks,
    }


def _tasks(cluster: Cluster) -> dict[str, float]:
    frameworks = [*cluster.frameworks.values(), *cluster.completed.values()]
    lists: list[Iterable[Task]] = [framework.tasks.values() for framework in frameworks]
    lists += [framework.unreachable_tasks.values() for framework in frameworks]
    active = Counter(task.state for tasks in lists for task in tasks)
    over = Counter(task.state for framework in frameworks for task in framework.completed_tasks)
    found: dict[str, float] = {f"master/tasks_{name}": active[f"TASK_{name.upper()}"] for name in _ACTIVE}
    for name in _TERMINAL:
        state = f"TASK_{name.upper()}"
        found[f"master/tasks_{name}"] = active[state] + over[state]
    return found


def _reasons(counters: Counter[str]) -> dict[str, float]:
    return {
        f"master/{name.replace('agent', 'slave')}": count
        for name, count in counters.items()
        if name.startswith("task_") and "/reason_" in name
    }


def _system() -> dict[str, float]:
    one, five, fifteen = os.getloadavg()
    page = os.sysconf("SC_PAGE_SIZE")
    return {
        "system/cpus_total": os.cpu_count() or 1,
        "system/load_1min": one,
        "system/load_5min": five,
        "system/load_15min": fifteen,
        "system/mem_total_bytes": page * os.sysconf("SC_PHYS_PAGES"),
        "system/mem_free_bytes": page * os.sysconf("SC_AVPHYS_PAGES"),
    }
