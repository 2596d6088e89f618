"""Our own certificate authority: its key, and what it signs. Never logs a key."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

AUTHORITY_DAYS = 3650
# A clock that is a little behind must not refuse a new certificate.
BACKDATED = timedelta(hours=1)
_REQUEST_BYTES = 8192
# What `cryptography` raises for PEM that it can split, but not read or use: fields, curves and extensions.
_UNREADABLE = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)
SigningKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
SignerKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey


class AuthorityError(Exception):
    """An authority that cannot be used; the text names the cause and never a key."""


class RequestRefused(Exception):
    """A signing request for names that the node does not have, or that cannot be read."""


@dataclass(frozen=True)
class Names:
    """What a certificate says of its holder, and the IP addresses of which the request must name one or more."""

    common_name: str
    addresses: tuple[str, ...]
    dns: tuple[str, ...] = ()
    uri: str = ""


@dataclass(frozen=True)
class KeyPair:
    """A certificate and its private key as PEM: of an authority that can sign, or of a server."""

    certificate: str
    key: str


def new_authority(name: str, now: float) -> KeyPair:
    """Make an authority with this common name; `now` is in seconds since the epoch."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64])])
    begin = datetime.fromtimestamp(now, UTC) - BACKDATED
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(begin + timedelta(days=AUTHORITY_DAYS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return KeyPair(_pem(certificate), _private(key))


def sign_node(request: str, names: Names, authority: KeyPair, days: float, now: float) -> str:
    """Return the certificate of a node as PEM: for peers and clients alike.

    Raises:
        RequestRefused: The request is not one of this node.
        AuthorityError: The authority cannot sign.
    """
    found, public_key = _read(request)
    addresses = _check_names(found, names)
    return _sign(public_key, names, addresses, authority, days, now)


def issue_server(names: Names, authority: KeyPair, days: float, now: float) -> KeyPair:
    """Return a new key with its certificate, for a server that is no peer of the nodes, such as the API.

    Raises:
        AuthorityError: The authority cannot sign.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    usages = (ExtendedKeyUsageOID.SERVER_AUTH,)
    return KeyPair(_sign(key.public_key(), names, names.addresses, authority, days, now, usages), _private(key))


def issue_client(name: str, identity: str, authority: KeyPair, days: float, now: float) -> KeyPair:
    """Return a new key with its certificate, for a client of Cassandra with this identity: `spiffe://company/shop`.

    Raises:
        AuthorityError: The authority cannot sign.
    """
    key, names = ec.generate_private_key(ec.SECP256R1()), Names(name, (), (), identity)
    usages = (ExtendedKeyUsageOID.CLIENT_AUTH,)
    return KeyPair(_sign(key.public_key(), names, (), authority, days, now, usages), _private(key))


def read_authority(certificate: str, key: str) -> KeyPair:
    """Return the authority of these PEM texts. Raises AuthorityError.

    Only the first certificate counts: nodes would take each certificate of the others as one of a peer.
    """
    found, _ = _load(KeyPair(certificate, key))
    if not _is_authority(found):
        raise AuthorityError("its certificate is not that of an authority (basicConstraints CA:TRUE)")
    if not _may_sign(found):
        raise AuthorityError("its certificate must not sign others: its keyUsage is without keyCertSign")
    return KeyPair(_pem(found), key)


def read_authorities(text: str) -> tuple[str, ...]:
    """Return the certificates of authorities in a text, each once and as PEM. Raises AuthorityError."""
    try:
        certificates = x509.load_pem_x509_certificates(text.encode())
    except ValueError as error:
        raise AuthorityError("it holds no certificate in PEM") from error
    for certificate in certificates:
        if not _is_authority(certificate):
            name = certificate.subject.rfc4514_string()
            raise AuthorityError(f"{name} is not an authority (basicConstraints CA:TRUE)")
    return tuple(dict.fromkeys(map(_pem, certificates)))


def certifies(authority: str, other: str) -> bool:
    """Return whether an authority has signed another one, or is the same one; both are PEM."""
    one, found = (x509.load_pem_x509_certificate(pem.encode()) for pem in (authority, other))
    try:
        if found.public_key() == one.public_key():
            return True
        found.verify_directly_issued_by(one)
    except (InvalidSignature, *_UNREADABLE):
        return False
    return True


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (x509.ExtensionNotFound, *_UNREADABLE):
        return False


def _may_sign(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign
    except x509.ExtensionNotFound:
        return True


def _key_identifier(issuer: x509.Certificate, public_key: SignerKey) -> x509.AuthorityKeyIdentifier:
    """Return how certificates name their issuer's key: as the issuer's own certificate does, or OpenSSL refuses them.

    Some authorities hash their keys by SHA-256.
    """
    try:
        own = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    except x509.ExtensionNotFound:
        return x509.AuthorityKeyIdentifier.from_issuer_public_key(public_key)
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(own)


def validity(certificate: str) -> tuple[float, float]:
    """Return from when to when a certificate is valid, in seconds since the epoch."""
    found = x509.load_pem_x509_certificate(certificate.encode())
    return found.not_valid_before_utc.timestamp(), found.not_valid_after_utc.timestamp()


def _read(request: str) -> tuple[x509.CertificateSigningRequest, ec.EllipticCurvePublicKey]:
    if len(request) > _REQUEST_BYTES:
        raise RequestRefused(f"the signing request has more than {_REQUEST_BYTES} bytes")
    try:
        found = x509.load_pem_x509_csr(request.encode())
        public_key, signed, _ = found.public_key(), found.is_signature_valid, list(found.extensions)
    except _UNREADABLE as error:
        raise RequestRefused("the signing request cannot be read") from error
    if not isinstance(public_key, ec.EllipticCurvePublicKey) or not signed:
        raise RequestRefused("the signing request is not signed by the key that it names")
    return found, public_key


def _check_names(request: x509.CertificateSigningRequest, names: Names) -> tuple[str, ...]:
    """Return the addresses of a request that names this node alone. Raises RequestRefused."""
    given = [str(item.value) for item in request.subject]
    if given != [names.common_name]:
        raise RequestRefused(f"the signing request is for {', '.join(given) or 'nobody'}, not for {names.common_name}")
    extensions = [item.value for item in request.extensions]
    if len(extensions) != 1 or not isinstance(extensions[0], x509.SubjectAlternativeName):
        raise RequestRefused("the signing request must name addresses, and nothing else")
    found = [item.value if isinstance(item, x509.IPAddress) else item for item in extensions[0]]
    known = {ip_address(address) for address in names.addresses}
    if not found or (foreign := [str(item) for item in found if item not in known]):
        held = ", ".join(names.addresses) or "none that is known"
        raise RequestRefused(
            f"{names.common_name} asks for a certificate of {', '.join(foreign) if found else 'no address'}, but its "
            f"addresses are {held}"
        )
    return tuple(str(item) for item in found)


def _sign(
    public_key: ec.EllipticCurvePublicKey,
    names: Names,
    addresses: tuple[str, ...],
    authority: KeyPair,
    days: float,
    now: float,
    usages: tuple[x509.ObjectIdentifier, ...] = (ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH),
) -> str:
    issuer, key = _load(authority)
    begin, end = _times(issuer, days, now)
    alternatives: list[x509.GeneralName] = [x509.IPAddress(ip_address(address)) for address in addresses]
    alternatives += [x509.DNSName(name) for name in names.dns]
    if names.uri:
        alternatives.append(x509.UniformResourceIdentifier(names.uri))
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names.common_name[:64])]))
        .issuer_name(issuer.subject)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(end)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .add_extension(_key_identifier(issuer, key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return _pem(certificate)


def _times(issuer: x509.Certificate, days: float, now: float) -> tuple[datetime, datetime]:
    """Return from when to when a certificate is valid: never longer than that of its authority."""
    moment, begin = datetime.fromtimestamp(now, UTC), issuer.not_valid_before_utc
    if moment < begin:
        raise AuthorityError(
            f"the authority is valid from {begin:%Y-%m-%d %H:%M} UTC, but the scheduler's clock says"
            f" {moment:%Y-%m-%d %H:%M}: set it"
        )
    end = min(moment + timedelta(days=days), issuer.not_valid_after_utc)
    if end <= moment:
        raise AuthorityError(f"the authority expired on {issuer.not_valid_after_utc:%Y-%m-%d}: rotate it")
    return max(moment - BACKDATED, begin), end


def _load(pair: KeyPair) -> tuple[x509.Certificate, SigningKey]:
    try:
        certificate = x509.load_pem_x509_certificates(pair.certificate.encode())[0]
        public_key, _ = certificate.public_key(), certificate.extensions
    except (IndexError, *_UNREADABLE) as error:
        raise AuthorityError("its certificate is no certificate in PEM that can be read") from error
    try:
        key = serialization.load_pem_private_key(pair.key.encode(), password=None)
    except UnsupportedAlgorithm as error:
        raise AuthorityError("its key must be one of RSA or of a common elliptic curve") from error
    except (TypeError, ValueError) as error:
        raise AuthorityError("its key is no private key in PEM without a password") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
        raise AuthorityError("its key must be one of RSA or of an elliptic curve")
    if key.public_key() != public_key:
        raise AuthorityError("its key does not belong to its certificate")
    return certificate, key


def _usage(signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _private(key: ec.EllipticCurvePrivateKey) -> str:
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return key.private_bytes(*form).decode()


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()
