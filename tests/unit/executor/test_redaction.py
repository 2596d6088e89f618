"""Secrets are in no text, and sentences stay whole."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote

import pytest

from executor.redaction import redact

SENTENCE = "Check: org.apache.cassandra.db.Keyspace: cassandra has no keyspace system_auth of the table users"


@pytest.mark.parametrize("password", ["cassandra", "table", "has", "a", "users", "Check", "able", "key", "Cassandra"])
def test_a_word_tears_no_sentence_apart(password: str) -> None:
    secrets = {"cassandra_username": "cassandra", "cassandra_password": password}
    assert redact(secrets, SENTENCE) == SENTENCE


def test_a_user_name_is_no_secret() -> None:
    assert redact({"cassandra_username": "operator7"}, "operator7 may not") == "operator7 may not"


@pytest.mark.parametrize("password", ["cassandra", "abc", "able", "1234", "pass#1", "N0-one'knows&this", 'pa ss"w\nö'])
@pytest.mark.parametrize(
    "text",
    [
        "password: {}",
        "ALTER ROLE app WITH PASSWORD = '{}'",
        "--password={} refused",
        "https://app:{}@host/path",
        '{{"cassandra_password": "{}"}}',
        "login app:{} failed",
        "password '{}' is wrong",
    ],
)
def test_a_value_is_hidden(password: str, text: str) -> None:
    assert redact({"cassandra_username": "app", "cassandra_password": password}, text.format(password)) == text.format(
        "…"
    ).replace("{{", "{")


@pytest.mark.parametrize("password", ["pass#1x", "N0-one'knows&this", "database7", 'pa ss"w\nö', "correcthorse"])
def test_other_forms_are_hidden(password: str) -> None:
    secrets = {"cassandra_username": "app", "cassandra_password": password}
    pair = base64.b64encode(f"app:{password}".encode()).decode()
    forms = (
        password,
        quote(password, safe=""),
        json.dumps(password)[1:-1],
        repr(password)[1:-1],
        password.replace("'", "''"),
        password.encode().hex(),
        base64.b64encode(password.encode()).decode(),
        base64.urlsafe_b64encode(b"x" + password.encode() + b"y").decode(),
    )
    assert redact(secrets, f"Authorization: Basic {pair}") == "Authorization: Basic …"
    for form in forms:
        assert redact(secrets, f"before {form} after") == "before … after"
        if not form.endswith("="):
            assert form not in redact(secrets, f"S3 said: x{form}y")


@pytest.mark.parametrize("password", ["cassandra", "abc", "able"])
def test_a_login_in_a_header_is_hidden_whatever_the_password(password: str) -> None:
    secrets = {"cassandra_username": "app", "cassandra_password": password}
    pair = base64.b64encode(f"app:{password}".encode()).decode()
    assert redact(secrets, f"Basic {pair} is refused") == "Basic … is refused"


def test_a_secret_within_another_one() -> None:
    secrets = {"s3_access_key": "AKIA1234", "s3_secret_key": "AKIA1234/and-more"}
    assert redact(secrets, "AKIA1234/and-more of AKIA1234") == "… of …"
