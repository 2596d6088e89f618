"""Requests: TLS with certificates of both sides, addresses, and answers of other servers."""

from __future__ import annotations

import ipaddress
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from flask import Flask, Response
from werkzeug.serving import make_server

from api import create_app
from cli.errors import Failure
from cli.rest import Client, Target
from tests.unit.api.cluster import CoreGateway, make_settings
from tests.unit.cli.serving import CommandLine, serve


def certificate(directory: Path, name: str, issuer: tuple[x509.Name, ec.EllipticCurvePrivateKey] | None) -> Path:
    """Write <name>.pem and <name>.key, signed by the issuer or by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    by, with_key = issuer or (subject, key)
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder().subject_name(subject).issuer_name(by).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(with_key, hashes.SHA256())
    )  # fmt: skip
    (directory / f"{name}.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    encoding = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (directory / f"{name}.key").write_bytes(key.private_bytes(*encoding))
    if issuer is None:
        certificate(directory, "server", (subject, key))
        certificate(directory, "client", (subject, key))
    return directory


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return certificate(tmp_path_factory.mktemp("tls"), "ca", None)


@pytest.fixture
def url(files: Path, gateway: CoreGateway) -> Iterator[str]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files / "server.pem", files / "server.key")
    context.load_verify_locations(files / "ca.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    context.maximum_version = ssl.TLSVersion.TLSv1_2  # the refusal comes in the handshake
    server = make_server("127.0.0.1", 0, create_app(gateway, make_settings()), threaded=True, ssl_context=context)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"https://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_certificates_of_both_sides(url: str, files: Path, cli: CommandLine) -> None:
    ca, client = (
        ("--ca", str(files / "ca.pem")),
        ("--cert", str(files / "client.pem"), "--key", str(files / "client.key")),
    )
    assert cli("--url", url, *ca, *client, "seeds").code == 0
    assert cli("--url", url, *ca, "seeds").code == 8
    ran = cli("--url", url, *client, "seeds")
    assert (ran.code, "is not trusted: give its file with --ca" in ran.err) == (8, True)


@pytest.mark.parametrize("url", ["http://host:99999", "http://host:port", "http://[::1", "https:///path"])
def test_an_address_that_is_none(url: str) -> None:
    with pytest.raises(Failure):
        Client(Target(url))


@pytest.mark.parametrize("token", ["a\nb", "käse"])
def test_a_token_that_no_header_can_hold(token: str) -> None:
    with pytest.raises(Failure, match="printable") as raised:
        Client(Target("http://host", token))
    assert token not in str(raised.value)
    assert token not in repr(Target("http://host", token))


def test_below_a_router(gateway: CoreGateway, cli: CommandLine) -> None:
    with serve(create_app(gateway, make_settings())) as found:
        assert cli("--url", f"{found.url}/service/cassandra/", "seeds").code == 0
        assert found.paths == ["/service/cassandra/v1/seeds"]


@pytest.mark.parametrize(
    ("answer", "code", "words"),
    [
        (Response("<html>Bad gateway</html>", 502), 8, "GET /v1/seeds failed with 502."),
        (Response("<html>Forbidden</html>", 403), 7, "GET /v1/seeds failed with 403."),
        (Response("{", 200, mimetype="application/json"), 1, "not JSON"),
    ],
)
def test_answers_of_other_servers(answer: Response, code: int, words: str, cli: CommandLine) -> None:
    app = Flask("router")
    app.add_url_rule("/v1/seeds", "seeds", lambda: answer)
    with serve(app) as found:
        ran = cli("--url", found.url, "seeds")
    assert (ran.code, ran.out) == (code, "")
    assert words in ran.err


def test_an_old_state_is_reported(gateway: CoreGateway, cli: CommandLine) -> None:
    gateway.age = 42.0
    with serve(create_app(gateway, make_settings())) as found:
        ran = cli("--url", found.url, "seeds")
        assert cli("--url", found.url, "-q", "seeds").err == ""
    assert (ran.code, "s old" in ran.err) == (0, True)


@pytest.mark.parametrize(
    ("reason", "code", "words"),
    [
        ("the disks are slow — ask Jürgen", 0, "Received cmd"),
        ("two\nlines", 2, "The reason must be printable characters."),
        ("a" * 201, 1, "The header X-Reason must have at most 200 printable characters."),
    ],
)
def test_the_reason_of_a_command(reason: str, code: int, words: str, gateway: CoreGateway, cli: CommandLine) -> None:
    with serve(create_app(gateway, make_settings())) as found:
        ran = cli("--url", found.url, "plan", "interrupt", "deploy", "--reason", reason)
    assert (ran.code, words in ran.err) == (code, True), ran
    assert gateway.reasons == ([reason] if code == 0 else [])


def test_a_query_is_sent_as_it_is(gateway: CoreGateway, cli: CommandLine) -> None:
    with serve(create_app(gateway, make_settings())) as found:
        assert cli("--url", found.url, "api", "GET", "/v1/events?since=2024-01-31T23%3A59%3A59Z").code == 0
        assert cli("--url", found.url, "api", "GET", "/v1/a b").code == 2
        assert found.paths == ["/v1/events?since=2024-01-31T23:59:59Z"] or "%3A" in found.paths[0]


def test_reads_go_on_when_the_api_is_back() -> None:
    app = Flask("api")
    app.add_url_rule("/v1/seeds", "seeds", lambda: {"seeds": ["127.0.0.2"]})
    with serve(app) as found:
        client = Client(Target(found.url))
    port = int(found.url.rpartition(":")[2])
    for _ in range(2):
        with pytest.raises(Failure, match="Connection refused"):
            client.get("/v1/seeds")
    server = make_server("127.0.0.1", port, app)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        assert client.get("/v1/seeds") == {"seeds": ["127.0.0.2"]}
    finally:
        client.close()
        server.shutdown()
        thread.join()
        server.server_close()
