"""`python -m scheduler` as a process of a test, with settings of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from devcluster.layout import Address
from devcluster.requests import UnreachableError, get
from tests.waiting import patient


@dataclass
class Scheduler:
    """One scheduler process with settings of its own."""

    environment: Mapping[str, str]
    log: Path
    process: subprocess.Popen[bytes] | None = None

    @property
    def api(self) -> Address:
        return Address("127.0.0.1", int(self.environment["API_PORT"]))

    @property
    def root(self) -> str:
        return f"/dcos-service-{self.environment['SERVICE_NAME']}"

    def start(self, **settings: str) -> Scheduler:
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "scheduler"],
                env={**self.environment, **settings},
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return self

    def exit_code(self, seconds: float = 30.0) -> int:
        assert self.process is not None
        return self.process.wait(patient(seconds))

    def runs(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def said(self) -> str:
        return self.log.read_text(errors="replace")

    def status(self, path: str) -> int:
        try:
            return get(self.api, path).status
        except UnreachableError:
            return 0

    def body(self, path: str) -> str:
        try:
            return get(self.api, path).body.decode()
        except UnreachableError:
            return ""

    def post(self, path: str) -> int:
        """Return the status of a POST; 0 without an answer."""
        request = urllib.request.Request(f"http://{self.api}{path}", method="POST")
        try:
            with urllib.request.urlopen(request, timeout=patient(20)) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            error.close()
            return error.code
        except OSError:
            return 0

    def age(self) -> int | None:
        """Return the age of the answers in seconds, as they report it; None while they are fresh."""
        with urllib.request.urlopen(f"http://{self.api}/v1/plan", timeout=patient(20)) as answer:
            found = answer.headers["X-State-Age"]
        return None if found is None else int(found)

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(patient(10))


Make = Callable[..., Scheduler]
