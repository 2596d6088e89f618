"""The OpenAPI document, put together from what the routes say."""

from __future__ import annotations

from collections.abc import Iterable

from api.openapi.json_schema import Json
from api.openapi.routes import Routes
from api.openapi.schemas import SCHEMAS
from scheduler import __version__

_TOKEN: Json = {
    "type": "apiKey",
    "in": "header",
    "name": "Authorization",
    "description": "token=<token>, when API_TOKEN_FILE is set",
}


def describe(blueprints: Iterable[Routes]) -> Json:
    """Return the OpenAPI 3.1 document of all paths of these blueprints."""
    paths: dict[str, Json] = {}
    for blueprint in blueprints:
        for path, item in blueprint.paths.items():
            paths[path] = paths.get(path, {}) | item
    return {
        "openapi": "3.1.0",
        "info": {"title": "Apache Cassandra on Apache Mesos", "version": __version__},
        "security": [{"token": []}],
        "paths": paths,
        "components": {"schemas": dict(SCHEMAS), "securitySchemes": {"token": _TOKEN}},
    }
