"""`./dev image`: build the Dockerfile without a Docker daemon, and start the scheduler from the image.

buildah builds it with chroot isolation, over a base that debootstrap makes under the name of the Dockerfile's base. So
only a Debian mirror, PyPI and Maven's repository are needed. The scheduler then runs in the image's files, with a real
ZooKeeper outside of it.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from devcluster import java, zookeeper
from devcluster.layout import Address

IMAGE = "localhost/cassandra-mesos:check"
RELEASE, MIRROR = "bookworm", "http://deb.debian.org/debian"
PACKAGES = ("python3", "python3-venv", "ca-certificates")
# Of the machine, if it has them: other certificates, the index of pip, and what Maven has fetched.
_SHARED = ("/etc/ssl/certs/ca-certificates.crt:ro", "/etc/pip.conf:ro", "/root/.m2:rw")
_ARTIFACTS = ("executor.tar.gz", "cassandra-5.0.8.tar.gz", "cassandra-mesos")
START_SECONDS = 120.0
_ZOOKEEPER, _API = Address("127.0.98.1", 2181), Address("127.0.98.1", 9000)


class ImageError(Exception):
    """An image that cannot be built or does not work; the text is for the user."""


@dataclass(frozen=True)
class Builder:
    """buildah with a storage of its own, in a directory of this repository."""

    root: Path
    directory: Path
    say: Callable[[str], None]

    def prepare(self) -> None:
        """Write buildah's configuration. Raises ImageError if something that it needs is missing."""
        if os.geteuid() != 0:
            raise ImageError("Only root can make the files of an image: run `sudo ./dev image`.")
        for program in ("buildah", "debootstrap"):
            if shutil.which(program) is None:
                raise ImageError(f"{program} is not installed; `sudo apt-get install {program}` brings it.")
        self.directory.mkdir(parents=True, exist_ok=True)
        places = {"graphroot": self.directory / "storage", "runroot": self.directory / "run"}
        lines = [f'{name} = "{place}"' for name, place in places.items()]
        (self.directory / "storage.conf").write_text("\n".join(["[storage]", 'driver = "overlay"', *lines, ""]))
        (self.directory / "policy.json").write_text(json.dumps({"default": [{"type": "insecureAcceptAnything"}]}))

    def make_base(self, name: str) -> None:
        """Make an image of this name from Debian's packages, unless there is one."""
        if self._buildah("images", "--quiet", name, check=False).strip():
            return
        self.say(f"Making {name} from Debian's packages")
        files = self.directory / "base"
        shutil.rmtree(files, ignore_errors=True)
        self._run(["debootstrap", "--variant=minbase", f"--include={','.join(PACKAGES)}", RELEASE, str(files), MIRROR])
        (files / "usr/local/bin/python").symlink_to("/usr/bin/python3")
        archive = self.directory / "base.tar"
        self._run(["tar", "--directory", str(files), "--create", "--file", str(archive), "."])
        container = self._buildah("from", "scratch").strip()
        self._buildah("add", container, str(archive), "/")
        self._buildah("commit", *self._policy(), "--rm", container, name)
        archive.unlink()
        shutil.rmtree(files)

    def build(self) -> None:
        """Build the Dockerfile of the repository's last commit as IMAGE."""
        self.say("Building the Dockerfile")
        source = self.directory / "source"
        shutil.rmtree(source, ignore_errors=True)
        source.mkdir()
        archive = subprocess.run(["git", "archive", "HEAD"], cwd=self.root, check=True, capture_output=True).stdout
        subprocess.run(["tar", "--extract"], cwd=source, input=archive, check=True)
        shared = [item.rpartition(":") for item in _SHARED if Path(item.partition(":")[0]).exists()]
        volumes = [word for path, _, mode in shared for word in ("--volume", f"{path}:{path}:{mode}")]
        options = ["--isolation", "chroot", "--pull-never", "--format", "docker", *self._policy(), *volumes]
        self._buildah("bud", *options, "--tag", IMAGE, str(source))

    @contextmanager
    def scheduler(self, environment: dict[str, str]) -> Iterator[Path]:
        """Run the image's command in its files, with the machine's network; yield its log."""
        container = self._buildah("from", "--pull-never", *self._policy(), IMAGE).strip()
        config = json.loads(self._buildah("inspect", container))["Docker"]["config"]
        log = self.directory / "scheduler.log"
        variables = [word for name, value in environment.items() for word in ("--env", f"{name}={value}")]
        command = ["buildah", "run", "--isolation", "chroot", *variables, container, "--", *config["Entrypoint"]]
        with log.open("wb") as stream:
            process = subprocess.Popen(command, env=self._environment(), stdout=stream, stderr=stream)
        try:
            yield log
        finally:
            _end(process)
            self._buildah("rm", container)

    def _buildah(self, *arguments: str, check: bool = True) -> str:
        return self._run(["buildah", *arguments], check)

    def _run(self, command: Sequence[str], check: bool = True) -> str:
        log = self.directory / "build.log"
        with log.open("ab") as errors:
            ran = subprocess.run(command, env=self._environment(), stdout=subprocess.PIPE, stderr=errors, check=False)
        if check and ran.returncode:
            tail = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
            raise ImageError(f"{' '.join(command[:2])} failed with {ran.returncode}; the end of {log}:\n{tail}")
        return ran.stdout.decode(errors="replace")

    def _policy(self) -> tuple[str, str]:
        return "--signature-policy", str(self.directory / "policy.json")

    def _environment(self) -> dict[str, str]:
        return {**os.environ, "CONTAINERS_STORAGE_CONF": str(self.directory / "storage.conf")}


