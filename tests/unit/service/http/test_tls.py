"""The event loop over TLS: the same deadlines and caps, and clients that do not shake hands."""

from __future__ import annotations

import json
import socket
import ssl
import threading
import time
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from scheduler.security.api_certificate import CertificateFiles, Identity, identify
from service.http.limits import Limits
from service.http.tally import Cause, Tally
from service.http.tls import HANDSHAKE_BYTES
from tests.certificates import Authority, Issued
from tests.unit.service.http.conftest import ARTIFACT_BYTES
from tests.unit.service.http.serving import LARGE, Serve, Served, ended, get, read_all
from tests.waiting import wait_for


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def issued(authority: Authority) -> Issued:
    return authority.issue("api")


def trusting(authority: Authority, own: Issued | None = None) -> ssl.SSLContext:
    """Return a client's context that trusts the authority; `own` is the client's certificate."""
    context = ssl.create_default_context(cafile=str(authority.ca))
    if own is not None:
        context.load_cert_chain(own.certificate, own.key)
    return context


def identity(issued: Issued, client_ca: Path | None = None) -> Identity:
    files = CertificateFiles(str(issued.certificate), str(issued.key), str(client_ca) if client_ca else "")
    return identify(files.read(), time.time())


def serve_tls(serve: Serve, authority: Authority, issued: Issued, limits: Limits | None = None) -> Served:
    found = identity(issued, authority.ca)
    return serve(limits or Limits(), identities=lambda: found, tls=trusting(authority))


@pytest.fixture
def server(serve: Serve, authority: Authority, issued: Issued) -> Served:
    return serve_tls(serve, authority, issued)


