"""The API described for machines."""

from __future__ import annotations

from flask import Response, current_app, jsonify

from api.openapi.document import describe
from api.openapi.json_schema import OBJECT
from api.openapi.routes import Routes

blueprint = Routes("openapi", __name__)


@blueprint.read("/v1/openapi.json", "This document", OBJECT)
def document() -> Response:
    """Return the OpenAPI document of the running application."""
    return jsonify(describe(found for found in current_app.blueprints.values() if isinstance(found, Routes)))
