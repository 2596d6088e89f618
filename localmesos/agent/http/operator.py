"""Operator endpoints of an agent: state, containers, metrics, and the files in sandboxes."""

import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

from aiohttp import web

from localmesos.agent.agent import Agent
from localmesos.agent.http import operator_views

Json = dict[str, Any]

_PREFIXES = ("", "/slave(1)")
_READ_LIMIT_BYTES = 1 << 20


class AgentApi:
    """Read-only handlers over one agent."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent

    def add_routes(self, app: web.Application) -> None:
        """Add the routes."""
        views: dict[str, Callable[[], Any]] = {
            "/state": lambda: operator_views.state(self._agent),
            "/flags": lambda: {"flags": operator_views.flags(self._agent)},
            "/containers": lambda: operator_views.containers(self._agent, with_status=True),
            "/monitor/statistics": lambda: operator_views.containers(self._agent, with_status=False),
            "/metrics/snapshot": lambda: operator_views.metrics(self._agent),
            "/version": lambda: operator_views.version(self._agent),
        }
        for prefix in _PREFIXES:
            for path, view in views.items():
                app.router.add_resource(prefix + path).add_route("GET", _json_view(view))
            app.router.add_resource(f"{prefix}/health").add_route("GET", _health)
        app.router.add_resource("/files/browse").add_route("GET", self._browse)
        app.router.add_resource("/files/read").add_route("GET", self._read)
        app.router.add_resource("/{rest:.*}").add_route("*", _not_found)

    def _sandbox_path(self, request: web.Request) -> Path:
        """Return the requested file, which must be below the sandboxes."""
        text = request.query.get("path", "")
        if not text:
            raise web.HTTPBadRequest(text="Expecting 'path=value' in query.")
        if text.startswith("/frameworks/"):  # the path by which Mesos shows an executor's newest sandbox
            agent_id = self._agent.registration()["agent_info"].get("id", {}).get("value", "")
            text = f"{self._agent.config.work_dir}/slaves/{agent_id}{text}"
        roots = [(self._agent.config.work_dir / name).resolve() for name in ("slaves", "volumes")]
        path = Path(text).resolve()
        if not any(path.is_relative_to(root) for root in roots) or not path.exists():
            raise web.HTTPNotFound(text="404 Not Found.")
        return path

    async def _browse(self, request: web.Request) -> web.Response:
        path = self._sandbox_path(request)
        if not path.is_dir():
            raise web.HTTPNotFound(text="404 Not Found.")
        return web.json_response([_file_info(child) for child in sorted(path.iterdir())])

    async def _read(self, request: web.Request) -> web.Response:
        path = self._sandbox_path(request)
        if not path.is_file():
            raise web.HTTPBadRequest(text="Cannot read a directory.")
        try:
            offset = int(request.query.get("offset", "-1"))
            length = int(request.query.get("length", str(_READ_LIMIT_BYTES)))
        except ValueError as error:
            raise web.HTTPBadRequest(text=f"Failed to parse offset or length: {error}.") from error
        size = path.stat().st_size
        if offset < 0:
            # Mesos returns the size if the request has no offset.
            return web.json_response({"data": "", "offset": size})
        with path.open("rb") as stream:
            stream.seek(offset)
            data = stream.read(max(0, min(length, _READ_LIMIT_BYTES)))
        return web.json_response({"data": data.decode(errors="replace"), "offset": offset})


def _json_view(view: Callable[[], Any]) -> Callable[[web.Request], Any]:
    async def handler(_: web.Request) -> web.Response:
        return web.json_response(view())

    return handler


async def _health(_: web.Request) -> web.Response:
    return web.Response(status=200)


async def _not_found(_: web.Request) -> web.Response:
    return web.Response(status=404, text="404 Not Found.")


def _file_info(path: Path) -> Json:
    status = path.lstat()
    return {
        "path": str(path),
        "nlink": status.st_nlink,
        "size": status.st_size,
        "mtime": status.st_mtime,
        "mode": stat.filemode(status.st_mode),
        "uid": str(status.st_uid),
        "gid": str(status.st_gid),
    }
