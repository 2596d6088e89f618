"""moto's S3 server as a process of its own, and what a test puts there."""

from __future__ import annotations

import http.client
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from executor.s3.client import Patience
from executor.s3.location import Location, parse
from executor.s3.store import Store, open_store
from tests.ports import free_port
from tests.waiting import wait_for

SECRETS = {"s3_access_key": "test-access-key", "s3_secret_key": "test-secret-key"}
# How many keys a page of a listing has, so that few objects are many.
PAGE = 50
HASTY = Patience(attempts=4, connect_seconds=5.0, read_seconds=5.0, pause=0.02, longest_pause=0.1)


@dataclass(frozen=True)
class Server:
    """A running server."""

    host: str
    port: int

    def location(self, bucket: str, prefix: str = "") -> Location:
        """Return a location there; path style."""
        return parse({"external_location": f"http://{self.host}:{self.port}/{bucket}/{prefix}".rstrip("/")})

    def request(self, method: str, path: str) -> int:
        """Send a plain request, without credentials, and return the status."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=10.0)
        try:
            connection.request(method, path, headers={"Content-Length": "0"})
            answer = connection.getresponse()
            answer.read()
            return answer.status
        finally:
            connection.close()

    def make_bucket(self, name: str) -> None:
        """Make an empty bucket."""
        assert self.request("PUT", f"/{name}") == 200


@contextmanager
def running_server(host: str = "127.0.44.1") -> Iterator[Server]:
    """Run a server, whose objects end with it."""
    server = Server(host, free_port(host))
    # It ends with the test session, also with one that is killed.
    child = [sys.executable, "-m", "executor.cassandra.exec_child", str(os.getpid())]
    place = ("--host", host, "--port", str(server.port))
    command = [*child, sys.executable, "-W", "ignore", "-m", "devcluster.s3_server", *place]
    environment = {**os.environ, "MOTO_S3_DEFAULT_MAX_KEYS": str(PAGE)}
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            wait_for("moto serves", lambda: _serves(server))
            yield server
        finally:
            process.terminate()


def _serves(server: Server) -> bool:
    try:
        return server.request("GET", "/") == 200
    except OSError:
        return False


@contextmanager
def store_at(
    location: Location, scratch: Path, secrets: Mapping[str, str] = SECRETS, patience: Patience = HASTY
) -> Iterator[Store]:
    """Return a store, as a job opens it."""
    with open_store(location, secrets, _no_wait, scratch, patience=patience) as store:
        yield store


def _no_wait(_seconds: float) -> None:
    """Between attempts of a test."""
