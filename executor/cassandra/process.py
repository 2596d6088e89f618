"""One Cassandra process: started, watched, drained, stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from executor.cassandra import exec_child, exit_cause, native_transport, volume
from executor.cassandra.install import LOG, Installation, LaunchError
from executor.jmx.jolokia import STORAGE_SERVICE, Jolokia, JolokiaError
from executor.jmx.replication import Replication, survey
from executor.jmx.status import ISOLATED, UNKNOWN, explained, of_process, poll, with_replication
from executor.protocol import NodeStatus

OUTPUT = "cassandra.out"


class Cassandra:
    """A running Cassandra. Start it from a thread that lives as long as the executor: it gets SIGTERM with it."""

    def __init__(self, installation: Installation) -> None:
        """Start the process; raises LaunchError. Takes over the installation's volume lock."""
        self.jolokia: Jolokia = installation.jolokia
        self._volume = installation.data
        self._directory = installation.directory
        self._output = installation.logs / OUTPUT
        self._log = installation.logs / LOG
        self._keeper = installation.keeper
        self._serves = False
        self._address = installation.address or installation.jolokia.address
        self._native_port = installation.native_port
        self._secret = installation.secret
        self._surveyed: tuple[str, Replication] | None = None  # with the version of the schema
        self._process = _spawn(installation, self._output)

    @property
    def pid(self) -> int:
        return self._process.pid

    def exit_code(self) -> int | None:
        """None while it runs; else its exit code, or the negative number of the signal that ended it."""
        code = self._process.poll()
        if code is not None:
            self._forget_secret()
        if code is not None and not self._serves and self._keeper is not None:
            self._keeper.crashed(code)
        return code

    def status(self, timeout: float) -> NodeStatus:
        """What it says of itself now; see `status.poll`."""
        status = of_process(poll(self.jolokia, timeout, self._address), self.pid, self._volume)
        if status.mode == UNKNOWN:
            # Jolokia may be stuck, or held by somebody, while Cassandra works.
            serving = self._serves and native_transport.answers(self._address, self._native_port, timeout / 2)
            return replace(status, native_transport_running=serving)
        self._forget_secret()
        status = self._with_replication(status, timeout)
        errors = exit_cause.logged_errors(self._log) if status.mode == ISOLATED else ""
        return explained(status, errors, exit_cause.shortage(self._volume))

    def _with_replication(self, status: NodeStatus, timeout: float) -> NodeStatus:
        """The same with how the key spaces of its schema are replicated: Cassandra is asked for each schema once."""
        if status.schema is None or status.data_center is None:
            return status
        if self._surveyed is None or self._surveyed[0] != status.schema:
            try:
                self._surveyed = status.schema, survey(self.jolokia, status.data_center, timeout)
            except JolokiaError:
                return status
        return with_replication(status, self._surveyed[1])

    def _forget_secret(self) -> None:
        """Remove the file with Jolokia's password: an agent shows the files of a sandbox to whoever asks it."""
        if self._secret is not None:
            self._secret.unlink(missing_ok=True)
            self._secret = None

    def serves(self) -> None:
        """Tell that it takes requests; what this start found out is then kept for later ones, in the background."""
        if not self._serves and self._keeper is not None:
            self._keeper.keep_in_background(self.pid)
        self._serves = True

    def drain(self, timeout: float) -> str | None:
        """Flush everything and stop taking requests; None if that succeeded in `timeout` seconds, else the cause."""
        try:
            self.jolokia.execute(STORAGE_SERVICE, "drain", [], timeout)
        except JolokiaError as error:
            return str(error)
        return None

    def terminate(self) -> None:
        """SIGTERM: Cassandra drains and ends."""
        self._process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL: what was acknowledged is in the commit log."""
        self._process.send_signal(signal.SIGKILL)

    def cause(self) -> str:
        """The last errors that it logged or printed, and whether its disk is full; may be empty."""
        words = exit_cause.cause(self._log, self._output, self._directory / f"hs_err_pid{self.pid}.log")
        return "\n".join(filter(None, (words, exit_cause.shortage(self._volume))))


def _spawn(installation: Installation, output: Path) -> subprocess.Popen[bytes]:
    lock = installation.lock
    wrapper = [sys.executable, "-I", exec_child.__file__, str(os.getpid())]
    try:
        with output.open("wb") as stream:
            process = subprocess.Popen(
                [*wrapper, *installation.command],
                cwd=installation.directory,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                pass_fds=(lock.descriptor,),
            )
    except (OSError, ValueError) as error:  # ValueError: an argument that no program can be given
        raise LaunchError("start", f"Cassandra cannot be started: {error}") from error
    else:
        started = volume.Process(process.pid, volume.start_time(process.pid) or 0)
        lock.record(volume.Holder(started, volume.this_process()))
        return process
    finally:
        lock.close()
