"""TLS failures of the command line: one sentence each, with what to do."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from werkzeug.serving import make_server

from cli.errors import ExitCode
from tests.certificates import Authority, Issued
from tests.unit.cli.serving import CommandLine


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "authority")


@contextmanager
def serving(issued: Issued, clients: Path | None = None) -> Iterator[str]:
    """Serve an API without paths over TLS, and yield its address; `clients`: the authority of their certificates."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(issued.certificate, issued.key)
    if clients is not None:
        context.load_verify_locations(clients)
        context.verify_mode = ssl.CERT_REQUIRED
        context.maximum_version = ssl.TLSVersion.TLSv1_2  # the refusal comes in the handshake
    server = make_server("127.0.0.1", 0, Flask("api"), ssl_context=context)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"https://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def said(cli: CommandLine, url: str, *options: str) -> str:
    """Return the sentence of a failure to reach the API, without its beginning."""
    ran = cli("--url", url, *options, "seeds")
    assert ran.code == ExitCode.NOT_REACHABLE
    return ran.err.removeprefix(f"The API at {url} cannot be reached: ").strip()


def test_an_authority_that_is_not_trusted(cli: CommandLine, authority: Authority) -> None:
    with serving(authority.issue("api")) as url:
        assert said(cli, url) == "the authority of its certificate is not trusted: give its file with --ca."


def test_an_authority_below_another_one_is_enough(cli: CommandLine, authority: Authority, tmp_path: Path) -> None:
    below = Authority(tmp_path / "below", "below", parent=authority)
    with serving(below.issue("api")) as url:
        ran = cli("--url", url, "--ca", str(below.ca), "seeds")
    assert "failed with 404" in ran.err, "the API is reached"


def test_another_name(cli: CommandLine, authority: Authority) -> None:
    with serving(authority.issue("api", address="10.9.9.9")) as url:
        found = said(cli, url, "--ca", str(authority.ca))
    assert found.startswith("its certificate is for another name: ")
    assert "127.0.0.1" in found


def test_an_expired_certificate(cli: CommandLine, authority: Authority) -> None:
    with serving(authority.issue("api", lasts=timedelta(hours=-1))) as url:
        found = said(cli, url, "--ca", str(authority.ca))
    assert found == "its certificate has expired: it must be renewed, or this machine's clock is wrong."


@pytest.mark.parametrize(("hours", "other", "words"), [
    (-1, False, "the client certificate (--cert) has expired."),
    (1, True, "it does not trust the authority of the client certificate (--cert)."),
])  # fmt: skip
def test_a_client_certificate_that_is_refused(
    cli: CommandLine, authority: Authority, tmp_path: Path, hours: int, other: bool, words: str
) -> None:
    issuer = Authority(tmp_path / "other", "other") if other else authority
    own = issuer.issue("client", lasts=timedelta(hours=hours))
    with serving(authority.issue("api"), authority.ca) as url:
        options = ("--ca", str(authority.ca), "--cert", str(own.certificate), "--key", str(own.key))
        assert said(cli, url, *options) == words


def test_a_client_certificate_that_is_missing(cli: CommandLine, authority: Authority) -> None:
    with serving(authority.issue("api"), authority.ca) as url:
        found = said(cli, url, "--ca", str(authority.ca))
    assert found == "it refuses the handshake: it may demand a client certificate (--cert)."


def test_files_that_cannot_be_used(cli: CommandLine, authority: Authority, tmp_path: Path) -> None:
    url = "https://127.0.0.1:1"
    first, second = authority.issue("first"), authority.issue("second")
    ran = cli("--url", url, "--cert", str(first.certificate), "--key", str(second.key), "seeds")
    sentence = f"The client certificate {first.certificate} with the key {second.key} cannot be used"
    assert (ran.code, ran.err) == (ExitCode.USAGE, f"{sentence}: key values mismatch.\n")
    ran = cli("--url", url, "--key", str(first.key), "seeds")
    assert (ran.code, ran.err) == (ExitCode.USAGE, "--key needs --cert, the certificate of that key.\n")
    ran = cli("--url", url, "--ca", str(tmp_path / "none.pem"), "seeds")
    sentence = f"The file {tmp_path / 'none.pem'} with authorities (--ca) cannot be used"
    assert (ran.code, ran.err) == (ExitCode.USAGE, f"{sentence}: No such file or directory.\n")
