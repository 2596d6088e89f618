"""The v1 executor HTTP API of an agent, on /api/v1/executor and /slave(1)/api/v1/executor."""

import json
import logging
from typing import Any

from aiohttp import web

from localmesos.agent.agent import Agent
from localmesos.agent.containers.executors import EventStream, Executor, ExecutorState, Framework
from localmesos.protocol import executor_tokens
from localmesos.protocol.executor_calls import BadCallError, parse_call
from localmesos.protocol.streams import encode

Json = dict[str, Any]

PATHS = ("/api/v1/executor", "/slave(1)/api/v1/executor")

_LOG = logging.getLogger(__name__)


def _text(status: int, words: str, **headers: str) -> web.Response:
    return web.Response(status=status, text=words, headers=headers)


def check_media_types(request: web.Request) -> web.Response | None:
    """Return the refusal of a request with a wrong content type or accepted type, None for a good one."""
    content_type = request.headers.get("Content-Type")
    if content_type is None:
        return _text(400, "Expecting 'Content-Type' to be present")
    if content_type != "application/json":
        return _text(415, "Expecting 'Content-Type' of application/json or application/x-protobuf")
    accept = request.headers.get("Accept", "*/*")
    if not any(kind in accept for kind in ("*/*", "application/*", "application/json")):
        return _text(406, "Expecting 'Accept' to allow 'application/x-protobuf' or 'application/json'")
    return None


class ExecutorApi:
    """Handlers over one agent."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent

    async def post(self, request: web.Request) -> web.StreamResponse:
        """Handle one call; a SUBSCRIBE is answered with the executor's events for as long as it stays connected."""
        key, authorization = self._agent.config.token_key, request.headers.get("Authorization")
        asked = None if key is None else executor_tokens.refusal(key, authorization)
        if asked is not None:
            return _text(401, executor_tokens.REFUSED, **{"WWW-Authenticate": asked})
        refusal = check_media_types(request)
        if refusal is not None:
            return refusal
        try:
            call = parse_call(await request.read())
        except BadCallError as error:
            return _text(400, str(error))
        ids = call["framework_id"]["value"], call["executor_id"]["value"]
        framework, executor = self._agent.find_executor(*ids)
        if framework is None:
            return _text(400, "Framework cannot be found")
        if executor is None:
            return _text(400, "Executor cannot be found")
        if key is not None and authorization is not None:
            problem = executor_tokens.claims_problem(authorization, *ids, executor.container_id)
            if problem is not None:
                return _text(403, problem)
        if call["type"] == "SUBSCRIBE":
            stream = self._agent.subscribe(framework, executor, call["subscribe"])
            return await self._serve(request, executor, stream)
        return self._apply(framework, executor, call)

    def _apply(self, framework: Framework, executor: Executor, call: Json) -> web.Response:
        if executor.state is ExecutorState.REGISTERING:
            return _text(403, "Executor is not subscribed")
        if call["type"] == "UPDATE":
            self._agent.updates.from_executor(framework, executor, call["update"]["status"])
        elif call["type"] == "MESSAGE":
            self._agent.message(executor, call["message"])
        return web.Response(status=202)

    async def _serve(self, request: web.Request, executor: Executor, stream: EventStream) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        response.enable_chunked_encoding()
        try:
            await response.prepare(request)
            async for event in stream:
                await response.write(encode(json.dumps(event, separators=(",", ":")).encode()))
            await response.write_eof()
        except (ConnectionError, OSError):
            _LOG.info("executor %s disconnected", executor.executor_id)
        finally:
            if executor.stream is stream:
                executor.stream = None
        return response

    async def refuse_method(self, request: web.Request) -> web.Response:
        """Return 405 with Mesos' message."""
        words = f"405 Method Not Allowed. Expecting one of {{ 'POST' }}, but received '{request.method}'."
        return _text(405, words, Allow="POST")

    def add_routes(self, app: web.Application) -> None:
        """Add the routes."""
        for path in PATHS:
            resource = app.router.add_resource(path)
            resource.add_route("POST", self.post)
            resource.add_route("*", self.refuse_method)
