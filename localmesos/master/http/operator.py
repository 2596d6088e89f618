"""A master's operator endpoints over HTTP."""

import time
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qs

from aiohttp import web

from localmesos.master.http import metrics, operator_v1
from localmesos.master.http import operator_views as views
from localmesos.master.http.scheduler import check_request
from localmesos.master.master import CAPABILITIES, VERSION, Master
from localmesos.master.state.records import Task
from localmesos.protocol.calls import CallError, parse_json
from localmesos.protocol.durations import format_duration
from localmesos.resources.arithmetic import Resource, Resources

Json = dict[str, Any]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_PAGE = "<!DOCTYPE html>\n<title>localmesos</title>\n<p>localmesos master. See <a href='/state'>/state</a>.</p>\n"
_COUNTED_STATES = (
    "TASK_STAGING TASK_STARTING TASK_RUNNING TASK_KILLING TASK_FINISHED TASK_KILLED TASK_FAILED TASK_LOST TASK_ERROR"
    " TASK_UNREACHABLE"
)


class OperatorEndpoints:
    """Views of a master, and the operator's calls."""

    def __init__(self, master: Master) -> None:
        self._master = master
        self._cluster = master.cluster
        allocator = master.allocator
        self._v1: dict[str, Callable[[], Json]] = {
            "GET_HEALTH": lambda: {"healthy": True},
            "GET_VERSION": lambda: {"version_info": self._version()},
            "GET_MASTER": self._get_master,
            "GET_METRICS": lambda: {"metrics": [{"name": k, "value": v} for k, v in self._metrics().items()]},
            "GET_FLAGS": lambda: {"flags": [{"name": k, "value": v} for k, v in self._flags().items()]},
            "GET_AGENTS": lambda: operator_v1.agents(self._cluster),
            "GET_FRAMEWORKS": lambda: operator_v1.frameworks(self._cluster, allocator),
            "GET_TASKS": lambda: operator_v1.tasks(self._cluster),
            "GET_EXECUTORS": lambda: operator_v1.executors(self._cluster),
            "GET_STATE": lambda: operator_v1.state(self._cluster, allocator),
        }

    def without_leading(self) -> dict[str, Handler]:
        """Return the endpoints that every master answers itself."""
        return {
            "": _page,
            "health": _health,
            "version": _view(self._version),
            "flags": _view(lambda: {"flags": self._flags()}),
            "metrics/snapshot": _view(self._metrics),
        }

    def leading(self) -> dict[str, Handler]:
        """Return the endpoints that only the leading master answers."""
        return {
            "state": _view(self._state),
            "state.json": _view(self._state),
            "state-summary": _view(self._summary),
            "slaves": _view(self._slaves),
            "frameworks": _view(self._frameworks),
            "tasks": _view(self._tasks),
            "roles": _view(self._roles),
            "quota": _view(dict),
            "weights": _view(list),
            "maintenance/status": _view(dict),
            "teardown": self._teardown,
        }

    def _version(self) -> Json:
        start = self._master.start_time
        date = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(start))
        return {"build_date": date, "build_time": start, "build_user": "", "version": VERSION}

    def _flags(self) -> Json:
        config = self._master.config
        found = {
            "agent_ping_timeout": format_duration(config.agent_ping_timeout),
            "agent_reregister_timeout": format_duration(config.agent_reregister_timeout),
            "allocation_interval": format_duration(config.allocation_interval),
            "authenticate_agents": "false",
            "authenticate_frameworks": "false",
            "hostname": config.ip,
            "ip": config.ip,
            "max_agent_ping_timeouts": str(config.max_agent_ping_timeouts),
            "min_allocatable_resources": "cpus:0.01|mem:32",
            "port": str(config.port),
            "work_dir": str(config.work_dir),
        }
        if config.zk is not None:
            found["zk"] = config.zk
        return found

    def _metrics(self) -> dict[str, float]:
        master = self._master
        return metrics.snapshot(self._cluster, time.time() - master.start_time, master.leads, master.allocator.runs)

    def _get_master(self) -> Json:
        times = {"start_time": self._master.start_time, "elected_time": self._master.elected_time}
        return {"master_info": self._master.info, **times}

    def _state(self) -> Json:
        master, cluster, info = self._master, self._cluster, self._master.info
        active = sum(agent.connected for agent in cluster.agents.values())
        version = self._version()
        return {
            **{name: version[name] for name in ("version", "build_date", "build_time", "build_user")},
            "start_time": master.start_time,
            "elected_time": master.elected_time,
            "id": info["id"],
            "pid": info["pid"],
            "hostname": info["hostname"],
            "capabilities": list(CAPABILITIES),
            "activated_slaves": float(active),
            "deactivated_slaves": float(len(cluster.agents) - active),
            "unreachable_slaves": float(len(cluster.unreachable)),
            "leader": info["pid"],
            "leader_info": {name: info[name] for name in ("id", "pid", "port", "hostname")},
            "flags": self._flags(),
            "slaves": [views.agent(agent) for agent in cluster.agents.values()],
            "recovered_slaves": self._recovered(),
            **self._frameworks(),
            "orphan_tasks": [],
        }

    def _recovered(self) -> list[Json]:
        return [views.recovered_agent(info) for info in self._cluster.recovered_agents.values()]

    def _slaves(self) -> Json:
        agents = [views.agent_with_resources(agent) for agent in self._cluster.agents.values()]
        return {"slaves": agents, "recovered_slaves": self._recovered()}

    def _frameworks(self) -> Json:
        cluster = self._cluster
        return {
            "frameworks": [views.framework(cluster, item) for item in cluster.frameworks.values()],
            "completed_frameworks": [views.framework(cluster, item) for item in cluster.completed.values()],
            "unregistered_frameworks": [],
        }

    def _all_tasks(self) -> list[Task]:
        cluster = self._cluster
        return [
            task
            for framework in (*cluster.frameworks.values(), *cluster.completed.values())
            for tasks in (framework.tasks.values(), framework.unreachable_tasks.values(), framework.completed_tasks)
            for task in tasks
        ]

    def _tasks(self) -> Json:
        return {"tasks": [views.task(task) for task in self._all_tasks()]}

    def _summary(self) -> Json:
        cluster, tasks = self._cluster, self._all_tasks()
        agents, frameworks = [], []
        for agent in cluster.agents.values():
            mine = [task for task in tasks if task.agent_id == agent.agent_id]
            ids = sorted({task.framework_id for task in mine})
            agents.append({**views.agent(agent), **_counts(mine), "framework_ids": ids})
        for framework in cluster.frameworks.values():
            mine = [task for task in tasks if task.framework_id == framework.framework_id]
            ids = sorted({task.agent_id for task in mine})
            frameworks.append({**views.framework_summary(cluster, framework), **_counts(mine), "slave_ids": ids})
        return {"hostname": self._master.info["hostname"], "slaves": agents, "frameworks": frameworks}

    def _roles(self) -> Json:
        names = {role for framework in self._cluster.frameworks.values() for role in framework.roles}
        total = [piece for agent in self._cluster.agents.values() for piece in agent.ledger.total]
        names |= {piece.reserved_role for piece in total if piece.reservations}
        return {"roles": [self._role(name, total) for name in sorted(names)]}

    def _role(self, name: str, total: list[Resource]) -> Json:
        agents = self._cluster.agents.values()
        used = [p for a in agents for p in a.ledger.all_used if p.role == name]
        offered = [p for a in agents for p in a.ledger.all_offered if p.role == name]
        reserved = [piece for piece in total if piece.reservations and piece.reserved_role == name]
        frameworks = [f.framework_id for f in self._cluster.frameworks.values() if name in f.roles]
        unallocated = Resources(reserved) - Resources(used).allocated(None)
        consumed = _amounts([*used, *unallocated])
        return {
            "name": name,
            "weight": 1.0,
            "quota": {"role": name, "guarantee": {}, "limit": {}, "consumed": consumed},
            "resources": _amounts([*used, *offered]),
            "allocated": _amounts(used),
            "offered": _amounts(offered),
            "reserved": _amounts(reserved),
            "frameworks": frameworks,
        }

    async def handle_call(self, request: web.Request) -> web.Response:
        """Answer ``POST /api/v1``."""
        refusal = check_request(request)
        if refusal is not None:
            return refusal
        try:
            call = parse_json(await request.read(), "Call")
        except CallError as error:
            return web.Response(status=400, text=str(error))
        kind = call.get("type")
        if kind == "MARK_AGENT_GONE":
            return self._mark_gone(call)
        if kind == "TEARDOWN":
            return self._end_framework(call.get("teardown", {}).get("framework_id", {}).get("value"))
        view = self._v1.get(kind) if isinstance(kind, str) else None
        if view is None:
            words = "Failed to validate master::Call: Expecting 'type' to be present"
            return web.Response(status=400, text=words)
        assert isinstance(kind, str)
        return web.json_response({"type": kind, kind.lower(): view()})

    def _mark_gone(self, call: Json) -> web.Response:
        agent_id = call.get("mark_agent_gone", {}).get("agent_id", {}).get("value")
        if agent_id is None:
            words = "Failed to validate master::Call: Expecting 'mark_agent_gone' to be present"
            return web.Response(status=400, text=words)
        if not self._master.agents.mark_gone(agent_id):
            return web.Response(status=404, text="Agent not found")
        return web.Response(status=200)

    async def _teardown(self, request: web.Request) -> web.Response:
        if request.method != "POST":
            words = f"405 Method Not Allowed. Expecting one of {{ 'POST' }}, but received '{request.method}'."
            return web.Response(status=405, headers={"Allow": "POST"}, text=words)
        values = parse_qs((await request.read()).decode(errors="replace")).get("frameworkId", [])
        if not values:
            return web.Response(status=400, text="Missing 'frameworkId' query parameter in the request body")
        return self._end_framework(values[0])

    def _end_framework(self, framework_id: str | None) -> web.Response:
        framework = self._cluster.frameworks.get(framework_id or "")
        if framework is None:
            return web.Response(status=400, text="No framework found with specified ID")
        self._master.subscriptions.remove(framework)
        return web.Response(status=200)


def _counts(tasks: list[Task]) -> dict[str, int]:
    count = Counter(task.state for task in tasks)
    return {state: count[state] for state in _COUNTED_STATES.split()}


def _amounts(pieces: list[Resource]) -> dict[str, float]:
    """Return sums by name; a range counts its numbers."""
    found: dict[str, float] = {}
    for piece in pieces:
        value = piece.value / 1000 if isinstance(piece.value, int) else sum(e - b + 1 for b, e in piece.value)
        found[piece.name] = round(found.get(piece.name, 0.0) + value, 3)
    return found


def _view(view: Callable[[], Any]) -> Handler:
    async def handler(request: web.Request) -> web.Response:
        if request.method not in ("GET", "HEAD"):
            words = f"405 Method Not Allowed. Expecting one of {{ 'GET' }}, but received '{request.method}'."
            return web.Response(status=405, headers={"Allow": "GET"}, text=words)
        return web.json_response(view())

    return handler


async def _page(_: web.Request) -> web.Response:
    return web.Response(text=_PAGE, content_type="text/html")


async def _health(_: web.Request) -> web.Response:
    return web.Response(status=200)
