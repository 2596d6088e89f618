"""Who gets a certificate: the executor of the node that asks for itself, and nobody else."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from executor.certificate_messages import CertificateQuery, CertificateReply, fingerprints
from executor.protocol import encode_message, parse_message
from executor.tls.certificate import checked, new_request
from scheduler.core.commands.apply import apply_command
from scheduler.core.cycle.decision import Ask
from scheduler.core.nodes.certificates import wanted_of
from scheduler.core.state.authority import Authority, AuthorityRecord, RotationPhase
from scheduler.core.state.cluster import ClusterState
from scheduler.core.state.event import EntryKind
from scheduler.core.state.node import Agent, TaskState
from scheduler.errors import NotConnectedError, StoreUnavailableError
from scheduler.loop.certificates import Certificates, names_of
from scheduler.loop.messages import Message, Noted
from scheduler.loop.run import Loop, Sources
from scheduler.security.authority import AUTHORITY_DAYS, AuthorityError, KeyPair, new_authority
from scheduler.security.issuer import Issuer
from scheduler.security.sealing import Sealer
from scheduler.security.secrets import Secrets
from scheduler.storage.port import Writes
from tests.memory_store import Memory, MemoryStore
from tests.unit.scheduler.core.samples import spec, state, up

NOW = 1_800_000_000.0
ISSUER = Issuer("cassandra", Sealer([Fernet.generate_key().decode()]))


@dataclass
class Sender:
    """It keeps what is sent to executors."""

    sent: list[tuple[Ask, CertificateReply]] = field(default_factory=list)
    connected: bool = True

    def message(self, ask: Ask, data: str) -> None:
        if not self.connected:
            raise NotConnectedError("message")
        reply = parse_message(data)
        if isinstance(reply, CertificateReply):
            self.sent.append((ask, reply))

    def __getattr__(self, name: str) -> Callable[..., None]:
        """Let the loop call what else a driver has."""
        return lambda *arguments: None


def encrypted(encryption: str = "required") -> ClusterState:
    base = spec(3)
    return state(
        up(0), up(1), wanted=replace(base, cassandra=replace(base.cassandra, encryption=encryption)),
        authority=ISSUER.first(NOW),
    )  # fmt: skip


def ask(
    found: ClusterState, issuer: Issuer | None = ISSUER, request: str = "", sender_of: tuple[str, str] = ("", "")
) -> CertificateReply:
    sender = Sender()
    query = CertificateQuery("node-0__a", request or new_request("node-0", "127.0.0.2").pem)
    sent = Message(encode_message(query), *sender_of)
    Certificates(sender, issuer).answer(query, sent, found, NOW)
    ((to, reply),) = sender.sent or [(Ask("", "", "", ""), CertificateReply("", problem="no answer"))]
    assert to.task_id in ("node-0__a", "")
    return reply


def test_a_node_gets_a_certificate_that_it_can_use() -> None:
    found, request = encrypted(), new_request("node-0", "127.0.0.2")
    reply = ask(found, request=request.pem, sender_of=("node-0_executor__a", "S0"))
    facts = checked(request, reply.chain, reply.trusted, "127.0.0.2", NOW)
    assert found.authority is not None
    assert facts.authority == fingerprints(found.authority.current.certificate)[0]


@pytest.mark.parametrize(
    "sender",
    [
        pytest.param(("node-1_executor__a", "S1"), id="another node's executor"),
        pytest.param(("node-0_executor__a", "S1"), id="another agent"),
        pytest.param(("node-1_executor__a", "S0"), id="another executor of the agent"),
    ],
)
def test_another_executor_gets_nothing(sender: tuple[str, str], caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        assert ask(encrypted(), sender_of=sender).problem == "no answer"
    assert "asked for one of node-0, which is not there" in caplog.text


@pytest.mark.parametrize(
    ("request_of", "says"),
    [
        (("node-1", "127.0.0.2"), "is for node-1, not for node-0"),
        (("node-0", "127.0.0.3"), "asks for a certificate of 127.0.0.3, but its addresses are 127.0.0.2"),
    ],
)
def test_the_names_of_others_are_refused(request_of: tuple[str, str], says: str) -> None:
    assert says in ask(encrypted(), request=new_request(*request_of).pem).problem


def test_without_an_authority_the_reason_is_said() -> None:
    found = replace(encrypted(), authority=None)
    assert "the scheduler has no authority" in ask(found).problem
    other = Issuer("cassandra", Sealer([Fernet.generate_key().decode()]))
    assert "cannot be opened" in ask(encrypted(), other).problem
    missing = Certificates(Sender(), Issuer("cassandra", None))
    assert missing.with_authority(found, NOW) is found


def test_an_authority_is_made_when_it_is_needed() -> None:
    certificates = Certificates(Sender(), ISSUER)
    off = replace(encrypted("off"), authority=None)
    assert certificates.with_authority(off, NOW) is off
    made = certificates.with_authority(replace(encrypted("optional"), authority=None), NOW)
    assert made.authority is not None
    assert certificates.with_authority(made, NOW) is made


def rotating(phase: RotationPhase) -> ClusterState:
    found = encrypted()
    assert found.authority is not None
    return replace(found, authority=replace(found.authority, following=ISSUER.new(NOW), phase=phase))


@pytest.mark.parametrize(
    ("phase", "signs_new", "trusts"),
    [
        (RotationPhase.TRUST_BOTH, False, 2),
        (RotationPhase.NEW_CERTIFICATES, True, 2),
        (RotationPhase.TRUST_NEW, True, 1),
    ],
)
def test_the_phases_of_a_rotation(phase: RotationPhase, signs_new: bool, trusts: int) -> None:
    found, request = rotating(phase), new_request("node-0", "127.0.0.2")
    record = found.authority
    assert isinstance(record, AuthorityRecord)
    assert record.following is not None
    reply = ask(found, request=request.pem)
    facts = checked(request, reply.chain, reply.trusted, "127.0.0.2", NOW)
    signer = record.following if signs_new else record.current
    assert facts.authority == fingerprints(signer.certificate)[0]
    assert len(facts.trusted) == trusts


def test_nodes_learn_to_trust_the_new_one_even_if_the_key_of_the_old_one_is_gone() -> None:
    found = rotating(RotationPhase.TRUST_BOTH)
    assert found.authority is not None
    gone = replace(found, authority=replace(found.authority, current=replace(found.authority.current, sealed="")))
    reply = ask(gone)
    assert (reply.chain, reply.problem, len(fingerprints(reply.trusted))) == ("", "", 2)


def test_a_node_that_is_launched_then_gets_a_certificate_of_the_new_one() -> None:
    found = rotating(RotationPhase.TRUST_BOTH)
    record, node = found.authority, found.nodes["node-0"]
    assert record is not None
    assert record.following is not None
    starting = replace(node, task=replace(node.known_task, state=TaskState.STARTING))
    gone = replace(record, current=replace(record.current, sealed=""))
    launched = replace(found, authority=gone, nodes={**found.nodes, "node-0": starting})
    request = new_request("node-0", "127.0.0.2")
    reply = ask(launched, request=request.pem)
    facts = checked(request, reply.chain, reply.trusted, "127.0.0.2", NOW)
    assert facts.authority == fingerprints(record.following.certificate)[0]
    assert facts.authority in wanted_of(gone).authorities


def test_an_expired_authority_is_replaced_without_a_proof_of_it() -> None:
    notes: list[Noted] = []
    certificates, found = Certificates(Sender(), ISSUER, notes.append), rotating(RotationPhase.TRUST_BOTH)
    assert certificates.with_authority(found, NOW) is found
    later = NOW + (AUTHORITY_DAYS + 1) * 86_400.0
    assert found.authority is not None
    renewed = replace(found, authority=replace(found.authority, following=ISSUER.new(later)))
    after = certificates.with_authority(renewed, later)
    assert after.authority is not None
    assert after.authority.phase is RotationPhase.NEW_CERTIFICATES
    said = [note.sentence for note in notes]
    assert "has expired" in said[0]
    assert said[-1] == "the old authority is not valid any more: the new one signs certificates from now on"
    assert certificates.with_authority(after, later) is after
    assert len(notes) == len(said)


def test_the_end_of_the_authority_is_reported_when_it_is_much_nearer() -> None:
    notes: list[Noted] = []
    certificates, found = Certificates(Sender(), ISSUER, notes.append), encrypted()
    for days in (0, 31, 30, 29, 8, 6, 5, 0.5, 0.1, -1, -2):
        certificates.with_authority(found, NOW + (AUTHORITY_DAYS - days) * 86_400.0 if days else NOW)
    words = ("30 days", "7 days", "a day", "has expired")
    assert len(notes) == len(words)
    assert all(word in note.sentence for word, note in zip(words, notes, strict=True))
    assert {note.kind for note in notes} == {EntryKind.CERTIFICATE}


def test_the_end_of_an_authority_of_clients_is_reported_when_it_is_much_nearer() -> None:
    notes: list[Noted] = []
    certificates, found = Certificates(Sender(), ISSUER, notes.append), encrypted()
    pem = new_authority("clients", NOW - 5 * 86_400.0).certificate  # it ends five days before the nodes' own
    asking = replace(found.target.spec.cassandra, client_certificates="optional", client_authorities=pem)
    asked = replace(found, target=replace(found.target, spec=replace(found.target.spec, cassandra=asking)))
    for days in (40, 34, 33, 31):
        certificates.with_authority(asked, NOW + (AUTHORITY_DAYS - days) * 86_400.0)
    (note,) = notes
    assert note.kind is EntryKind.CERTIFICATE
    assert "in SECURITY_CLIENT_CA_FILE expires in less than 30 days" in note.sentence


def test_names_of_a_node() -> None:
    node = up(0, agent=Agent("S0", "host-1.example", url="http://10.0.0.5:5051"), address="10.0.0.5")
    names = names_of(node, "team/cassandra")
    assert names.addresses == ("10.0.0.5",)
    assert names.dns == ("host-1.example", "node-0.cassandra-team.mesos")
    assert names.uri == "spiffe://team__cassandra/node-0"


def test_an_agent_cannot_have_the_name_of_the_api() -> None:
    for hostname, dns in (
        ("Api.example.", ("node-0.cassandra.mesos",)), ("host-1", ("host-1", "node-0.cassandra.mesos"))
    ):  # fmt: skip
        node = up(0, agent=Agent("S0", hostname, url="http://10.0.0.5:5051"), address="10.0.0.5")
        assert names_of(node, "cassandra", {"api.example", "10.0.0.5"}).dns == dns
        assert names_of(node, "cassandra", {"api.example", "10.0.0.5"}).addresses == ("10.0.0.5",)


def test_an_executor_names_no_address_of_others() -> None:
    """A node's address is a word of its executor; another agent's, and the API's, are not its own by that."""
    agents = [Agent(f"S{index}", f"host-{index}", url=f"http://10.0.0.{index + 2}:5051") for index in (0, 1)]
    for address, is_own in (
        ("10.0.0.2", True), ("10.0.0.3", False), ("10.0.0.9", False), ("10.1.0.2", True), ("fd00:0:0::9", False)
    ):  # fmt: skip
        nodes = (up(0, agent=agents[0], address=address), up(1, agent=agents[1], address="10.0.0.3"))
        base = encrypted()
        found = state(*nodes, wanted=base.target.spec, authority=base.authority)
        issuer = replace(ISSUER, api_places=("10.0.0.9", "fd00::9"))
        reply = ask(found, issuer, new_request("node-0", address).pem)
        assert bool(reply.chain) == is_own, (address, reply.problem)
        assert is_own or "but its addresses are 10.0.0.2" in reply.problem


