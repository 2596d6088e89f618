"""A local S3 server that is faster than its clients: Versity's S3 gateway over a directory in memory.

moto takes longer for an object than any client, and Java's and rclone's servers need two to four times the processor
time of this one; it checks uploads by the checksum in the request, as S3 does. It is built once by `go install`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path

import psutil

from devcluster.checks import ROOT
from tests.ports import free_port
from tests.waiting import wait_for

MODULE = "github.com/versity/versitygw/cmd/versitygw"
VERSION = "v1.8.0"
BUCKET, KEY, SECRET = "bench", "bench", "benchbench"
_ADDRESS = "127.0.46.1"
_MEMORY = Path("/dev/shm")


@dataclass(frozen=True)
class Server:
    """A running server. `process_id` is for measurements, `bucket` is the directory of its objects."""

    port: int
    process_id: int
    bucket: Path

    @property
    def endpoint(self) -> str:
        """Return its URL."""
        return f"http://{_ADDRESS}:{self.port}"

    def processor_seconds(self) -> float:
        """Return the processor time that it has used so far."""
        times = psutil.Process(self.process_id).cpu_times()
        return float(times.user + times.system)


def program() -> Path:
    """Return the server's program, built if it is missing.

    Raises:
        SystemExit: it cannot be built; with the reason.
    """
    directory = ROOT / ".dev" / f"versitygw-{VERSION}"
    found = directory / "versitygw"
    if not found.exists():
        if shutil.which("go") is None:
            raise SystemExit("the backup's measurements need Go 1.25 or later, which builds their S3 server")
        done = subprocess.run(
            ["go", "install", f"{MODULE}@{VERSION}"],
            env={**os.environ, "GOBIN": str(directory)},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise SystemExit(f"the S3 server could not be built:\n{done.stderr[-2000:]}")
    return found


@contextmanager
def objects_directory(need_bytes: int, otherwise: Path) -> Iterator[Path]:
    """Return a directory for the server's objects: in memory if twice as many bytes fit, else below `otherwise`."""
    parent = _MEMORY if _MEMORY.is_dir() and _free(_MEMORY) > 2 * need_bytes else otherwise
    directory = parent / f"bench-s3-{os.getpid()}"
    directory.mkdir()
    try:
        yield directory
    finally:
        shutil.rmtree(directory)


def _free(directory: Path) -> int:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_AVPHYS_PAGES")
    return min(memory, shutil.disk_usage(directory).free)


@contextmanager
def running(directory: Path, niceness: int = 0) -> Iterator[Server]:
    """Run a server over a directory, which is emptied before and gets an empty bucket."""
    shutil.rmtree(directory, ignore_errors=True)
    (directory / "objects" / BUCKET).mkdir(parents=True)
    port = free_port(_ADDRESS)
    # The entity tags of S3 (MD5) cost it as much as the rest, and no measurement reads them.
    nice = ["nice", "-n", str(niceness)] if niceness else []
    command = [*nice, str(program()), "--port", f"{_ADDRESS}:{port}", "--quiet", "posix", "--data-integrity-etag"]
    with (directory / "log").open("w") as log:
        process = subprocess.Popen(
            [*command, str(directory / "objects")],
            env={**os.environ, "ROOT_ACCESS_KEY": KEY, "ROOT_SECRET_KEY": SECRET},
            stdout=log,
            stderr=log,
        )
    try:
        wait_for("the S3 server answers", lambda: _answers(port), 20.0)
        yield Server(port, process.pid, directory / "objects" / BUCKET)
    finally:
        process.terminate()
        process.wait(20)


def _answers(port: int) -> bool:
    connection = HTTPConnection(_ADDRESS, port, timeout=2)
    try:
        connection.request("GET", "/")
        return connection.getresponse().status < 500
    except OSError:
        time.sleep(0.05)
        return False
    finally:
        connection.close()
