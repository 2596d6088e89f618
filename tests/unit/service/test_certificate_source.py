"""The API's certificate from the service's own authority, and the names in it."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.fernet import Fernet

from scheduler.core.state.authority import Authority
from scheduler.security.api_certificate import Material, UnusableCertificate, identify
from scheduler.security.authority import Names
from scheduler.security.expiry import DAY
from scheduler.security.issuer import Issuer
from scheduler.security.own_certificate import InUse, OwnCertificate
from scheduler.security.sealing import Sealer
from scheduler.settings import parse
from service.certificate import BAD_POLLS, ApiCertificate
from service.certificate_source import api_names, own_places
from tests.certificates import Authority as Files
from tests.unit.sealing_keys import new_key

NAMES = Names("cassandra API", ("127.0.0.1",), ("api.example",), "spiffe://cassandra/api")
ISSUER = Issuer("cassandra", Sealer([new_key()]), serves_api=True)


class World:
    """A source with an authority that tests change, and a clock."""

    def __init__(self, issuer: Issuer = ISSUER, client_ca: str = "") -> None:
        self.now = time.time()
        self.in_use: InUse | None = None
        self.source = OwnCertificate(NAMES, issuer, lambda: self.in_use, client_ca, lambda: self.now)

    def sign(self, issuer: Issuer = ISSUER, days: float = 30) -> Authority:
        made = issuer.new(self.now)
        self.in_use = InUse(made, days)
        return made


def trusts(material: Material, authority: Authority) -> bool:
    """Return whether a client that trusts the authority accepts the certificate for the API's name."""
    server = identify(material, time.time()).context
    client = ssl.create_default_context(cadata=authority.certificate)
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = (
        client.wrap_bio(to_client, to_server, server_hostname="api.example"),
        server.wrap_bio(to_server, to_client, server_side=True),
    )
    for _ in range(4):
        for end in ends:
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
            except ssl.SSLCertVerificationError:
                return False
    return ends[0].version() is not None


def keep(notes: list[str]) -> Callable[[str], bool]:
    """Return what keeps a sentence as an event."""

    def note(sentence: str) -> bool:
        notes.append(sentence)
        return True

    return note


def test_nobody_trusts_it_before_the_records_are_read() -> None:
    world = World()
    before = world.source.read()
    assert (before.issuer, world.source.read()) == ("", before)
    authority = world.sign()
    assert not trusts(before, authority)
    after = world.source.read()
    assert trusts(after, authority)
    assert after.issuer == authority.certificate
    assert world.source.read() == after
    assert "PRIVATE" not in repr(after)


def test_it_is_renewed_at_two_thirds_and_follows_a_rotation() -> None:
    world = World()
    world.now -= 21 * DAY
    first = world.sign()
    made = world.source.read()
    world.now += 19.9 * DAY
    assert world.source.read() == made
    world.now += 0.2 * DAY
    renewed = world.source.read()
    assert renewed.key != made.key
    assert renewed.issuer == first.certificate
    second = world.sign()
    rotated = world.source.read()
    assert rotated.issuer == second.certificate
    assert (trusts(rotated, second), trusts(rotated, first)) == (True, False)


def test_one_that_is_due_at_once_is_not_replaced_all_the_time() -> None:
    world = World()
    world.sign()
    world.now += 3650 * DAY - 4200.0  # in ten minutes its authority ends
    certificate = ApiCertificate(world.source, lambda: world.now)
    notes: list[str] = []
    for _ in range(300):
        certificate.refresh(keep(notes))
        world.now += 1.0
    assert len([words for words in notes if "new certificate" in words]) == 1, notes


def test_one_that_begins_later_is_replaced() -> None:
    world = World()
    authority = world.sign()
    world.now += 2 * DAY
    world.source.read()
    world.now -= 2 * DAY
    assert trusts(world.source.read(), authority)


def test_while_the_old_authority_cannot_sign_the_following_one_does() -> None:
    world = World()
    old, new = ISSUER.new(world.now), ISSUER.new(world.now)
    world.in_use = InUse(replace(old, sealed="its key is gone"), 30, new)
    made = world.source.read()
    assert trusts(made, new)
    assert world.source.read() == made
    world.in_use = InUse(new, 30)
    assert world.source.read() == made
    world.in_use = InUse(old, 30, new)
    assert world.source.read() == made


def test_it_is_not_reported_while_it_renews_itself() -> None:
    world = World()
    world.sign(days=3)
    notes: list[str] = []
    certificate = ApiCertificate(world.source, lambda: world.now)
    certificate.refresh(keep(notes))
    assert certificate.warnings() == ()
    notes.clear()
    world.now += 2.5 * DAY
    certificate.refresh(keep(notes))
    assert len(notes) == 1
    assert notes[0].startswith("The API uses a new certificate, serial ")


def test_the_reason_why_it_is_not_renewed() -> None:
    world = World()
    world.sign()
    certificate = ApiCertificate(world.source, lambda: world.now)
    notes: list[str] = []
    made = certificate.identity().serial
    world.in_use = InUse(replace(ISSUER.new(world.now), sealed="of another key"), 30)
    for _ in range(BAD_POLLS):
        certificate.refresh(keep(notes))
    assert certificate.identity().serial == made
    (warning,) = certificate.warnings()
    assert "API_CERTIFICATE=own: the key of the authority cannot be opened" in warning
    world.now += 40 * DAY
    certificate.refresh(keep(notes))
    assert any("has expired" in words and words.endswith(": its renewal failed.") for words in certificate.warnings())


def test_authorities_of_clients_come_from_their_file(tmp_path: Path) -> None:
    authority = Files(tmp_path)
    world = World(client_ca=str(authority.ca))
    assert world.source.read().client_ca == authority.ca.read_bytes()
    authority.ca.unlink()
    with pytest.raises(UnusableCertificate, match=r"API_CLIENT_CA_FILE .* cannot be read"):
        world.source.read()


def test_names_of_the_api(tmp_path: Path) -> None:
    for name in ("executor.tar.gz", "cassandra-5.0.8.tar.gz"):
        (tmp_path / name).touch()
    environ = {"ARTIFACTS_DIR": str(tmp_path), "SERVICE_NAME": "team/db", "API_HOSTS": "db.example"}
    found = api_names(parse(environ))
    assert {"db-team.marathon.mesos", "db.example", "localhost"} <= set(found.dns)
    assert "127.0.0.1" in found.addresses
    assert "0.0.0.0" not in (*found.dns, *found.addresses)
    assert found.uri == "spiffe://team__db/api"
    names = api_names(parse({**environ, "API_HOST": "10.9.9.9"}))
    assert "10.9.9.9" in names.addresses
    assert own_places(parse({**environ, "API_HOST": "10.9.9.9"})) == ()
    own = {**environ, "API_HOST": "10.9.9.9", "API_CERTIFICATE": "own", "SECRETS_KEY": Fernet.generate_key().decode()}
    places = own_places(parse(own))
    assert {"10.9.9.9", "127.0.0.1", "db.example"} <= set(places)
    assert not {"localhost", socket.gethostname()} & set(places)
    authority = ISSUER.new(time.time())
    source = OwnCertificate(names, ISSUER, lambda: InUse(authority, 30))
    certificate = x509.load_pem_x509_certificate(source.read().certificate)
    shown = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert set(shown.get_values_for_type(x509.DNSName)) == set(names.dns)