def test_what_cannot_be_sent_is_no_end_of_the_loop(caplog: pytest.LogCaptureFixture) -> None:
    sender = Sender(connected=False)
    query = CertificateQuery("node-0__a", new_request("node-0", "127.0.0.2").pem)
    with caplog.at_level(logging.WARNING):
        Certificates(sender, ISSUER).answer(query, Message(""), encrypted(), NOW)
        unknown: Iterable[object] = sender.sent
        assert list(unknown) == []
        Certificates(sender, ISSUER).answer(CertificateQuery("x", ""), Message(""), encrypted(), NOW)
    assert "is no task of a node" in caplog.text


class AwayStore(MemoryStore):
    """A store that can be away."""

    away = False

    def commit(self, writes: Writes) -> None:
        if self.away:
            raise StoreUnavailableError("ZooKeeper does not answer")
        super().commit(writes)


def test_nothing_is_signed_by_an_authority_that_is_not_stored() -> None:
    memory, sender, found = Memory(), Sender(), replace(encrypted(), authority=None)
    store = AwayStore(memory)
    store.load()
    sources = Sources(lambda: NOW, lambda: "id-1")
    loop = Loop(store, sender, found, sources, lambda _: None, Secrets(issuer=ISSUER))
    query = Message(encode_message(CertificateQuery("node-0__a", new_request("node-0", "127.0.0.2").pem)))
    store.away = True
    loop.cycle([])
    loop.cycle([query])
    assert "the scheduler has no authority" in sender.sent[-1][1].problem
    store.away = False
    loop.cycle([])
    loop.cycle([query])
    assert b"sealed" in memory.records["authority"][1]
    assert sender.sent[-1][1].chain


