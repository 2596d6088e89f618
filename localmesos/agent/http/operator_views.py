"""Answers of an agent's operator endpoints, in the shapes of Mesos."""

import time
from contextlib import suppress
from typing import Any

import psutil

from localmesos.agent.agent import Agent
from localmesos.agent.containers.executors import Executor, ExecutorState, Framework, TaskRecord
from localmesos.protocol.durations import format_duration
from localmesos.resources.text import attribute_values, totals

Json = dict[str, Any]

VERSION = "1.12.0"
"""The Mesos version whose interface this is."""
CAPABILITIES = ("MULTI_ROLE", "HIERARCHICAL_ROLE", "RESERVATION_REFINEMENT", "AGENT_OPERATION_FEEDBACK")


def _role(resource: Json) -> str | None:
    reservations = resource.get("reservations") or []
    return reservations[-1]["role"] if reservations else None


def _unreserved(agent: Agent) -> list[Json]:
    """Return the static resources minus the reserved ones; only scalars can be subtracted here."""
    reserved = totals(r for r in agent.checkpointed if r["type"] == "SCALAR")
    rest = []
    for resource in agent.config.resources:
        if resource["type"] == "SCALAR" and _role(resource) is None and not resource.get("disk"):
            value = max(0.0, round(resource["scalar"]["value"] - reserved.get(resource["name"], 0.0), 3))
            rest.append({**resource, "scalar": {"value": value}, "role": "*"})
        elif _role(resource) is None:
            rest.append({**resource, "role": "*"})
    return rest


def state(agent: Agent) -> Json:
    """Return the body of /state."""
    roles = sorted({role for r in agent.checkpointed if (role := _role(r)) is not None})
    by_role = {role: [r for r in agent.checkpointed if _role(r) == role] for role in roles}
    unreserved = _unreserved(agent)
    held = [piece for f in agent.frameworks.values() for e in f.executors.values() for piece in e.resources()]
    return {
        **version(agent),
        "start_time": agent.start_time,
        "id": agent.agent_id(),
        "pid": f"slave(1)@{agent.config.ip}:{agent.config.port}",
        "hostname": agent.config.hostname,
        "capabilities": list(CAPABILITIES),
        "resources": totals(agent.config.resources),
        "reserved_resources": {role: totals(found) for role, found in by_role.items()},
        "unreserved_resources": totals(unreserved),
        "reserved_resources_full": by_role,
        "unreserved_resources_full": unreserved,
        "reserved_resources_allocated": {
            role: totals(piece for piece in held if _role(piece) == role) for role in roles
        },
        "unreserved_resources_allocated": totals(piece for piece in held if _role(piece) is None),
        "resource_providers": [],
        **({"master_hostname": agent.master_hostname} if agent.master_hostname else {}),
        "attributes": attribute_values(agent.config.attributes),
        "flags": flags(agent),
        "frameworks": [_framework(f, list(f.executors.values()), agent) for f in agent.frameworks.values()],
        "completed_frameworks": [
            {**_framework(f, [], agent), "completed_executors": [_executor(e, f, agent)]} for f, e in agent.completed
        ],
    }


def version(agent: Agent) -> Json:
    """Return the body of /version; a build is as old as its agent."""
    date = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(agent.start_time))
    return {"build_date": date, "build_time": agent.start_time, "build_user": "", "version": VERSION}


def _allocated_role(resources: list[Json]) -> Json:
    """Return the role for which a task or an executor has its resources; they have one."""
    roles = [piece["allocation_info"]["role"] for piece in resources if "allocation_info" in piece]
    return {"role": roles[0]} if roles else {}


def _framework(framework: Framework, executors: list[Executor], agent: Agent) -> Json:
    info = framework.info
    shown: Json = {
        key: info[key] for key in ("name", "user", "failover_timeout", "principal", "roles", "role") if key in info
    }
    return {
        "id": framework.framework_id,
        **shown,
        "checkpoint": framework.checkpoint,
        "hostname": info.get("hostname", ""),
        "executors": [_executor(executor, framework, agent) for executor in executors],
        "completed_executors": [],
    }


def _executor(executor: Executor, framework: Framework, agent: Agent) -> Json:
    tasks = [(task, _task(task, executor, agent)) for task in executor.tasks.values()]
    return {
        "id": executor.executor_id,
        "name": executor.info.get("name", ""),
        "source": executor.info.get("source", ""),
        "container": executor.container_id,
        "directory": str(executor.directory),
        "state": executor.state.value,
        "resources": totals(executor.resources()),
        **_allocated_role(executor.resources()),
        **_labels(executor),
        **({} if executor.generated else {"type": executor.info.get("type", "CUSTOM")}),
        "tasks": [shown for task, shown in tasks if task.delivered and not task.ended],
        "queued_tasks": [shown for task, shown in tasks if not task.delivered and not task.ended],
        "completed_tasks": [shown for task, shown in tasks if task.ended],
    }


