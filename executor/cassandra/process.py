"""One Cassandra process: start, status, drain, stop."""

from __future__ import annotations

import logging
import signal
import subprocess
from dataclasses import replace
from pathlib import Path

from executor.cassandra import exec_child, exit_cause, native_transport, volume
from executor.cassandra.install import LOG, Installation, LaunchError
from executor.figures import Figures
from executor.jmx import echoes, logins
from executor.jmx.encryption import plain_clients
from executor.jmx.figures import Gatherer
from executor.jmx.jolokia import STORAGE_SERVICE, Jolokia, JolokiaError
from executor.jmx.replication import Replication, survey
from executor.jmx.status import ISOLATED, UNKNOWN, poll, with_details, with_process, with_replication
from executor.protocol import NodeStatus

OUTPUT = "cassandra.out"
_LOG = logging.getLogger(__name__)


class Cassandra:
    """A running Cassandra. Start it from a thread that lives as long as the executor: it gets SIGTERM with it."""

    def __init__(self, installation: Installation) -> None:
        """Start the process; the installation's volume lock passes to it. Raises LaunchError."""
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
        self._watch = logins.Watch(installation.options)
        self._echoes = echoes.Watch()
        self._counts_plain_clients = installation.counts_plain_clients
        self._counts_uncertified_clients = installation.counts_uncertified_clients
        self._gatherer = Gatherer(self.jolokia, self._address, self._volume)
        self._isolation = exit_cause.FirstErrors()
        self._surveyed: tuple[str, Replication] | None = None  # with its schema version
        self._process = _spawn(installation, self._output)

    @property
    def pid(self) -> int:
        """Return the process id."""
        return self._process.pid

    def exit_code(self) -> int | None:
        """Return the exit code, or the negative number of the signal that ended it; None while it runs."""
        code = self._process.poll()
        if code is not None:
            self._forget_secret()
        if code is not None and not self._serves and self._keeper is not None:
            self._keeper.note_crash(code)
        return code

    def status(self, timeout: float) -> NodeStatus:
        """Return Cassandra's status, polled now with a timeout in seconds; see `status.poll`."""
        status = with_process(poll(self.jolokia, timeout, self._address), self.pid, self._volume)
        if status.mode == UNKNOWN:
            # Jolokia can be stuck, or have no free thread, while Cassandra works.
            serving = self._serves and native_transport.answers(self._address, self._native_port, timeout / 2)
            return replace(status, native_transport_running=serving)
        self._forget_secret()
        if status.gossip_initialized:
            self._ask_again()
        try:
            status = self._with_plain_clients(self._with_replication(status, timeout), timeout)
            status = self._with_uncertified_clients(self._with_clients(status))
        except Exception as error:  # noqa: BLE001 Cassandra's answers: a detail that has another form hides no mode
            words = f"what Cassandra says over JMX cannot be read: {type(error).__name__}: {error}"
            status = replace(status, error=exit_cause.shorten(words))
        return with_details(status, self._errors(status), exit_cause.shortage(self._volume))

    def _errors(self, status: NodeStatus) -> str:
        """Return the errors with which Cassandra's isolation began; empty while there is none."""
        if status.mode != ISOLATED:
            self._isolation = exit_cause.FirstErrors()
            return ""
        return self._isolation.read(self._log)

    def figures(self) -> Figures | None:
        """Return Cassandra's figures, at most ten seconds old; None if it does not report them."""
        return self._gatherer.gather()

    def _ask_again(self) -> None:
        """Have Cassandra ask the peers again that only one lost question keeps down in its view."""
        try:
            asked = self._echoes.retry(self.jolokia)
        except JolokiaError as error:
            _LOG.warning("Cassandra cannot be told to ask again whether its peers are up: %s", error)
            return
        if asked:
            _LOG.warning("%s did not answer whether it is up; Cassandra asks again", ", ".join(asked))

    def _with_replication(self, status: NodeStatus, timeout: float) -> NodeStatus:
        """Return the status with the keyspaces' replication, which is read once for each schema version."""
        if status.schema is None or status.data_center is None:
            return status
        if self._surveyed is None or self._surveyed[0] != status.schema:
            try:
                self._surveyed = status.schema, survey(self.jolokia, status.data_center, timeout)
            except JolokiaError:
                return status
        return with_replication(status, self._surveyed[1])

    def _with_clients(self, status: NodeStatus) -> NodeStatus:
        """Return the status with the clients that could not log in, while authentication is transitional."""
        if not self._watch.active or not status.native_transport_running:
            return status
        try:
            found = self._watch.read(self.jolokia)
        except JolokiaError as error:
            return replace(status, error=f"the clients that cannot log in are not known: {error}")
        if found is None:
            return status
        return replace(status, silent_clients=found.silent, refused_clients=found.refused)

    def _with_plain_clients(self, status: NodeStatus, timeout: float) -> NodeStatus:
        if not (self._counts_plain_clients and status.native_transport_running):
            return status
        try:
            return replace(status, plain_clients=plain_clients(self.jolokia, timeout))
        except JolokiaError:
            return status

    def _with_uncertified_clients(self, status: NodeStatus) -> NodeStatus:
        if not (self._counts_uncertified_clients and status.native_transport_running):
            return status
        try:
            return replace(status, uncertified_clients=logins.uncertified_clients(self.jolokia))
        except JolokiaError as error:
            return replace(status, error=f"the clients without certificates are not known: {error}")

    def _forget_secret(self) -> None:
        """Remove the file with Jolokia's password: an agent shows the files of a sandbox to its clients."""
        secret, self._secret = self._secret, None
        try:
            if secret is not None:
                secret.unlink(missing_ok=True)
        except OSError as error:
            _LOG.warning("the file with Jolokia's password stays in the sandbox: %s", error)

    def mark_serving(self) -> None:
        """Note that Cassandra serves; the start cache then keeps this start's findings, in the background."""
        if not self._serves and self._keeper is not None:
            self._keeper.keep_in_background(self.pid)
        self._serves = True

    def drain(self, timeout: float) -> str | None:
        """Flush all memtables and stop serving requests; return the cause if that fails within `timeout` seconds."""
        try:
            self.jolokia.execute(STORAGE_SERVICE, "drain", [], timeout)
        except JolokiaError as error:
            return str(error)
        return None

    def terminate(self) -> None:
        """Send SIGTERM: Cassandra drains and ends."""
        self._process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Send SIGKILL: acknowledged writes are in the commit log."""
        self._process.send_signal(signal.SIGKILL)

    def cause(self, code: int | None = None) -> str:
        """Return the last errors that it logged or printed, and whether its disk is full; can be empty.

        `code` is the exit code of a process that this executor did not end.
        """
        words = exit_cause.cause(self._log, self._output, self._directory / f"hs_err_pid{self.pid}.log", code)
        return "\n".join(filter(None, (words, exit_cause.shortage(self._volume))))


def _spawn(installation: Installation, output: Path) -> subprocess.Popen[bytes]:
    lock = installation.lock
    try:
        with output.open("wb") as stream:
            process = subprocess.Popen(
                [*exec_child.wrapper(), *installation.command],
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
