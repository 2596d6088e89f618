"""An application for a gunicorn of its own: `gunicorn 'tests.unit.api.serving:application(directory)'`."""

from __future__ import annotations

from flask import Flask

from api import create_app
from tests.unit.api.cluster import CoreGateway, make_node, make_settings, make_state, make_status


def application(directory: str) -> Flask:
    """Return the API over a healthy cluster; `directory` holds the token file and the bundles."""
    settings = make_settings(ARTIFACTS_DIR=directory, API_TOKEN_FILE=f"{directory}/tokens")
    gateway = CoreGateway(make_state(settings, make_node(0), make_node(1), make_node(2)))
    gateway.statuses["node-0"] = make_status(0)
    return create_app(gateway, settings)
