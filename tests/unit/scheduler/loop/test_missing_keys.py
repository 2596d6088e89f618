"""Keys that are missing are told before a job or a launch fails by it."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import pytest

from scheduler.core.state.authority import Authority, AuthorityRecord, RotationPhase
from scheduler.core.state.cluster import ClusterState, MissingKeys
from scheduler.core.state.event import EntryKind
from scheduler.loop.logins import with_logins
from scheduler.loop.missing_keys import LOOK_SECONDS, MissingKeysWatch
from scheduler.loop.run import Loop, Sources
from scheduler.security.authority import new_authority
from scheduler.security.issuer import Issuer
from scheduler.security.sealing import Sealer
from scheduler.security.secrets import Secrets
from tests.memory_store import Memory, MemoryStore
from tests.unit.scheduler.core.samples import spec, state, up
from tests.unit.scheduler.loop.test_certificates import Sender
from tests.unit.sealing_keys import new_key

NOW = 1_800_000_000.0
KNOWN, OTHER = Sealer([new_key()]), Sealer([new_key()])
ISSUER = Issuer("cassandra", KNOWN)
LOST = Issuer("cassandra", OTHER)


def secured(encryption: str = "required", authentication: str = "on") -> ClusterState:
    base = spec(3)
    wanted = replace(base, cassandra=replace(base.cassandra, encryption=encryption, authentication=authentication))
    found = state(up(0), up(1), wanted=wanted, authority=ISSUER.first(NOW))
    on = replace(found.target.spec, cassandra=replace(wanted.cassandra, authentication="on"))
    found_on = replace(found, target=replace(found.target, spec=on))
    return replace(found, logins=with_logins(found_on, KNOWN).logins)


def missing(found: ClusterState, issuer: Issuer = LOST, sealer: Sealer | None = OTHER) -> MissingKeys:
    return MissingKeysWatch(issuer, sealer).follow(found, NOW).memory.missing_keys


def test_a_lost_key_is_told_at_once() -> None:
    assert missing(secured(), ISSUER, KNOWN) == MissingKeys()
    found = missing(secured())
    assert found.signing.startswith("the key of the authority cannot be opened: ")
    assert found.logins == (
        "the passwords of the service's users cannot be opened: no key of SECRETS_KEY_FILE (or SECRETS_KEY) sealed them"
    )
    assert "is not set any more" in missing(secured(), sealer=None).logins
    watch = MissingKeysWatch(LOST, OTHER)
    assert watch.follow(secured("off", "off"), NOW).memory.missing_keys == MissingKeys()


def test_what_is_not_used_is_not_missing() -> None:
    assert missing(secured(authentication="off")).logins == ""
    assert missing(secured(encryption="off")).signing == ""
    assert missing(replace(secured(), authority=None, logins=None)) == MissingKeys()


def test_a_rotation_mends_it() -> None:
    found = secured()
    assert found.authority is not None
    rotated = replace(found.authority, following=LOST.new(NOW), phase=RotationPhase.TRUST_BOTH)
    watch = MissingKeysWatch(LOST, OTHER)
    assert watch.follow(found, NOW).memory.missing_keys.signing
    assert watch.follow(replace(found, authority=rotated), NOW + 1).memory.missing_keys.signing == ""


def test_files_that_are_being_replaced_are_not_missing(tmp_path: Path) -> None:
    pair = new_authority("files", NOW)
    certificate, key = tmp_path / "ca.pem", tmp_path / "key.pem"
    certificate.write_text(pair.certificate)
    found = replace(secured(authentication="off"), authority=AuthorityRecord(Authority(pair.certificate)))
    watch = MissingKeysWatch(Issuer("cassandra", None, str(certificate), str(key)), None)
    lasting = "the files of the authority cannot be read"
    for seconds, says in ((0.0, ""), (LOOK_SECONDS / 2, ""), (LOOK_SECONDS, lasting)):
        found = watch.follow(found, NOW + seconds)
        assert found.memory.missing_keys.signing.startswith(says)
        assert bool(found.memory.missing_keys.signing) is bool(says)
    key.write_text(pair.key)
    assert watch.follow(found, NOW + 2 * LOOK_SECONDS).memory.missing_keys == MissingKeys()


def test_the_loop_tells_it(caplog: pytest.LogCaptureFixture) -> None:
    found = secured()
    store = MemoryStore(Memory())
    published: list[ClusterState] = []
    sources = Sources(now=lambda: NOW, new_id=iter(map(str, range(1000))).__next__)
    loop = Loop(
        store, Sender(), found, sources, lambda shown: published.append(shown.state), Secrets(OTHER, issuer=LOST)
    )
    with caplog.at_level(logging.ERROR):
        loop.cycle([])
        loop.cycle([])
    entries = [entry for kept in published[-1].journal.values() for entry in kept.entries]
    told = {entry.kind: entry.sentence for entry in entries if not entry.node}
    assert told[EntryKind.CERTIFICATE].startswith("no node could get a certificate: the key of the authority cannot")
    assert told[EntryKind.SCHEDULER].startswith("the service cannot log in to Cassandra: the passwords of")
    assert len(told) == 2
    assert caplog.text.count("No node could start again") == 1
    assert caplog.text.count("The service cannot log in") == 1
