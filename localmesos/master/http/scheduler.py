"""The scheduler API: one call in each request, a subscription as a stream of events."""

import logging
from typing import Any

from aiohttp import web

from localmesos.master.master import Master
from localmesos.master.state.records import Framework
from localmesos.master.subscriptions import new_stream_id
from localmesos.protocol.authentication import principal_of, principal_problem
from localmesos.protocol.calls import CallError, parse_call
from localmesos.protocol.framework_info import FrameworkInfoError
from localmesos.protocol.streams import EventStream

Json = dict[str, Any]

_JSON, _PROTOBUF = "application/json", "application/x-protobuf"

_LOG = logging.getLogger(__name__)


class SchedulerEndpoint:
    """``/api/v1/scheduler`` of a leading master."""

    def __init__(self, master: Master) -> None:
        self._master = master

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one call."""
        refusal = check_request(request)
        if refusal is not None:
            return refusal
        try:
            call = parse_call(await request.read())
        except CallError as error:
            return web.Response(status=400, text=str(error))
        credentials = self._master.config.credentials
        principal = None if credentials is None else principal_of(credentials, request.headers.get("Authorization"))
        if (problem := principal_problem(principal, call.get("subscribe", {}))) is not None:
            return web.Response(status=400, text=problem)
        if call["type"] == "SUBSCRIBE":
            return await self._subscribe(request, call["subscribe"])
        return self._call(request, call)

    def _call(self, request: web.Request, call: Json) -> web.Response:
        framework_id = call["framework_id"]["value"]
        framework = self._master.cluster.frameworks.get(framework_id)
        if framework is None:
            return web.Response(status=400, text="Framework cannot be found")
        if not framework.connected:
            return web.Response(status=403, text="Framework is not subscribed")
        stream_id = request.headers.get("Mesos-Stream-Id")
        if stream_id is None:
            words = "All non-subscribe calls should include the 'Mesos-Stream-Id' header"
            return web.Response(status=400, text=words)
        if stream_id != framework.stream_id:
            words = (
                f"The stream ID '{stream_id}' included in this request didn't match"
                f" the stream ID currently associated with framework ID {framework_id}"
            )
            return web.Response(status=400, text=words)
        if call["type"] == "UPDATE_FRAMEWORK":
            return self._update(framework, call["update_framework"])
        self._master.calls.handle(framework, call)
        return web.Response(status=202)

    def _update(self, framework: Framework, update: Json) -> web.Response:
        try:
            self._master.subscriptions.update(framework, update)
        except FrameworkInfoError as error:
            return web.Response(status=400, text=f"FrameworkInfo update is not valid: {error}")
        return web.Response(status=200)

    async def _subscribe(self, request: web.Request, subscribe: Json) -> web.StreamResponse:
        if not accepts_json(request):
            words = f"Expecting 'Accept' to allow '{_PROTOBUF}' or '{_JSON}'"
            return web.Response(status=406, text=words)
        if "Mesos-Stream-Id" in request.headers:
            words = "Subscribe calls should not include the 'Mesos-Stream-Id' header"
            return web.Response(status=400, text=words)
        stream, stream_id = EventStream(), new_stream_id()
        response = web.StreamResponse(headers={"Mesos-Stream-Id": stream_id, "Content-Type": _JSON})
        response.enable_chunked_encoding()
        await response.prepare(request)
        framework = self._master.subscriptions.subscribe(subscribe, stream, stream_id)
        try:
            await stream.write_to(response)
        except OSError as error:
            _LOG.debug("a scheduler's connection broke: %s", error)
        finally:
            if framework is not None:
                self._master.subscriptions.disconnected(framework, stream)
        return response


def check_request(request: web.Request) -> web.Response | None:
    """Return Mesos' refusal of a request that is no POST of JSON, None for one that is."""
    if request.method != "POST":
        words = f"405 Method Not Allowed. Expecting one of {{ 'POST' }}, but received '{request.method}'."
        return web.Response(status=405, headers={"Allow": "POST"}, text=words)
    content_type = request.headers.get("Content-Type")
    if content_type is None:
        return web.Response(status=400, text="Expecting 'Content-Type' to be present")
    if content_type == _PROTOBUF:
        return web.Response(status=400, text="Failed to parse body into Call protobuf")
    if content_type != _JSON:
        return web.Response(status=415, text=f"Expecting 'Content-Type' of {_JSON} or {_PROTOBUF}")
    return None


def accepts_json(request: web.Request) -> bool:
    """Return whether the answer can be JSON; a request without Accept takes anything."""
    accept = request.headers.get("Accept")
    if accept is None:
        return True
    kinds = {part.partition(";")[0].strip() for part in accept.split(",")}
    return bool(kinds & {_JSON, "application/*", "*/*"})
