"""A master's HTTP endpoints: the routes, and the redirection to the leading master."""

from collections.abc import Awaitable, Callable

from aiohttp import web

from localmesos.master.http.agents import AgentEndpoints
from localmesos.master.http.operator import OperatorEndpoints
from localmesos.master.http.scheduler import SchedulerEndpoint
from localmesos.master.master import Master
from localmesos.protocol.authentication import REFUSED, principal_of, realm_of

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_BODY_LIMIT_BYTES = 64 << 20


class MasterHttp:
    """A router by hand: Mesos takes a path with or without ``/master``, and every path that begins with a known one."""

    def __init__(self, master: Master) -> None:
        self._master = master
        operator, agents = OperatorEndpoints(master), AgentEndpoints(master)
        self._by_any: dict[str, Handler] = dict(operator.without_leading())
        self._by_leader: dict[str, Handler] = {
            **operator.leading(),
            "api/v1/scheduler": SchedulerEndpoint(master).handle,
            "api/v1": operator.handle_call,
            "localmesos/agent": agents.register,
            "localmesos/agent/call": agents.handle_call,
        }

    def application(self) -> web.Application:
        """Return the application that serves all endpoints."""
        app = web.Application(client_max_size=_BODY_LIMIT_BYTES)
        app.router.add_route("*", "/{path:.*}", self._handle)
        return app

    def _check(self, name: str, request: web.Request) -> web.Response | None:
        """Return Mesos' refusal of a request without valid credentials, None for an accepted one."""
        credentials, realm = self._master.config.credentials, realm_of(name)
        if credentials is None or realm is None:
            return None
        if principal_of(credentials, request.headers.get("Authorization")) is not None:
            return None
        return web.Response(status=401, headers={"WWW-Authenticate": f'Basic realm="{realm}"'}, text=REFUSED)

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        path = request.path.strip("/")
        name = path.removeprefix("master/")
        if name in ("redirect", "master/redirect"):
            return self._redirect("")
        if (refusal := self._check(name, request)) is not None:
            return refusal
        handler = self._by_any.get(name)
        if handler is not None:
            return await handler(request)
        found = self._find(name)
        if found is None:
            return web.Response(status=404, text="404 Not Found.")
        if not self._master.leads:
            internal = name.startswith("localmesos/")
            query = f"?{request.query_string}" if request.query_string else ""
            return self._redirect(f"/{name}" if internal else f"/master/{name}{query}")
        return await found(request)

    def _find(self, name: str) -> Handler | None:
        while name:
            if name in self._by_leader:
                return self._by_leader[name]
            name = name.rpartition("/")[0]
        return None

    def _redirect(self, path: str) -> web.Response:
        leader = self._master.leader
        if leader is None:
            return web.Response(status=503, text="No leader elected")
        address = f"{leader['address'].get('hostname') or leader['address']['ip']}:{leader['address']['port']}"
        return web.Response(status=307, headers={"Location": f"//{address}{path}"})
