"""No input is answered with a 500: paths, parameters and bodies are drawn after the OpenAPI document.

Hypothesis draws the same ones each time. Many are what the document does not allow.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api import BLUEPRINTS, create_app
from api.openapi.document import describe
from scheduler.core.state.cluster import ClusterState
from scheduler.settings import NAMES
from tests.unit.api.cluster import CoreGateway, make_node, make_settings, make_state, make_status
from tests.unit.api.maintenance import NO_BACKUP, SCHEMA
from tests.unit.sealing_keys import new_key

DOCUMENT = describe(BLUEPRINTS)
OPERATIONS = [
    (path, method, operation)
    for path, item in sorted(DOCUMENT["paths"].items())
    for method, operation in sorted(item.items())
    if path != "/v1/events/stream"
]
FIELDS = sorted(
    {name for schema in DOCUMENT["components"]["schemas"].values() for name in schema.get("properties", {})}
)
# What has a meaning somewhere, and what did harm once.
WORDS = [
    "",
    "*",
    "node-0",
    "0",
    "-1",
    "deploy",
    "cleanup",
    "true",
    "s3://bucket/a",
    "http://host:99999/bucket",
    "monday",
    "shop",
    "shop.users",
    "9" * 400,
    "-" + "9" * 5000,
    "1e400",
    "nan",
    "\x00",
    "\x1b[31m",
    "\ud800",
    "\udce9",
    "a" * 300,
    "b" * 20_000,
    "[" * 3000,
    "{a: " * 3000,
    "- " * 3000,
    "!!timestamp x",
    "!!bool x",
    "!!int ''",
    "num_tokens: !!int _",
    "a: &a [*a]",
    "num_tokens: 1:1:1:1",
    'default_compaction: "\\U00110000"',
    "'",
    '"',
    "\\",
    "%",
    "%00",
    "../..",
    "hostname:LIKE:(a+)+b",
    "hostname:LIKE:a{99999999999999999999}",
    "hostname:MAX_PER:" + "9" * 5000,
    '[["hostname", "MAX_PER", 1e5]]',
    "[[[]]]",
    "[1]",
    "[{}]",
    "2024-01-31T23:59:59Z",
    "0001-01-01T00:00:00+23:59",
    "-Xmx1g",
    "-Dx=1 '",
    "-XX:OnError=x",
    "@x",
    "audit_logging_options: {archive_command: x}",
    "? [a]\n: b",
    "<<: {a: b}",
    "-----BEGIN CERTIFICATE-----",
]
TEXTS = st.one_of(st.sampled_from(WORDS), st.text(max_size=30), st.sampled_from([str(n) for n in range(-2, 12)]))
SCALARS = st.one_of(
    TEXTS,
    st.booleans(),
    st.none(),
    st.integers(),
    st.just(10**400),
    st.floats(allow_nan=True),
    st.sampled_from([0, 1, 2**63]),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(TEXTS, inner, max_size=3)),
    max_leaves=6,
)
BODIES = st.dictionaries(st.one_of(st.sampled_from(FIELDS), TEXTS), VALUES, max_size=5)
SETTINGS = st.dictionaries(st.sampled_from([*sorted(NAMES), "canary", "check"]), VALUES, min_size=1, max_size=3)
RAW = st.one_of(
    st.binary(max_size=40),
    st.sampled_from(
        [b"{", b"[" * 50_000, b'{"a":' * 50_000, b'{"a": "\xff"}', b'{"a": "\\ud800"}', b"\xff\xfe", b"1" * 5000]
    ),
)
LIMITS = settings(
    derandomize=True, deadline=None, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


class Api:
    """The application over a cluster that is the same for each request."""

    def __init__(self) -> None:
        given_settings = make_settings(SECRETS_KEY=new_key())
        self.state: ClusterState = make_state(given_settings, make_node(0), make_node(1), make_node(2))
        self.gateway = CoreGateway(self.state)
        self.gateway.statuses["node-0"] = make_status(0)
        self.gateway.answers = {"schema": SCHEMA, "backup": NO_BACKUP, "backups": {"backups": []}, "settings": {}}
        self.client: FlaskClient = create_app(self.gateway, given_settings).test_client()

    def send(self, method: str, path: str, **more: Any) -> None:
        self.gateway.state = self.state
        answer = self.client.open(path, method=method, **more)
        assert answer.status_code < 500 or answer.status_code == 503, (method, path, more, answer.data)
        assert answer.status_code < 400 or set(json.loads(answer.data)) == {"message"}


@pytest.fixture(scope="module")
def api() -> Api:
    return Api()


def written(value: Any) -> bytes:
    """The JSON of a body, NaN and halves of surrogate pairs included."""
    return json.dumps(value).encode("utf-8", "surrogatepass")


def encoded(text: str) -> str:
    return quote(text.encode("utf-8", "surrogatepass"), safe="")


def draw_request(data: st.DataObject) -> tuple[str, str, dict[str, Any]]:
    """A method, an address, and what else the test client takes."""
    path, method, operation = data.draw(st.sampled_from(OPERATIONS))
    query, headers = [], {}
    for parameter in operation.get("parameters", ()):
        words = parameter["schema"].get("enum")
        value = data.draw(st.one_of(st.sampled_from(words), TEXTS) if words else TEXTS)
        if parameter["in"] == "path":
            path = path.replace(f"{{{parameter['name']}}}", encoded(value[:3000]))
        elif data.draw(st.booleans()) and parameter["in"] == "query":
            query.append(f"{encoded(parameter['name'])}={encoded(value[:3000])}")
        elif parameter["in"] == "header" and value.isascii() and value.isprintable():
            headers[parameter["name"]] = value
    if data.draw(st.integers(0, 9)) == 0:
        query.append(f"{encoded(data.draw(TEXTS)[:100])}=1")
    more: dict[str, Any] = {"headers": headers}
    if method != "get" and data.draw(st.booleans()):
        more["data"] = data.draw(st.one_of(BODIES.map(written), RAW))
        headers["Content-Type"] = data.draw(
            st.sampled_from(["application/json"] * 5 + ["text/plain", "application/json; charset=x"])
        )
    return method.upper(), path + ("?" + "&".join(query) if query else ""), more


@settings(LIMITS, max_examples=700)
@given(data=st.data())
def test_requests(api: Api, data: st.DataObject) -> None:
    method, path, more = draw_request(data)
    api.send(method, path, **more)


@settings(LIMITS, max_examples=500)
@given(body=SETTINGS, method=st.sampled_from(["PUT", "POST"]))
def test_settings(api: Api, body: dict[str, Any], method: str) -> None:
    path = "/v1/config" if method == "PUT" else "/v1/config/preview"
    api.send(method, path, data=written(body), headers={"Content-Type": "application/json"})


@settings(LIMITS, max_examples=150)
@given(
    key=st.sampled_from(["num_tokens", "default_compaction", "audit_logging_options", "hints_compression"]), value=TEXTS
)
def test_yaml(api: Api, key: str, value: str) -> None:
    text = f"{key}: {value}"
    api.send("PUT", "/v1/config", data=written({"CASSANDRA_YAML": text}), headers={"Content-Type": "application/json"})


@pytest.mark.parametrize("name", sorted(NAMES))
def test_each_setting_with_each_word(api: Api, name: str) -> None:
    for word in WORDS[:: 3 if name.startswith("CASSANDRA_") else 1]:
        api.send("PUT", "/v1/config", data=written({name: word}), headers={"Content-Type": "application/json"})