def check(root: Path, directory: Path, jars: Path, say: Callable[[str], None]) -> None:
    """Build the image, start the scheduler from it, and read its health and its artifacts.

    Args:
        root: The repository.
        directory: A directory for everything that is made; it stays, so that the next check is faster.
        jars: ZooKeeper's bundle.
        say: Called with a sentence for each step.

    Raises:
        ImageError: The image cannot be built, or the scheduler does not work in it.
    """
    builder = Builder(root, directory, say)
    builder.prepare()
    builder.make_base(base_of((root / "Dockerfile").read_text()))
    builder.build()
    home = java.find_home()
    if home is None:
        raise ImageError("No JDK 17 is installed, which ZooKeeper needs.")
    command = zookeeper.prepare(home / "bin" / "java", jars, _ZOOKEEPER, directory / "zookeeper")
    with _running(command, directory / "zookeeper.log"), builder.scheduler(environment()) as log:
        say("Starting the scheduler from the image")
        _wait_for_health(log)
        for name in _ARTIFACTS:
            _get(f"/v1/artifacts/{name}", "HEAD")
    say("The scheduler of the image is healthy, and serves the bundles")


def base_of(dockerfile: str) -> str:
    """Return the full name of the image that a Dockerfile begins from, if no other one is given to its build."""
    found = re.search(r"^ARG BASE=(\S+)\nFROM \$\{BASE\} ", dockerfile, re.MULTILINE)
    if found is None:
        raise ImageError("The Dockerfile has no ARG BASE=… before FROM ${BASE}.")
    return f"docker.io/library/{found[1]}"


def environment() -> dict[str, str]:
    """Return the settings of the scheduler. No Mesos is needed: it is healthy while it looks for one."""
    return {
        "ZOOKEEPER_SERVERS": f"{_ZOOKEEPER.host}:{_ZOOKEEPER.port}",
        "MESOS_MASTER": f"{_API.host}:5050",
        "SERVICE_USER": "nobody",
        "API_HOST": _API.host,
        "API_PORT": str(_API.port),
        "API_TRUST_ROUTER": "true",
    }


@contextmanager
def _running(command: Sequence[str], log: Path) -> Iterator[None]:
    with log.open("wb") as stream:
        process = subprocess.Popen(command, stdout=stream, stderr=stream)
    try:
        yield
    finally:
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a process with its children: chroot isolation has no namespace that would end them."""
    found = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
    for child in reversed(found):
        child.send_signal(signal.SIGTERM)
    process.terminate()
    _, alive = psutil.wait_procs(found, timeout=20)
    for child in alive:
        child.kill()
    process.wait(20)


def _wait_for_health(log: Path) -> None:
    deadline, words = time.monotonic() + START_SECONDS, "no answer"
    while time.monotonic() < deadline:
        try:
            words = _get("/v1/health")
            if json.loads(words)["healthy"] is True:
                return
        except (OSError, ValueError, KeyError, ImageError) as error:
            words = str(error)
        time.sleep(0.5)
    tail = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
    raise ImageError(f"The scheduler is not healthy after {START_SECONDS:.0f} s: {words}; the end of {log}:\n{tail}")


def _get(path: str, method: str = "GET") -> str:
    request = urllib.request.Request(f"http://{_API.host}:{_API.port}{path}", method=method)
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            return str(response.read().decode())
    except urllib.error.HTTPError as error:
        with error:
            raise ImageError(f"{method} {path} is answered {error.code}.") from error
