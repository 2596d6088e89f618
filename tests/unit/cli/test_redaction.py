"""What a bundle hides always, and what with --redact."""

from __future__ import annotations

from typing import Any

import pytest

from cli.redaction import HIDDEN, Redaction, without_secrets


@pytest.mark.parametrize(
    ("document", "found"),
    [
        ({"keystore_password": "x"}, {"keystore_password": HIDDEN}),
        ({"s3_secret_key": "x", "s3_access_key": "y"}, {"s3_secret_key": HIDDEN, "s3_access_key": HIDDEN}),
        ({"SECRETS_KEY": "x"}, {"SECRETS_KEY": HIDDEN}),
        ({"token": "x", "token_count": 16, "num_tokens": 8}, {"token": HIDDEN, "token_count": 16, "num_tokens": 8}),
        ({"API_TOKEN_FILE": "/run/token"}, {"API_TOKEN_FILE": "/run/token"}),
        ({"password": None, "passwd": ""}, {"password": None, "passwd": ""}),
        ({"jvm_options": ["-Dx.trustStorePassword=x y"]}, {"jvm_options": [f"-Dx.trustStorePassword={HIDDEN} y"]}),
        (["https://me:x@host/a"], [f"https://{HIDDEN}@host/a"]),
        ({"a": [{"secret": {"b": "x"}}]}, {"a": [{"secret": HIDDEN}]}),
        ({"key_spaces": ["shop"]}, {"key_spaces": ["shop"]}),
        (3, 3),
    ],
)
def test_secrets(document: Any, found: Any) -> None:
    assert without_secrets(document) == found


def test_names_are_the_same_everywhere() -> None:
    redaction = Redaction()
    redaction.learn(
        [{"hostname": "db-1.example", "address": "10.0.0.1", "principal": "alice"}, {"hostname": "db-1.example"}]
    )
    text = redaction.apply(
        "alice restarted db-1.example (10.0.0.1), not db-1.example.org; 10.0.0.2 is up, 10.0.0.2 too"
    )
    assert text == ("principal-3 restarted host-1 (address-2), not host-1.org; address-4 is up, address-4 too")
    assert redaction.apply("malice") == "malice"
