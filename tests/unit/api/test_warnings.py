"""What waits for a person is told by /v1/health and on the page alike."""

from __future__ import annotations

from dataclasses import replace

from flask.testing import FlaskClient

from api.page import now
from scheduler.core.state.cluster import MissingKeys
from tests.unit.api.cluster import CoreGateway, document


def test_missing_keys_and_wrong_clocks(client: FlaskClient, gateway: CoreGateway) -> None:
    assert document(client.get("/v1/health"))["warnings"] == []
    state = gateway.state
    off = replace(state.sightings["node-0"], clock_offset=86_400.0)
    missing = MissingKeys("the key of the authority cannot be opened", "the passwords cannot be opened")
    gateway.state = replace(
        state,
        memory=replace(state.memory, missing_keys=missing),
        sightings={**state.sightings, "node-0": off},
    )
    warnings = document(client.get("/v1/health"))["warnings"]
    for words in ("No node could start again", "The service cannot log in to Cassandra", "is 24 hours ahead of"):
        assert any(words in warning for warning in warnings), (words, warnings)
    shown = now.attention(gateway.snapshot(), [], [])
    assert {item.sentence for item in shown} >= set(warnings)
