"""The names of keyspaces and tables, for those who choose some for maintenance."""

from __future__ import annotations

from flask import Response, jsonify

from api.endpoints.start_operation import of_a_node
from api.http.access import access
from api.http.arguments import query
from api.openapi.json_schema import BOOLEAN, STRINGS, object_of
from api.openapi.routes import Routes
from scheduler.core.maintenance.schema import schema_of
from scheduler.loop.snapshot import QuestionRefused, Unavailable

blueprint = Routes("schema", __name__)

_KEY_SPACE = object_of({"local": BOOLEAN, "tables": STRINGS})


@blueprint.read(
    "/v1/schema",
    "Keyspaces and their tables, from a node that is up",
    object_of({"key_spaces": {"type": "object", "additionalProperties": _KEY_SPACE}}),
)
def schema() -> Response:
    """Return all keyspaces with their tables; `local` ones are separate on each node and have no maintenance."""
    query()
    try:
        with of_a_node():
            found = schema_of(access().gateway.question("schema", {}))
            tables = {name: sorted(item.tables) for name, item in found.items()}
    except QuestionRefused as error:
        raise Unavailable(f"the schema cannot be read: {error}") from error
    return jsonify(
        key_spaces={name: {"local": item.local, "tables": tables[name]} for name, item in sorted(found.items())}
    )
