"""Certificates of clients: what the setting needs, and which files of authorities are refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from executor.certificate_messages import fingerprints
from scheduler.settings import InvalidSettings, Settings, parse
from tests.certificates import Authority
from tests.unit.scheduler.settings.test_zookeeper_files import ELSEWHERE
from tests.unit.sealing_keys import new_key

NAME, CA = "SECURITY_CLIENT_CERTIFICATES", "SECURITY_CLIENT_CA_FILE"
TLS, LOGINS = "SECURITY_TRANSPORT_ENCRYPTION", "SECURITY_AUTHENTICATION"
ON = {TLS: "required", LOGINS: "on", "SECRETS_KEY": new_key()}


def settings(**environ: str) -> Settings:
    return parse({**ELSEWHERE, **ON, **environ})


def problems(**environ: str) -> tuple[str, ...]:
    with pytest.raises(InvalidSettings) as caught:
        settings(**environ)
    return caught.value.problems


@pytest.mark.parametrize(
    ("word", "tls"), [("optional", "optional"), ("optional", "required"), ("required", "required")]
)
def test_the_authorities_are_a_part_of_the_configuration(word: str, tls: str, tmp_path: Path) -> None:
    clients, others = Authority(tmp_path / "clients"), Authority(tmp_path / "others")
    file = tmp_path / "both.pem"
    file.write_text(f"clients:\n{clients.ca.read_text()}\nothers:\n{others.ca.read_text()}")
    found = settings(**{NAME: word, TLS: tls, CA: str(file)}).cluster_spec().cassandra
    assert found.client_certificates == word
    assert found.client_authorities == clients.ca.read_text() + others.ca.read_text()
    assert len(set(fingerprints(found.client_authorities))) == 2


def test_the_file_does_not_count_while_certificates_are_off(tmp_path: Path) -> None:
    found = settings(**{CA: str(tmp_path / "missing.pem")}).cluster_spec()
    assert found == settings().cluster_spec()
    assert (found.cassandra.client_certificates, found.cassandra.client_authorities) == ("off", "")


@pytest.mark.parametrize(
    ("environ", "says"),
    [
        ({NAME: "true"}, f"{NAME} must be one of off, optional, required, not 'true'."),
        ({NAME: "optional", TLS: "off"}, f"{NAME} must be off while {TLS} is off: certificates are a part of TLS."),
        ({NAME: "required", TLS: "optional"}, f"{NAME} must not be required while {TLS} is optional"),
        ({NAME: "optional", LOGINS: "off"}, f"{NAME} must be off while {LOGINS} is off: a certificate stands for"),
        ({NAME: "optional"}, f"{CA} must be set for {NAME}=optional: it holds the authorities of clients."),
        ({NAME: "optional", CA: "/nowhere"}, f"{CA} /nowhere cannot be read: No such file or directory."),
    ],
)
def test_contradictions_are_sentences(environ: dict[str, str], says: str) -> None:
    assert any(says in problem for problem in problems(**environ)), problems(**environ)


def test_files_that_hold_no_authorities(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "clients")
    leaf = authority.issue("app", uri="spiffe://clients/app").certificate
    (tmp_path / "key.pem").write_text("no certificate")
    (tmp_path / "many.pem").write_text(
        "".join(Authority(tmp_path / str(number)).ca.read_text() for number in range(21))
    )
    for path, says in (
        (tmp_path / "key.pem", "it holds no certificate in PEM"),
        (leaf, "CN=app is not an authority (basicConstraints CA:TRUE)"),
        (tmp_path / "many.pem", "it holds 21 authorities, and at most 20 are allowed"),
    ):
        assert problems(**{NAME: "optional", CA: str(path)}) == (f"{CA} {path} cannot be used: {says}.",)


def test_the_authority_of_nodes_makes_no_certificates_of_clients(tmp_path: Path) -> None:
    """Who has a certificate of that authority is a peer of the nodes, and reads and writes all data."""
    nodes = Authority(tmp_path / "nodes")
    files = {"SECURITY_CA_CERTIFICATE_FILE": str(nodes.ca), "SECURITY_CA_KEY_FILE": str(nodes.key)}
    for authority in (nodes, Authority(tmp_path / "below", "below", parent=nodes)):
        (problem,) = problems(**files, **{NAME: "required", CA: str(authority.ca)})
        assert "it holds an authority of SECURITY_CA_CERTIFICATE_FILE, or one that it has signed" in problem
    clients = Authority(tmp_path / "clients")
    assert settings(**files, **{NAME: "required", CA: str(clients.ca)}).client_authorities == clients.ca.read_text()