def test_another_authority_in_the_files_begins_a_rotation(tmp_path: Path) -> None:
    certificate, key = tmp_path / "ca.pem", tmp_path / "key.pem"

    def put(pair: KeyPair) -> None:
        certificate.write_text(pair.certificate)
        key.write_text(pair.key)

    first, second = new_authority("first", NOW), new_authority("second", NOW)
    put(first)
    files = Issuer("cassandra", None, str(certificate), str(key))
    certificates = Certificates(Sender(), files)
    state = certificates.with_authority(replace(encrypted(), authority=None), NOW)
    assert certificates.due_rotation(state, NOW) is None
    certificate.write_text(second.certificate)
    assert certificates.due_rotation(state, NOW) is None, "the key is still that of the first one"
    put(second)
    command = certificates.due_rotation(state, NOW)
    assert command is not None
    assert (command.certificate, command.sealed, command.waits) == (second.certificate, "", True)
    after = apply_command(state, command, NOW)
    assert isinstance(after, ClusterState)
    assert certificates.due_rotation(after, NOW) is None, "it runs"
    certificate.unlink()
    assert certificates.due_rotation(state, NOW) is None


def test_an_expired_authority_in_the_files_begins_no_rotation(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    certificate, key = tmp_path / "ca.pem", tmp_path / "key.pem"
    old = new_authority("old", NOW - (AUTHORITY_DAYS + 1) * 86_400.0)
    certificate.write_text(old.certificate)
    key.write_text(old.key)
    files = Issuer("cassandra", None, str(certificate), str(key))
    with pytest.raises(AuthorityError, match="cannot be used: it has expired on 2027-01-14"):
        files.first(NOW)
    certificates = Certificates(Sender(), files)
    found = encrypted()
    assert found.authority is not None
    in_files = replace(found, authority=replace(found.authority, current=replace(found.authority.current, sealed="")))
    for _ in range(2):
        assert certificates.due_rotation(in_files, NOW) is None
    (said,) = [record.message for record in caplog.records]
    assert "begin no rotation: the authority in SECURITY_CA_CERTIFICATE_FILE" in said


@pytest.mark.parametrize("phase", [None, RotationPhase.TRUST_BOTH, RotationPhase.NEW_CERTIFICATES])
def test_stored_texts_of_authorities_are_sent_as_pem_and_wanted_whole(
    phase: RotationPhase | None, tmp_path: Path
) -> None:
    """An earlier version stored the file as it was: with a chain, or without the newline at its end."""
    pair, root, other = (new_authority(name, NOW) for name in ("signing", "root", "other"))
    certificate, key = tmp_path / "ca.pem", tmp_path / "key.pem"
    key.write_text(pair.key)
    certificate.write_text(pair.certificate)
    files = Issuer("cassandra", None, str(certificate), str(key))
    stored = Authority(f"{pair.certificate}{root.certificate}".strip())
    record = AuthorityRecord(stored)
    if phase is RotationPhase.TRUST_BOTH:
        record = AuthorityRecord(stored, Authority(other.certificate.strip()), phase)
    elif phase is not None:
        record = AuthorityRecord(Authority(other.certificate.strip()), stored, phase)
    found = replace(encrypted(), authority=record)
    request = new_request("node-0", "127.0.0.2")
    reply = ask(found, files, request.pem)
    facts = checked(request, reply.chain, reply.trusted, "127.0.0.2", NOW)
    wanted = wanted_of(record)
    assert set(facts.trusted) == wanted.trusted
    assert len(wanted.trusted) == (2 if phase is None else 3)
    assert facts.authority in wanted.authorities
    assert fingerprints(root.certificate)[0] not in wanted.authorities
    assert Certificates(Sender(), files).due_rotation(replace(found, authority=AuthorityRecord(stored)), NOW) is None
