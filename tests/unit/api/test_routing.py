"""The rules of the application's addresses, whose builders are compiled late."""

from __future__ import annotations

from unittest.mock import patch

import pytest
from werkzeug.routing import Rule

from api import create_app
from tests.unit.api.cluster import CoreGateway, make_node, make_settings, make_state


@pytest.mark.parametrize(
    ("endpoint", "values", "address"),
    [
        ("nodes.names", {}, "/v1/nodes/list"),
        ("nodes.names", {"a": "b c"}, "/v1/nodes/list?a=b+c"),
        ("nodes.info", {"node": "node-1"}, "/v1/nodes/node-1/info"),
    ],
)
def test_addresses_can_be_built(endpoint: str, values: dict[str, str], address: str) -> None:
    app = create_app(CoreGateway(make_state(make_settings(), make_node(0))), make_settings())
    assert app.url_map.bind("").build(endpoint, values) == address


def test_an_application_is_made_without_their_builders() -> None:
    with patch.object(Rule, "_compile_builder", side_effect=AssertionError("compiled")):
        create_app(CoreGateway(make_state(make_settings(), make_node(0))), make_settings())
