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


def test_hosts_of_urls_and_addresses_of_both_versions() -> None:
    redaction = Redaction()
    redaction.learn(["get https://files.corp.example:8443/a.tgz", {"external_location": "s3://bucket.one/prod"}])
    text = redaction.apply(
        "files.corp.example is away: zk://zk-1:2181,zk-2:2181/mesos, https://files.corp.example:8443/b. At "
        "http://master, says master, s3://bucket.one/prod/k, s3://second/k, "
        "[2001:db8::7]:9042 or 2001:db8::7, ::ffff:10.0.0.9, https://me:x@db.example/a"
    )
    assert text == (
        "host-1 is away: zk://host-4:2181,host-5:2181/mesos, https://host-1:8443/b. At http://host-6, says master, "
        "location-2/k, s3://host-7/k, [address-8]:9042 or address-8, address-9, https://<hidden>@host-10/a"
    )
    same = "at 12:30:45 of 2026-11-29T12:30:45Z, C++ std::x, AB:CD:EF, 1:2:3"
    assert redaction.apply(same) == same


@pytest.mark.parametrize(
    "said",
    [
        "a request was refused with 403 for {} at 10.0.0.9: This needs a token with the role operate",
        "40 requests were refused: 401 for 10.0.0.9 (18), 403 for {} at 10.0.0.9 (16), 403 for {} at 10.0.0.8 (4)",
        "This needs a token with the role operate: the token of {} has read.",
        "WARNING refused with 403: {} at 10.0.0.9 (no right)",
        "The client certificate of {} has expired.",
    ],
)
@pytest.mark.parametrize("name", ["bob", "bob-smith", "bob smith"])
def test_holders_who_were_refused(said: str, name: str) -> None:
    """No field has the name of one whose commands were all refused."""
    redaction = Redaction()
    text = said.replace("{}", name)
    redaction.learn({"events": [{"message": text, "principal": ""}]})
    shown = redaction.apply(text)
    assert "bob" not in shown
    assert "refused" in shown or " has " in shown
    assert "10.0.0" not in shown
