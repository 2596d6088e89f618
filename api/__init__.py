"""The REST API of the scheduler and its page, as a WSGI application."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from flask import Flask, Response

from api.endpoints import (
    artifacts,
    certificates,
    configuration,
    connection,
    description,
    events,
    health,
    nodes,
    operations,
    plans,
    removal,
    restore_plan,
    schema,
    settings,
    users,
)
from api.http import access, arguments, auth, errors, timing
from api.http.client_roles import ClientRoles
from api.http.open_streams import OpenStreams
from api.http.origin import Hosts
from api.http.refusals import Refusals
from api.http.token_file import TokenFile
from api.page import routes as page
from scheduler.loop.snapshot import Gateway
from scheduler.metrics import Metrics
from scheduler.security.api_certificate import Identity
from scheduler.security.sealing import sealer
from scheduler.settings import Settings

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

log = logging.getLogger(__name__)

BLUEPRINTS = (
    plans.blueprint,
    connection.blueprint,
    nodes.blueprint,
    operations.blueprint,
    configuration.blueprint,
    restore_plan.blueprint,
    schema.blueprint,
    settings.blueprint,
    certificates.blueprint,
    events.blueprint,
    health.blueprint,
    artifacts.blueprint,
    description.blueprint,
    users.blueprint,
    removal.blueprint,
)

# The first parts of all paths.
ROOTS = ("v1", "admin", "metrics", "ui")


def create_app(
    gateway: Gateway,
    settings: Settings,
    metrics: Metrics | None = None,
    warnings: Callable[[], Sequence[str]] = tuple,
    identity: Callable[[], Identity | None] = lambda: None,
    recent_log: Callable[[], Sequence[str]] = tuple,
) -> Flask:
    """Make the application: every path as it is, and below /service/<name> and /<name> as through an admin router.

    `warnings` returns sentences for `/v1/health` about what the server does beside the application, `identity` its
    certificate, and `recent_log` the last entries of the process's log.
    """
    app = Application(settings.service_name)
    metrics = metrics or Metrics()
    app.extensions[access.EXTENSION] = access.Access(
        gateway,
        settings,
        OpenStreams("event-streams", gateway, events.MOST_STREAMS, events.MOST_STREAMS),
        sealer(settings.secrets_key_file, settings.secrets_key),
        questions=access.Places(settings.api_threads),
        metrics=metrics,
        warnings=warnings,
        identity=identity,
        recent_log=recent_log,
        backup_keys=settings.backup_keys(),
    )
    app.extensions[auth.EXTENSION] = _guard(gateway, settings, metrics)
    app.url_map.strict_slashes = False
    timing.register(app)
    app.before_request(auth.check)
    app.before_request(arguments.check_size)
    app.after_request(access.mark_stale)
    app.after_request(_forbid_caching)
    errors.register(app)
    page.register(app, gateway)
    for blueprint in (*BLUEPRINTS, page.blueprint):
        app.register_blueprint(blueprint)
    return app


def _guard(gateway: Gateway, settings: Settings, metrics: Metrics) -> auth.Guard:
    tokens = TokenFile(Path(settings.api_token_file)) if settings.api_token_file else None
    clients = ClientRoles(Path(settings.api_client_roles_file)) if settings.api_client_roles_file else None
    if tokens is None and clients is None and settings.api_trust_router:
        log.warning(
            "API_TOKEN_FILE is not set: every client that reaches %s:%d can send commands; let only a router in that "
            "authenticates users",
            settings.api_host,
            settings.api_port,
        )
    refusals = Refusals(gateway.note, metrics.observe_refusal)
    return auth.Guard(tokens, clients, settings.api_trust_router, Hosts(settings), refusals)


def _forbid_caching(response: Response) -> Response:
    response.headers.setdefault("Cache-Control", "no-store")
    return response


class Application(Flask):
    """A Flask application whose paths are also below `/service/<name>` and `/<name>`, which become the SCRIPT_NAME.

    It reads `//` in a path as `/`, because one example of the reference has it: Flask would redirect instead, and curl
    follows no redirect without an option.
    """

    def __init__(self, service_name: str) -> None:
        super().__init__(__name__, static_folder=None)
        # Only before a path of the API: a service can have the name of one, such as `ui`, and `/ui/` is then the page.
        below, name = rf"/(?:{'|'.join(ROOTS)})(?:/|\Z)", re.escape(service_name)
        short = below if service_name in ROOTS else rf"{below}|/?\Z"
        self._mount = re.compile(rf"/service/{name}(?={below}|/?\Z)|/{name}(?={short})")

    def wsgi_app(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        path = re.sub("/{2,}", "/", environ.get("PATH_INFO", ""))
        if (mount := self._mount.match(path)) is not None:
            environ["SCRIPT_NAME"] = environ.get("SCRIPT_NAME", "") + mount[0]
            path = path[mount.end() :]
        environ["PATH_INFO"] = path
        return super().wsgi_app(environ, start_response)
