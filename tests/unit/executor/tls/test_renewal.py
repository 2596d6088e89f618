"""A node's certificate is proven on its ports, renewed in time, and renewed when the scheduler calls."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from executor import certificate_messages
from executor.certificate_messages import CertificateReply, renewal_at, rest_after
from executor.tls import renewal
from executor.tls.certificate import CertificateError
from executor.tls.handshake import shown
from scheduler.security.authority import KeyPair
from tests.certificates import Authority
from tests.unit.executor.tls.signing import ADDRESS, Signer
from tests.waiting import wait_for


class Port:
    """A port with TLS that shows what the files held when it read them last, as Cassandra does."""

    def __init__(self, signer: Signer) -> None:
        self._signer = signer
        self._listening = socket.create_server((ADDRESS, 0))
        self.number: int = self._listening.getsockname()[1]
        self.reload()
        self.reloads = 0
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def reload(self) -> None:
        self.reloads = getattr(self, "reloads", 0) + 1
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self._signer.files.keystore)
        self._context = context

    def _serve(self) -> None:
        while True:
            try:
                plain, _ = self._listening.accept()
            except OSError:
                return
            with plain, suppress(OSError), self._context.wrap_socket(plain, server_side=True) as connection:
                connection.recv(1)

    def close(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join()


@pytest.fixture
def signer(tmp_path: Path) -> Signer:
    signer = Signer(tmp_path)
    signer.certificates.obtain(5.0)
    return signer


@pytest.fixture
def port(signer: Signer) -> Iterator[Port]:
    port = Port(signer)
    yield port
    signer.certificates.stop()
    port.close()


def test_a_certificate_is_proven_once_cassandra_serves(signer: Signer, port: Port) -> None:
    signer.certificates.begin((port.number,), port.reload)
    assert signer.certificates.facts.ports == ()
    signer.certificates.note_serving()
    wait_for("the proof", lambda: signer.certificates.facts.ports == (port.number,), 10.0)
    assert port.reloads == 0


def test_an_authority_below_another_one_proves_its_nodes(tmp_path: Path) -> None:
    """Nodes trust the signing authority alone, not the one that has signed it."""
    root = Authority(tmp_path / "root", "root")
    below = Authority(tmp_path / "below", "below", parent=root)
    signer = Signer(tmp_path, KeyPair(below.ca.read_text(), below.key.read_text()), days=0.5)
    signer.certificates.obtain(5.0)
    port = Port(signer)
    try:
        assert shown(ADDRESS, port.number, signer.files, 5.0)
    finally:
        port.close()


def test_a_call_brings_another_certificate_without_a_restart(signer: Signer, port: Port) -> None:
    first = signer.certificates.facts.serial
    signer.certificates.begin((port.number,), port.reload)
    signer.certificates.note_serving()
    signer.certificates.renew()
    wait_for("the proof", lambda: bool(signer.certificates.facts.ports) and port.reloads == 1, 10.0)
    assert signer.certificates.facts.serial != first


def test_two_thirds_of_its_time_bring_another_certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # A certificate begins an hour before it is signed: two thirds of an hour and half a second are over at once.
    signer = Signer(tmp_path, days=0.5 / 24)
    monkeypatch.setattr(certificate_messages, "LEAST_SECONDS", 0.0)
    monkeypatch.setattr(certificate_messages, "MOST_SECONDS", 0.0)
    signer.certificates.obtain(5.0)
    first = signer.certificates.facts.serial
    signer.days = 30.0
    port = Port(signer)
    try:
        signer.certificates.begin((port.number,), port.reload)
        signer.certificates.note_serving()
        wait_for("another one", lambda: signer.certificates.facts.serial != first, 10.0)
        wait_for("the proof", lambda: bool(signer.certificates.facts.ports), 10.0)
        assert (signer.asked, port.reloads) == (2, 1)
    finally:
        signer.certificates.stop()
        port.close()


def test_a_cassandra_that_does_not_reload_is_told(signer: Signer, port: Port, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(renewal, "PROOF_SECONDS", 0.3)
    signer.certificates.begin((port.number,), lambda: None)
    signer.certificates.note_serving()
    signer.certificates.renew()
    wait_for("the problem", lambda: "shows another certificate" in signer.certificates.facts.problem, 10.0)


def test_a_reload_that_failed_is_repeated_with_the_same_certificate(
    signer: Signer, port: Port, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(renewal, "RETRY_SECONDS", 0.2)
    tries: list[int] = []

    def reload() -> None:
        tries.append(1)
        if len(tries) == 1:
            raise OSError("Cassandra does not read its new certificate")
        port.reload()

    signer.certificates.begin((port.number,), reload)
    signer.certificates.note_serving()
    signer.certificates.renew()
    wait_for("the proof", lambda: bool(signer.certificates.facts.ports) and len(tries) == 2, 10.0)
    assert (signer.asked, signer.certificates.facts.problem) == (2, "")


def test_a_renewal_that_fails_keeps_the_present_certificate(signer: Signer, port: Port) -> None:
    first = signer.certificates.facts.serial

    def refuse() -> None:
        raise OSError("Cassandra does not read its new certificate")

    signer.certificates.begin((port.number,), refuse)
    signer.certificates.note_serving()
    wait_for("the proof", lambda: bool(signer.certificates.facts.ports), 10.0)
    signer.certificates._ask = lambda request: (_ for _ in ()).throw(OSError("no connection"))
    signer.certificates.renew()
    wait_for("the problem", lambda: "no connection" in signer.certificates.facts.problem, 10.0)
    assert signer.certificates.facts.serial == first


def without_chain(reply: CertificateReply) -> CertificateReply:
    """Return what a scheduler sends whose present authority cannot sign."""
    return replace(reply, chain="")


def test_an_authority_that_cannot_sign_is_not_asked_all_the_time(
    signer: Signer, port: Port, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(certificate_messages, "RENEWAL_SHARE", -1.0)  # due at once
    signer.certificates._rests = renewal.Rest()
    signer.change = without_chain
    signer.certificates.begin((port.number,), port.reload)
    signer.certificates.note_serving()
    wait_for("the proof", lambda: bool(signer.certificates.facts.ports), 10.0)
    assert (signer.asked, signer.certificates._due()) == (2, False)


def test_a_launch_without_an_authority_that_signs_says_what_to_do(tmp_path: Path) -> None:
    signer = Signer(tmp_path, change=without_chain)
    with pytest.raises(CertificateError, match="continue the plan certificates"):
        signer.certificates.obtain(5.0)


def test_a_port_in_plain_text_is_no_proof(signer: Signer) -> None:
    with socket.create_server((ADDRESS, 0)) as listening:
        number = listening.getsockname()[1]
        answer = threading.Thread(target=lambda: listening.accept()[0].close())
        answer.start()
        with pytest.raises(CertificateError, match=f"the handshake with port {number}"):
            shown(ADDRESS, number, signer.files, 5.0)
        answer.join()


HOUR, DAY = 3600.0, 86_400.0


def test_a_certificate_is_renewed_when_two_thirds_are_over() -> None:
    assert renewal_at(100.0, 400.0) == 300.0


@pytest.mark.parametrize(
    ("left", "seconds"),
    [
        pytest.param(30 * DAY, HOUR, id="long"),
        pytest.param(HOUR / 2, 600.0, id="the authority ends in half an hour"),
        pytest.param(30.0, 60.0, id="the authority ends in half a minute"),
        pytest.param(-DAY, 60.0, id="expired by the agent's clock"),
    ],
)
def test_the_pause_between_two_renewals(left: float, seconds: float) -> None:
    assert rest_after(100 * DAY + left, 100 * DAY) == seconds


@pytest.mark.parametrize(
    ("rest", "over"),
    [
        pytest.param(renewal.Rest(1e12, 1e12), False, id="neither clock"),
        pytest.param(renewal.Rest(0.0, 1e12), True, id="the wall clock jumped ahead"),
        pytest.param(renewal.Rest(1e12, 0.0), True, id="the wall clock was set back"),
    ],
)
def test_a_rest_ends_with_one_of_two_clocks(rest: renewal.Rest, over: bool) -> None:
    assert rest.is_over() is over


def test_an_agent_whose_clock_is_ahead_renews_once(tmp_path: Path) -> None:
    # The scheduler's clock is 20 hours behind: of a day, two thirds are over at once.
    signer = Signer(tmp_path, days=1.0, ahead=-20 * HOUR)
    signer.certificates.obtain(5.0)
    port = Port(signer)
    try:
        signer.certificates.begin((port.number,), port.reload)
        signer.certificates.note_serving()
        wait_for("the proof", lambda: bool(signer.certificates.facts.ports), 10.0)
        assert not signer.certificates._due()
        assert (signer.asked, port.reloads) == (1, 0)
    finally:
        signer.certificates.stop()
        port.close()
