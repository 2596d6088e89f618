"""The API over a healthy three-node cluster."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from api import create_app
from scheduler.settings import Settings
from tests.unit.api.cluster import CoreGateway, make_node, make_settings, make_state


@pytest.fixture
def settings() -> Settings:
    return make_settings(BACKUP_LOCATIONS="s3://*, http://minio:9000/backups")


@pytest.fixture
def gateway(settings: Settings) -> CoreGateway:
    made = CoreGateway(make_state(settings, make_node(0), make_node(1), make_node(2)))
    made.answers["settings"] = {"refused": ""}
    return made


@pytest.fixture
def client(gateway: CoreGateway, settings: Settings) -> FlaskClient:
    return create_app(gateway, settings).test_client()
