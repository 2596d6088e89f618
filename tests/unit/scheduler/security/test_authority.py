"""The authority: what it signs, what it refuses, and where its key comes from; one sentence each."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from executor.certificate_messages import split_certificates
from scheduler.core.state.authority import Authority
from scheduler.security.authority import (
    AuthorityError,
    KeyPair,
    Names,
    RequestRefused,
    certifies,
    issue_client,
    issue_server,
    new_authority,
    read_authorities,
    read_authority,
    sign_node,
)
from scheduler.security.issuer import Issuer
from scheduler.security.sealing import Sealer
from tests.certificates import Authority as OtherAuthority
from tests.certificates import changed, of_unknown_curve

NOW = time.time()
NAMES = Names("node-0", ("10.0.0.1",), ("host-1.example", "node-0.cassandra.mesos"), "spiffe://cassandra/node-0")
DAY = 86_400.0


def request(name: str = "node-0", *names: x509.GeneralName, more: x509.ExtensionType | None = None) -> str:
    given = list(names) or [x509.IPAddress(ip_address("10.0.0.1"))]
    key = ec.generate_private_key(ec.SECP256R1())
    builder = x509.CertificateSigningRequestBuilder().subject_name(
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    )
    builder = builder.add_extension(x509.SubjectAlternativeName(given), critical=False)
    if more is not None:
        builder = builder.add_extension(more, critical=True)
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


@pytest.fixture(scope="module")
def authority() -> KeyPair:
    return new_authority("test", NOW)


def test_a_certificate_has_the_names_of_its_node(authority: KeyPair) -> None:
    found = x509.load_pem_x509_certificate(sign_node(request(), NAMES, authority, 30, NOW).encode())
    names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [str(item) for item in names.get_values_for_type(x509.IPAddress)] == ["10.0.0.1"]
    assert names.get_values_for_type(x509.DNSName) == list(NAMES.dns)
    assert names.get_values_for_type(x509.UniformResourceIdentifier) == [NAMES.uri]
    usage = found.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    assert not found.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    found.verify_directly_issued_by(x509.load_pem_x509_certificate(authority.certificate.encode()))
    assert found.not_valid_after_utc.timestamp() == pytest.approx(NOW + 30 * DAY, abs=2)


def test_a_server_is_no_peer_of_the_nodes(authority: KeyPair) -> None:
    issued = issue_server(Names("api", ("10.0.0.9",), ("api.example",)), authority, 30, NOW)
    certificate = x509.load_pem_x509_certificate(issued.certificate.encode())
    usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    assert list(usage.value) == [ExtendedKeyUsageOID.SERVER_AUTH]
    key = serialization.load_pem_private_key(issued.key.encode(), None)
    assert key.public_key() == certificate.public_key()


def test_a_client_has_an_identity_and_is_no_server(authority: KeyPair) -> None:
    issued = issue_client("shop", "spiffe://company/shop", authority, 90, NOW)
    certificate = x509.load_pem_x509_certificate(issued.certificate.encode())
    usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    assert list(usage.value) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert list(names) == [x509.UniformResourceIdentifier("spiffe://company/shop")]
    assert serialization.load_pem_private_key(issued.key.encode(), None).public_key() == certificate.public_key()
    assert read_authorities(authority.certificate * 2) == (authority.certificate,)
    with pytest.raises(AuthorityError, match="CN=shop is not an authority"):
        read_authorities(issued.certificate)


@pytest.mark.parametrize(
    ("pem", "says"),
    [
        (request("node-1"), "is for node-1, not for node-0"),
        (request("node-0", x509.DNSName("bank.example")), "asks for a certificate of .*bank.example"),
        (
            request("node-0", x509.IPAddress(ip_address("10.0.0.2"))),
            "asks for a certificate of 10.0.0.2, but its addresses are 10.0.0.1",
        ),
        (request("node-0", more=x509.BasicConstraints(ca=True, path_length=None)), "must name addresses, and nothing"),
        ("no request", "cannot be read"),
        ("x" * 10_000, "more than 8192 bytes"),
    ],
    ids=("another node", "a name", "another address", "more", "no request", "too long"),
)
def test_requests_for_other_names_are_refused(authority: KeyPair, pem: str, says: str) -> None:
    with pytest.raises(RequestRefused, match=says):
        sign_node(pem, NAMES, authority, 30, NOW)


@pytest.mark.parametrize(
    ("now", "says"),
    [(NOW + 4000 * DAY, "the authority expired on"), (NOW - DAY, "the scheduler's clock says")],
    ids=("expired", "not yet valid"),
)
def test_an_authority_outside_of_its_time_signs_nothing(authority: KeyPair, now: float, says: str) -> None:
    with pytest.raises(AuthorityError, match=says):
        sign_node(request(), NAMES, authority, 30, now)


def test_no_certificate_outlives_its_authority(authority: KeyPair) -> None:
    late = NOW + 3645 * DAY
    found = x509.load_pem_x509_certificate(sign_node(request(), NAMES, authority, 30, late).encode())
    issuer = x509.load_pem_x509_certificate(authority.certificate.encode())
    assert found.not_valid_after_utc == issuer.not_valid_after_utc


def test_our_own_key_is_sealed() -> None:
    issuer = Issuer("cassandra", Sealer([Fernet.generate_key().decode()]))
    record = issuer.first(NOW)
    assert "PRIVATE" not in repr(record)
    assert issuer.pair(record.current).certificate == record.current.certificate
    other = Issuer("cassandra", Sealer([Fernet.generate_key().decode()]))
    with pytest.raises(AuthorityError, match="cannot be opened: the credentials cannot be opened"):
        other.pair(record.current)
    with pytest.raises(AuthorityError, match="is not set any more"):
        Issuer("cassandra", None).pair(record.current)
    with pytest.raises(AuthorityError, match="there is no key to seal"):
        Issuer("cassandra", None).new(NOW)


def test_an_authority_of_files(tmp_path: Path) -> None:
    pair = new_authority("given", NOW)
    certificate, key = tmp_path / "ca.pem", tmp_path / "ca.key"
    certificate.write_text(pair.certificate)
    key.write_text(pair.key)
    issuer = Issuer("cassandra", None, str(certificate), str(key))
    record = issuer.first(NOW)
    assert record.current == Authority(pair.certificate)
    assert issuer.pair(record.current) == pair
    certificate.write_text(new_authority("other", NOW).certificate)
    with pytest.raises(AuthorityError, match="its key does not belong to its certificate"):
        issuer.pair(record.current)
    with pytest.raises(AuthorityError, match="are not set any more"):
        Issuer("cassandra", None).pair(record.current)


def test_what_is_no_authority(tmp_path: Path) -> None:
    test_authority = OtherAuthority(tmp_path)
    leaf = test_authority.issue("leaf")
    with pytest.raises(AuthorityError, match="not that of an authority"):
        read_authority(leaf.certificate.read_text(), leaf.key.read_text())
    with pytest.raises(AuthorityError, match="no certificate in PEM"):
        read_authority("nothing", leaf.key.read_text())
    with pytest.raises(AuthorityError, match="no private key in PEM without a password"):
        read_authority(test_authority.ca.read_text(), "nothing")
    assert len(split_certificates(leaf.certificate.read_text() + test_authority.ca.read_text())) == 2


@pytest.mark.parametrize(
    "pem",
    [
        of_unknown_curve(request()),
        # Two extensions of the same name.
        changed(request(more=x509.BasicConstraints(ca=True, path_length=None)), b"\x55\x1d\x13", b"\x55\x1d\x11"),
        # Bytes that are no names.
        changed(request(), b"\x87\x04\x0a\x00\x00\x01", b"\x87\x05\x0a\x00\x00\x01"),
    ],
    ids=("an unknown curve", "an extension twice", "broken names"),
)
def test_odd_requests_are_refused(authority: KeyPair, pem: str) -> None:
    with pytest.raises(RequestRefused, match="the signing request cannot be read"):
        sign_node(pem, NAMES, authority, 30, NOW)


def test_an_authority_of_an_unknown_curve_is_refused(authority: KeyPair) -> None:
    with pytest.raises(AuthorityError, match="its certificate is no certificate in PEM that can be read"):
        read_authority(of_unknown_curve(authority.certificate), authority.key)
    with pytest.raises(AuthorityError, match="its key must be one of RSA or of a common elliptic curve"):
        read_authority(authority.certificate, of_unknown_curve(authority.key))
    assert not certifies(authority.certificate, of_unknown_curve(authority.certificate))


def made(key: ec.EllipticCurvePrivateKey, *more: x509.ExtensionType) -> KeyPair:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "made elsewhere")])
    begin = datetime.fromtimestamp(NOW, UTC) - timedelta(days=1)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, begin, begin + timedelta(days=30))
    for extension in (x509.BasicConstraints(ca=True, path_length=None), *more):
        builder = builder.add_extension(extension, critical=False)
    pem = builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return KeyPair(pem, key.private_bytes(*form).decode())


def test_certificates_name_the_key_of_their_authority_as_it_does_itself() -> None:
    """OpenSSL finds no issuer otherwise. Programs in Go name keys by SHA-256, others by SHA-1."""
    key, digest = ec.generate_private_key(ec.SECP256R1()), b"\x07" * 20
    for pair, expected in (
        (made(key, x509.SubjectKeyIdentifier(digest)), digest),
        (made(key), x509.SubjectKeyIdentifier.from_public_key(key.public_key()).digest),
    ):
        leaf = x509.load_pem_x509_certificate(sign_node(request(), NAMES, pair, 30, NOW).encode())
        found = leaf.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
        assert found.key_identifier == expected


def test_an_authority_that_must_not_sign_is_refused() -> None:
    usage = x509.KeyUsage(True, False, False, False, False, False, False, False, False)
    pair = made(ec.generate_private_key(ec.SECP256R1()), usage)
    with pytest.raises(AuthorityError, match="its keyUsage is without keyCertSign"):
        read_authority(pair.certificate, pair.key)


def test_only_the_first_certificate_of_the_files_is_the_authority(authority: KeyPair, tmp_path: Path) -> None:
    """Nodes would take each certificate of a company's root as one of a peer."""
    root = new_authority("root", NOW)
    chain = f"Subject: CN=test\n{authority.certificate}\n{root.certificate}".strip()
    assert read_authority(chain, authority.key) == authority
    other_label = authority.certificate.replace(" CERTIFICATE-", " X509 CERTIFICATE-")
    assert read_authority(other_label, authority.key) == authority
    certificate, key = tmp_path / "ca.pem", tmp_path / "ca.key"
    key.write_text(authority.key)
    issuer = Issuer("cassandra", None, str(certificate), str(key))
    for text in (authority.certificate, chain, other_label, authority.certificate.strip()):
        certificate.write_text(text)
        # As an earlier version stored them, which kept the text.
        for stored in (authority.certificate, chain, authority.certificate.strip(), other_label):
            assert issuer.holds(Authority(stored))
            assert issuer.pair(Authority(stored)) == authority
    assert not issuer.holds(Authority(root.certificate))


def test_a_request_that_was_changed_after_it_was_signed_is_refused(authority: KeyPair) -> None:
    others = request("node-0", x509.IPAddress(ip_address("10.0.0.2")))
    made_ours = changed(others, b"\x0a\x00\x00\x02", b"\x0a\x00\x00\x01")
    with pytest.raises(RequestRefused, match="is not signed by the key that it names"):
        sign_node(made_ours, NAMES, authority, 30, NOW)


def test_another_certificate_of_the_same_key_is_the_same_authority(authority: KeyPair) -> None:
    """What the key signs is accepted under either of them."""
    root, key = (
        ec.generate_private_key(ec.SECP256R1()),
        serialization.load_pem_private_key(authority.key.encode(), None),
    )
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    moment = datetime.fromtimestamp(NOW, UTC)
    other = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "other")]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "root")]))
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(moment)
        .not_valid_after(moment + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(root, hashes.SHA256())
    )
    assert certifies(authority.certificate, other.public_bytes(serialization.Encoding.PEM).decode())