def _labels(executor: Executor) -> Json:
    """Return an executor's labels; one that the agent made has those of its task."""
    infos = [task.info for task in executor.tasks.values()] if executor.generated else [executor.info]
    found = [info["labels"].get("labels", []) for info in infos if "labels" in info]
    return {"labels": found[0]} if found else {}


def _task(task: TaskRecord, executor: Executor, agent: Agent) -> Json:
    info = task.info
    shown: Json = {key: info[key] for key in ("discovery",) if key in info}
    if "labels" in info:
        shown["labels"] = info["labels"].get("labels", [])
    keys = ("state", "timestamp", "healthy", "container_status")
    return {
        "id": task.task_id,
        "name": info.get("name", ""),
        "framework_id": executor.framework_id,
        "executor_id": "" if executor.generated else executor.executor_id,
        "slave_id": agent.agent_id(),
        "state": task.state,
        "resources": totals(info.get("resources", [])),
        **_allocated_role(info.get("resources", [])),
        "statuses": [{key: s[key] for key in keys if key in s} for s in task.statuses],
        **shown,
    }


def flags(agent: Agent) -> Json:
    """Return the settings as Mesos prints flags: all text."""
    config = agent.config
    return {
        "attributes": ";".join(f"{k}:{v}" for k, v in attribute_values(config.attributes).items()),
        "executor_registration_timeout": format_duration(config.executor_registration_timeout),
        "executor_reregistration_timeout": format_duration(config.executor_reregistration_timeout),
        "executor_shutdown_grace_period": format_duration(config.executor_shutdown_grace_period),
        "fetcher_cache_dir": str(config.fetcher_cache_dir),
        "hostname": config.hostname,
        "ip": config.ip,
        "isolation": "posix/cpu,posix/mem,filesystem/posix",
        "launcher": "posix",
        "master": config.master,
        "port": str(config.port),
        "recover": "reconnect",
        "recovery_timeout": format_duration(config.recovery_timeout),
        "work_dir": str(config.work_dir),
    }


def containers(agent: Agent, *, with_status: bool) -> list[Json]:
    """Return the body of /containers, or of /monitor/statistics without status."""
    found = []
    for framework in agent.frameworks.values():
        for executor in framework.executors.values():
            if executor.process is None or executor.state is ExecutorState.TERMINATED:
                continue
            entry = {
                "container_id": executor.container_id,
                "executor_id": executor.executor_id,
                "executor_name": executor.info.get("name", ""),
                "framework_id": framework.framework_id,
                "source": executor.info.get("source", ""),
                "statistics": _statistics(executor, executor.process.pid),
                "status": {"container_id": {"value": executor.container_id}, "executor_pid": executor.process.pid},
            }
            if not with_status:
                del entry["container_id"], entry["status"]
            found.append(entry)
    return found


def _statistics(executor: Executor, pid: int) -> Json:
    limits = totals(executor.resources())
    memory = int(limits["mem"] * 1024 * 1024)
    shown: Json = {
        "cpus_soft_limit": limits["cpus"],
        "mem_limit_bytes": memory,
        "mem_soft_limit_bytes": memory,
        "timestamp": time.time(),
    }
    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        times = process.cpu_times()
        shown["mem_rss_bytes"] = process.memory_info().rss
        shown["cpus_user_time_secs"], shown["cpus_system_time_secs"] = times.user, times.system
    return shown


def metrics(agent: Agent) -> Json:
    """Return the body of /metrics/snapshot: the gauges and counters that have a value here."""
    executors = [e for f in agent.frameworks.values() for e in f.executors.values()]
    tasks = [task for executor in executors for task in executor.tasks.values()]
    used, total = totals(r for e in executors for r in e.resources()), totals(agent.config.resources)
    shown: Json = {
        "containerizer/fetcher/task_fetches_failed": float(agent.fetcher.failed),
        "containerizer/fetcher/task_fetches_succeeded": float(agent.fetcher.succeeded),
        "slave/frameworks_active": float(len(agent.frameworks)),
        "slave/registered": 1.0 if agent.registered else 0.0,
        "slave/uptime_secs": time.time() - agent.start_time,
    }
    for name, states in (("registering", "REGISTERING"), ("running", "RUNNING"), ("terminating", "TERMINATING")):
        shown[f"slave/executors_{name}"] = float(sum(e.state.value == states for e in executors))
    for name in ("staging", "starting", "running", "killing"):
        shown[f"slave/tasks_{name}"] = float(sum(t.state == f"TASK_{name.upper()}" for t in tasks))
    for name in ("cpus", "mem", "disk"):
        shown[f"slave/{name}_total"], shown[f"slave/{name}_used"] = total[name], used[name]
        shown[f"slave/{name}_percent"] = used[name] / total[name] if total[name] else 0.0
    return shown
