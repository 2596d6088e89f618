"""What a session with an encrypted node trusts."""

from __future__ import annotations

import ssl
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from executor.cql.encryption import Encryption, UntrustedError, own_encryption, read
from executor.tls.certificate import new_request
from scheduler.security.authority import Names, new_authority, sign_node
from tests.certificates import Authority

OWN = "10.0.0.1"


@pytest.mark.parametrize(
    ("given", "encrypted"),
    [
        (None, False),
        ("yes", False),
        ({}, False),
        ({"enabled": False, "optional": True}, False),
        ({"enabled": True}, True),
        ({"enabled": "true", "optional": True}, True),
    ],
)
def test_where_it_is_encrypted(given: Any, encrypted: bool) -> None:
    assert (read({"client_encryption_options": given}, OWN) is not None) is encrypted


def test_without_certificates_the_own_node_alone_is_trusted() -> None:
    found = Encryption(OWN)
    for address in (OWN, "127.0.0.1", "::1"):
        assert found.context(address).verify_mode == ssl.CERT_NONE
    with pytest.raises(UntrustedError, match=r"which certificate of 10\.0\.0\.2 is to be trusted"):
        found.context("10.0.0.2")


def test_certificates_in_pem_are_used(tmp_path: Path) -> None:
    path = tmp_path / "trusted.pem"
    path.write_text("no certificate")
    parameters = {"trusted_certificates": "no certificate"}
    other = tmp_path / "authorities"
    other.write_text("-----BEGIN CERTIFICATE-----\nnone")
    found = read({"client_encryption_options": {"enabled": True, "truststore": str(other)}}, OWN)
    assert found == Encryption(OWN, trusted=other.read_text())
    for more in (
        {"truststore": str(path)},
        {"ssl_context_factory": {"parameters": parameters}},
        {"ssl_context_factory": [{"parameters": [parameters]}]},
    ):
        found = read({"client_encryption_options": {"enabled": True, **more}}, OWN)
        assert found is not None
        assert found.trusted == "no certificate"
        with pytest.raises(UntrustedError, match="trusted certificates"):
            found.context(OWN)
    found = read({"client_encryption_options": {"enabled": True, "truststore": "/x/truststore.jks"}}, OWN)
    assert found == Encryption(OWN)


def test_a_certificate_of_the_executor_is_wanted() -> None:
    found = read({"client_encryption_options": {"enabled": True, "require_client_auth": True}}, OWN)
    assert found is not None
    with pytest.raises(UntrustedError, match="require_client_auth is true"):
        found.context(OWN)


def test_a_session_presents_the_certificate_of_the_node(tmp_path: Path) -> None:
    authority = new_authority("nodes", time.time())
    request, names = new_request("node-0", OWN), Names("node-0", (OWN,), (), "spiffe://cassandra/node-0")
    chain = sign_node(request.pem, names, authority, 1.0, time.time())
    trusted, certificate = tmp_path / "trusted.pem", tmp_path / "node.pem"
    trusted.write_text(authority.certificate)
    certificate.write_bytes(request.key_pem() + chain.encode())
    client, server = own_encryption(OWN, trusted, certificate).context("10.0.0.2"), _asking(trusted, certificate)

    assert "'spiffe://cassandra/node-0'" in _presented(client, server)
    certificate.write_text("no certificate")
    with pytest.raises(UntrustedError, match="the node's own certificate"):
        own_encryption(OWN, trusted, certificate).context(OWN)


def test_an_authority_that_another_one_has_signed_is_enough(tmp_path: Path) -> None:
    root = Authority(tmp_path / "root", "the company")
    ours, theirs = (Authority(tmp_path / name, name, root) for name in ("ours", "theirs"))
    node, other = ours.issue("node", uri="spiffe://cassandra/node-0"), theirs.issue("other", uri="spiffe://other")
    client = own_encryption(OWN, ours.ca, node.both).context(OWN)
    assert "'spiffe://cassandra/node-0'" in _presented(client, _asking(ours.ca, node.both))
    with pytest.raises(ssl.SSLCertVerificationError, match="unable to get local issuer"):
        _presented(client, _asking(ours.ca, other.both))
    trusting = Encryption(OWN, trusted=ours.ca.read_text()).context("10.0.0.2")
    assert trusting.verify_flags & ssl.VERIFY_X509_PARTIAL_CHAIN


def _asking(trusted: Path, certificate: Path) -> ssl.SSLContext:
    """Return the context of a server that requires certificates of its clients."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    context.load_verify_locations(trusted)
    context.verify_mode = ssl.CERT_REQUIRED
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context


def _presented(client: ssl.SSLContext, server: ssl.SSLContext) -> str:
    """Return the names in the certificate that a client presents, after a handshake in memory."""
    here, there = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = client.wrap_bio(here, there), server.wrap_bio(there, here, server_side=True)
    for _ in range(4):
        for end in ends:
            with suppress(ssl.SSLWantReadError):
                end.do_handshake()
    found = ends[1].getpeercert()
    assert found is not None
    return str(found["subjectAltName"])
