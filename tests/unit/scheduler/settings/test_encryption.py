"""The settings of transport encryption: the names of DC/OS, what they need, and what excludes them."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from scheduler.security.authority import new_authority
from scheduler.settings import InvalidSettings, parse
from tests.unit.scheduler.settings.test_zookeeper_files import ELSEWHERE
from tests.unit.sealing_keys import new_key

NAME = "SECURITY_TRANSPORT_ENCRYPTION"


def encryption(**environ: str) -> str:
    return parse({**ELSEWHERE, "SECRETS_KEY": new_key(), **environ}).cluster_spec().cassandra.encryption


@pytest.mark.parametrize(
    ("environ", "found"),
    [
        ({}, "off"),
        ({NAME: "optional"}, "optional"),
        ({NAME: "required"}, "required"),
        ({f"{NAME}_ENABLED": "true"}, "required"),
        ({f"{NAME}_ENABLED": "true", f"{NAME}_ALLOW_PLAINTEXT": "true"}, "optional"),
        ({f"{NAME}_ENABLED": "true", NAME: "required"}, "required"),
        ({f"{NAME}_ENABLED": "false", f"{NAME}_ALLOW_PLAINTEXT": "false"}, "off"),
    ],
)
def test_both_ways_to_say_it(environ: dict[str, str], found: str) -> None:
    assert encryption(**environ) == found


@pytest.mark.parametrize(
    ("environ", "says"),
    [
        ({NAME: "on"}, "SECURITY_TRANSPORT_ENCRYPTION must be one of off, optional, required, not 'on'."),
        ({NAME: "off", f"{NAME}_ENABLED": "true"}, f"{NAME} must be required or unset if {NAME}_ENABLED is true"),
        ({f"{NAME}_ALLOW_PLAINTEXT": "true"}, f"{NAME}_ALLOW_PLAINTEXT must be false if {NAME}_ENABLED is false."),
        ({NAME: "required", "SECRETS_KEY": ""}, f"{NAME} must be off without SECRETS_KEY_FILE"),
        ({"SECURITY_CA_KEY_FILE": "/nowhere"}, "and SECURITY_CA_KEY_FILE must be set together."),
        (
            {"SECURITY_CA_CERTIFICATE_FILE": "/nowhere", "SECURITY_CA_KEY_FILE": "/nowhere"},
            "SECURITY_CA_CERTIFICATE_FILE /nowhere and SECURITY_CA_KEY_FILE /nowhere cannot be used",
        ),
        (
            {NAME: "optional", "CASSANDRA_YAML": "client_encryption_options: {enabled: true}"},
            "CASSANDRA_YAML must not set client_encryption_options, which SECURITY_TRANSPORT_ENCRYPTION sets too.",
        ),
        ({"SECURITY_TRANSPORT": "off"}, "SECURITY_TRANSPORT is not a setting"),
        ({"SECURITY_CERTIFICATE_DAYS": "0"}, "SECURITY_CERTIFICATE_DAYS must be at least 1"),
    ],
)
def test_contradictions_are_sentences(environ: dict[str, str], says: str) -> None:
    with pytest.raises(InvalidSettings) as caught:
        encryption(**environ)
    assert any(says in problem for problem in caught.value.problems), caught.value.problems


def test_an_authority_of_files_needs_no_key_for_secrets(tmp_path: Path) -> None:
    pair = new_authority("given", time.time())
    certificate, key = tmp_path / "ca.pem", tmp_path / "ca.key"
    certificate.write_text(pair.certificate)
    key.write_text(pair.key)
    files = {"SECURITY_CA_CERTIFICATE_FILE": str(certificate), "SECURITY_CA_KEY_FILE": str(key)}
    assert encryption(**{NAME: "required", "SECRETS_KEY": "", **files}) == "required"


def test_the_days_of_certificates_restart_no_node() -> None:
    settings = parse({**ELSEWHERE, "SECURITY_CERTIFICATE_DAYS": "7"})
    assert settings.policy().certificate_days == 7.0
    assert settings.cluster_spec() == parse(ELSEWHERE).cluster_spec()
