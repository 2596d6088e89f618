"""The agents' endpoints of a master: registration as a stream of events, and their calls."""

import logging

from aiohttp import web

from localmesos.master.agents import AgentRefusedError, UnknownAgentError
from localmesos.master.master import Master
from localmesos.protocol.calls import CallError, parse_json
from localmesos.protocol.streams import EventStream

_LOG = logging.getLogger(__name__)


class AgentEndpoints:
    """The protocol between localmesos' own programs, see the README."""

    def __init__(self, master: Master) -> None:
        self._master = master

    async def register(self, request: web.Request) -> web.StreamResponse:
        """Answer REGISTER with a stream of events, or with 403 and the reason."""
        try:
            body = parse_json(await request.read(), "Call")
        except CallError as error:
            return web.Response(status=400, text=str(error))
        stream = EventStream()
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        response.enable_chunked_encoding()
        try:
            agent = self._master.agents.register(body, stream)
        except AgentRefusedError as error:
            return web.Response(status=403, text=str(error))
        try:
            await response.prepare(request)
            await stream.write_to(response)
        except OSError as error:
            _LOG.debug("an agent's connection broke: %s", error)
        finally:
            self._master.agents.disconnected(agent, stream)
        return response

    async def handle_call(self, request: web.Request) -> web.Response:
        """Handle a call of a registered agent; 403 for any other."""
        try:
            self._master.agents.handle_call(parse_json(await request.read(), "Call"))
        except CallError as error:
            return web.Response(status=400, text=str(error))
        except UnknownAgentError as error:
            return web.Response(status=403, text=str(error))
        return web.Response(status=202)
