"""What a node asks for, and which certificates it takes; wrong ones are one sentence each."""

from __future__ import annotations

import stat
import time
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography import x509

from executor.certificate_messages import CertificateReply, fingerprints
from executor.tls.certificate import CertificateError, checked, new_request
from scheduler.security.authority import Names, new_authority, sign_node
from tests.unit.executor.tls.signing import ADDRESS, Signer

DAY = 86_400.0


@pytest.fixture
def signer(tmp_path: Path) -> Signer:
    return Signer(tmp_path)


def test_a_request_names_the_node_and_its_address_alone() -> None:
    request = x509.load_pem_x509_csr(new_request("node-0", ADDRESS).pem.encode())
    assert request.subject.rfc4514_string() == "CN=node-0"
    (extension,) = request.extensions
    assert isinstance(extension.value, x509.SubjectAlternativeName)
    assert [str(name) for name in extension.value.get_values_for_type(x509.IPAddress)] == [ADDRESS]


def test_the_key_never_leaves_the_node_and_only_its_user_reads_it(signer: Signer) -> None:
    signer.certificates.obtain(5.0)
    keystore, truststore = signer.files.keystore, signer.files.truststore
    assert "PRIVATE KEY" in keystore.read_text()
    assert "PRIVATE KEY" not in new_request("node-0", ADDRESS).pem
    assert truststore.read_text() == signer.authority.certificate
    assert stat.S_IMODE(keystore.stat().st_mode) == 0o600
    assert stat.S_IMODE(signer.files.directory.stat().st_mode) == 0o700
    facts = signer.certificates.facts
    assert (facts.authority, facts.trusted) == (fingerprints(signer.authority.certificate)[0],) * 1 + (
        fingerprints(signer.authority.certificate),
    )
    assert facts.not_after - facts.not_before == pytest.approx(30 * DAY + 3600, abs=5)
    assert facts.ports == ()


def test_each_certificate_has_a_key_of_its_own(signer: Signer) -> None:
    signer.certificates.obtain(5.0)
    first = signer.files.keystore.read_text()
    signer.certificates.obtain(5.0)
    assert signer.files.keystore.read_text().partition("CERTIFICATE")[0] != first.partition("CERTIFICATE")[0]


def wrong_authority(reply: CertificateReply) -> CertificateReply:
    return replace(reply, trusted=new_authority("another", time.time()).certificate)


@pytest.mark.parametrize(
    ("ahead", "days", "change", "says"),
    [
        pytest.param(DAY, 30.0, None, "set the clocks of the agent and of the scheduler's machine", id="day ahead"),
        pytest.param(-DAY, 0.5, None, "set the clocks of the agent", id="expired by this clock"),
        pytest.param(0.0, 30.0, wrong_authority, "no trusted authority signed the certificate", id="wrong authority"),
        pytest.param(0.0, 30.0, lambda it: replace(it, chain="no PEM"), "holds no certificate", id="no certificate"),
        pytest.param(0.0, 30.0, lambda it: replace(it, problem="the scheduler's words"), "scheduler's words", id="no"),
    ],
)
def test_a_certificate_that_nobody_would_accept_is_a_sentence(
    tmp_path: Path, ahead: float, days: float, change: object, says: str
) -> None:
    signer = Signer(tmp_path, days=days, ahead=ahead)
    if callable(change):
        signer.change = change
    with pytest.raises(CertificateError, match=says):
        signer.certificates.obtain(5.0)
    assert not signer.files.keystore.exists()


def test_a_silent_scheduler_is_a_sentence(tmp_path: Path) -> None:
    signer = Signer(tmp_path)
    signer.certificates._ask = lambda request: None
    with pytest.raises(CertificateError, match="the scheduler does not answer"):
        signer.certificates.obtain(0.2)


@pytest.mark.parametrize("trusted", ["", "no PEM", "-----BEGIN CERTIFICATE-----\nA\n-----END CERTIFICATE-----\n"])
def test_authorities_that_are_none_do_not_replace_the_present_ones(signer: Signer, trusted: str) -> None:
    signer.certificates.obtain(5.0)
    before = signer.files.truststore.read_text()
    signer.change = lambda reply: CertificateReply("t1", "", trusted)
    with pytest.raises(CertificateError, match="the scheduler's answer holds no authorities"):
        signer.certificates.obtain(5.0)
    assert signer.files.truststore.read_text() == before


def test_authorities_can_change_alone(signer: Signer) -> None:
    signer.certificates.obtain(5.0)
    before, other = signer.files.keystore.read_text(), new_authority("new", time.time()).certificate
    signer.change = lambda reply: CertificateReply("t1", "", signer.authority.certificate + other)
    signer.certificates.obtain(5.0)
    assert signer.files.keystore.read_text() == before
    assert len(signer.certificates.facts.trusted) == 2


def test_a_certificate_for_an_earlier_key_is_refused() -> None:
    authority, names = new_authority("nodes", time.time()), Names("node-0", (ADDRESS,))
    earlier, request = new_request("node-0", ADDRESS), new_request("node-0", ADDRESS)
    chain = sign_node(earlier.pem, names, authority, 30.0, time.time())
    assert checked(earlier, chain, authority.certificate, ADDRESS, time.time()).serial
    with pytest.raises(CertificateError, match="the certificate is for another key"):
        checked(request, chain, authority.certificate, ADDRESS, time.time())


def test_a_certificate_for_another_address_is_refused() -> None:
    authority, request = new_authority("nodes", time.time()), new_request("node-0", ADDRESS)
    chain = sign_node(request.pem, Names("node-0", (ADDRESS,)), authority, 30.0, time.time())
    with pytest.raises(CertificateError, match=r"does not name 10\.9\.9\.9, this node's address"):
        checked(request, chain, authority.certificate, "10.9.9.9", time.time())