class TestRequests:
    def test_kept_connections_pipelines_and_large_answers(self, server: Served) -> None:
        with server.connect() as client:
            for _ in range(3):
                client.sendall(get("/hello", ""))
                assert client.recv(10_000).endswith(b"pong")
            client.sendall(get("/hello", "") * 20 + get("/hello"))
            assert read_all(client).count(b"pong") == 21
        assert server.ask(get("/large")).partition(b"\r\n\r\n")[2] == LARGE

    def test_a_body_of_the_greatest_size(self, server: Served) -> None:
        body = b"z" * Limits().body_bytes
        head = f"PUT /echo HTTP/1.1\r\nHost: api\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n"
        assert server.ask(head.encode() + body).endswith(body)

    def test_the_scheme_is_https(self, server: Served) -> None:
        assert server.ask(get("/client")).endswith(b"https None")

    @pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
    def test_each_version(self, server: Served, version: ssl.TLSVersion) -> None:
        assert server.tls is not None
        server.tls.minimum_version = server.tls.maximum_version = version
        with server.connect() as client:
            assert isinstance(client, ssl.SSLSocket)
            assert client.version() == version.name.replace("_", ".", 1).replace("TLSv1_", "TLSv1.")
            client.sendall(get("/hello"))
            assert read_all(client).endswith(b"pong")

    def test_the_end_is_announced(self, server: Served) -> None:
        assert server.tls is not None
        with server.connect_plain() as plain:
            client = server.tls.wrap_socket(plain, server_hostname="127.0.0.1", suppress_ragged_eofs=False)
            client.sendall(get("/hello"))
            while client.recv(10_000):  # raises SSLEOFError without a close_notify
                pass
            client.close()

    def test_a_client_that_waits_for_100_continue(self, server: Served) -> None:
        with server.connect() as client:
            client.sendall(b"PUT /echo HTTP/1.1\r\nHost: api\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
            assert client.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
            client.sendall(b"hello")
            assert client.recv(1000).endswith(b"hello")

    def test_many_agents_fetch_while_others_are_answered(self, server: Served) -> None:
        sizes: list[int] = []

        def fetch() -> None:
            with server.connect() as client:
                client.sendall(get("/v1/artifacts/bundle.tar.gz"))
                size = 0
                while part := client.recv(1_000_000):
                    size += len(part)
                sizes.append(size)

        agents = [threading.Thread(target=fetch) for _ in range(8)]
        for agent in agents:
            agent.start()
        for _ in range(10):
            server.ping()
        for agent in agents:
            agent.join(60)
        assert len(sizes) == 8
        assert min(sizes) > ARTIFACT_BYTES


class TestHandshakes:
    def test_plain_http_is_told_in_a_sentence(self, server: Served) -> None:
        with server.connect_plain() as client:
            client.sendall(get("/v1/health"))
            head, _, body = read_all(client).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 400 ")
        assert json.loads(body) == {"message": "This port speaks HTTPS: write https:// instead of http://."}

    def test_what_is_neither_is_closed(self, server: Served) -> None:
        with server.connect_plain() as client:
            client.sendall(b"\x00\x01\x02")
            assert read_all(client) == b""

    @pytest.mark.parametrize("sent", [b"", b"\x16\x03\x01\x02\x00" + b"\x01" * 100, b"\x16"])
    def test_a_handshake_that_never_ends_is_closed(
        self, serve: Serve, authority: Authority, issued: Issued, sent: bytes
    ) -> None:
        server = serve_tls(serve, authority, issued, Limits(head_seconds=0.5))
        with server.connect_plain() as client:
            client.sendall(sent)
            wait_for("the server closes", lambda: ended(client), seconds=10)

    def test_a_handshake_byte_by_byte_is_closed_at_the_deadline(
        self, serve: Serve, authority: Authority, issued: Issued
    ) -> None:
        server = serve_tls(serve, authority, issued, Limits(head_seconds=0.5))
        hello = client_hello(trusting(authority))
        sent = 0
        with server.connect_plain() as client, suppress(ConnectionError):
            for byte in hello:
                client.sendall(bytes((byte,)))
                sent += 1
                time.sleep(0.02)
        assert sent < len(hello)
        server.ping()

    def test_too_long_a_handshake_is_closed(self, server: Served) -> None:
        with server.connect_plain() as client, suppress(ConnectionError):
            client.sendall(b"\x16\x03\x01\x40\x00" + b"\x01" * 2 * HANDSHAKE_BYTES)
            read_all(client)
        server.ping()

    def test_unfinished_handshakes_count_as_memory(self, serve: Serve, authority: Authority, issued: Issued) -> None:
        server = serve_tls(serve, authority, issued, Limits(buffered_bytes=100_000))
        with ExitStack() as stack:
            clients = [stack.enter_context(server.connect_plain()) for _ in range(10)]
            for client in clients:
                client.sendall(b"\x16\x03\x01\x40\x00" + b"\x01" * 16_000)
            wait_for("the oldest ones are closed", lambda: ended(clients[0]) and ended(clients[2]), seconds=10)
            assert not ended(clients[-1])
            server.ping()

    def test_broken_records_get_an_alert(self, server: Served) -> None:
        with server.connect_plain() as client:
            client.sendall(b"\x16\x03\x01\x00\x04\x01\x00\x00\x00")
            assert read_all(client)[:1] == b"\x15"

    def test_headers_that_do_not_end_are_told_over_tls(
        self, serve: Serve, authority: Authority, issued: Issued
    ) -> None:
        server = serve_tls(serve, authority, issued, Limits(head_seconds=1.0))
        assert server.ask(b"GET / HTTP/1.1\r\nX-A: ").startswith(b"HTTP/1.1 408 ")

    def test_an_answer_that_is_not_read_is_closed(self, serve: Serve, authority: Authority, issued: Issued) -> None:
        server = serve_tls(serve, authority, issued, Limits(send_seconds=0.5, send_rate=1_000_000))
        with server.connect() as client:
            client.sendall(get("/v1/artifacts/bundle.tar.gz"))
            time.sleep(2.0)
            assert len(read_all(client)) < ARTIFACT_BYTES

    def test_versions_below_1_2_are_refused(self, server: Served, caplog: pytest.LogCaptureFixture) -> None:
        with server.connect_plain() as client:
            client.sendall(
                b"\x16\x03\x01\x00\x2f\x01\x00\x00\x2b\x03\x01" + b"\x00" * 32 + b"\x00\x00\x04\xc0\x13\x00\x2f\x01\x00"
            )
            assert read_all(client)[:1] == b"\x15"

    def test_no_client_can_renegotiate(self, serve: Serve, authority: Authority, issued: Issued) -> None:
        assert identity(issued).context.options & ssl.OP_NO_RENEGOTIATION

    def test_idle_clients_do_not_keep_others_waiting(self, serve: Serve, authority: Authority, issued: Issued) -> None:
        server = serve_tls(serve, authority, issued, Limits(waiting_per_address=50))
        with ExitStack() as stack:
            shaken = [stack.enter_context(server.connect()) for _ in range(60)]
            for _ in range(200):
                stack.enter_context(server.connect_plain())
            server.ping()
            assert ended(shaken[0])


def test_the_log_has_the_cause_of_the_last_failure(caplog: pytest.LogCaptureFixture) -> None:
    tally = Tally(0.0)
    tally.add(Cause.HANDSHAKE, "10.0.0.6: the client refuses the API's certificate")
    tally.add(Cause.HANDSHAKE, "10.0.0.7: it did not end in time")
    tally.add(Cause.CROWD)
    tally.report(61.0)
    assert "2 for a TLS handshake that failed (the last: 10.0.0.7: it did not end in time), " in caplog.text
    assert caplog.text.rstrip().endswith("1 for too many connections")


class TestClientCertificates:
    def test_the_name_of_a_client(self, server: Served, authority: Authority) -> None:
        server.tls = trusting(authority, authority.issue("alice"))
        assert server.ask(get("/client")).endswith(b"https alice")

    def test_a_client_of_another_authority_is_refused(
        self, server: Served, authority: Authority, tmp_path: Path
    ) -> None:
        server.tls = trusting(authority, Authority(tmp_path, "other").issue("mallory"))
        with pytest.raises((ssl.SSLError, ConnectionError)):
            refused(server)

    def test_an_authority_that_is_removed_ends_connections_after_their_answer(
        self, serve: Serve, authority: Authority, issued: Issued, tmp_path: Path
    ) -> None:
        used = [identity(issued, authority.ca)]
        own = trusting(authority, authority.issue("bob"))
        server = serve(Limits(), identities=lambda: used[0], tls=own)
        with server.connect() as client:
            client.sendall(get("/client", ""))
            assert client.recv(1000).endswith(b"bob")
            used[0] = identity(issued, Authority(tmp_path, "next").ca)
            with suppress(OSError):
                client.sendall(get("/client", ""))
            # Without the second answer if the first one was not at its end yet when the authority changed.
            assert read_all(client)[-3:] in (b"bob", b"")


def test_a_new_certificate_is_used_without_ending_connections(
    serve: Serve, authority: Authority, issued: Issued
) -> None:
    used = [identity(issued)]
    server = serve(Limits(), identities=lambda: used[0], tls=trusting(authority))
    with server.connect() as before:
        used[0] = identity(authority.issue("renewed"))
        with server.connect() as after:
            assert common_name(after) == "renewed"
        before.sendall(get("/hello"))
        assert read_all(before).endswith(b"pong")


def common_name(client: socket.socket) -> str:
    assert isinstance(client, ssl.SSLSocket)
    found = client.getpeercert()
    assert found is not None
    return str(dict(part[0] for part in found["subject"])["commonName"])  # type: ignore[misc]


def client_hello(context: ssl.SSLContext) -> bytes:
    """Return the first bytes of a client."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    with suppress(ssl.SSLWantReadError):
        context.wrap_bio(incoming, outgoing, server_hostname="127.0.0.1").do_handshake()
    return outgoing.read()


def refused(server: Served) -> None:
    """Send a request; raises the error of the first read."""
    with server.connect() as client:
        client.sendall(get("/client"))
        client.recv(1000)
