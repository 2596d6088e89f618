"""The certificate of this executor's node: obtained before its start, renewed while it runs, and proven each time."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from executor.certificate_messages import (
    LEAST_SECONDS,
    CertificateFacts,
    CertificateReply,
    fingerprints,
    renewal_at,
    rest_after,
)
from executor.tls.certificate import CertificateError, checked, new_request, trusted_prints
from executor.tls.files import TlsFiles
from executor.tls.handshake import shown

_LOG = logging.getLogger(__name__)
ASK_AGAIN_SECONDS = 5.0
# Without an answer a start ends as a failure, which the scheduler sees and repeats.
START_SECONDS = 300.0
RENEWAL_SECONDS = 60.0
RETRY_SECONDS = 60.0
PROOF_SECONDS = 20.0
_TIMEOUT = 5.0


@dataclass(frozen=True)
class Holder:
    """Whose certificate it is: the node's name, its address, and the files."""

    node: str
    address: str
    files: TlsFiles


@dataclass(frozen=True)
class Rest:
    """A time after which the next renewal can be due: it is over as soon as one of two clocks says so.

    The wall clock can be set back, and the monotonic one stops while a machine is suspended.
    """

    wall: float = 0.0
    monotonic: float = 0.0

    @staticmethod
    def of(seconds: float) -> Rest:
        """Return a rest that begins now."""
        return Rest(time.time() + seconds, time.monotonic() + seconds)

    def is_over(self) -> bool:
        """Return whether it has ended."""
        return time.time() >= self.wall or time.monotonic() >= self.monotonic


class Certificates:
    """The certificate of one node. `ask` sends a signing request (PEM); the answer comes with `take`."""

    def __init__(self, holder: Holder, ask: Callable[[str], object]) -> None:
        self._holder = holder
        self._ask = ask
        self._replies: queue.SimpleQueue[CertificateReply] = queue.SimpleQueue()
        self._facts = CertificateFacts()
        self._fingerprint = ""
        self._condition = threading.Condition()
        self._called = self._serves = self._stopped = False
        self._unread = False  # by Cassandra: the files are newer than what it shows
        self._retry_at = 0.0
        self._rests = Rest()
        self._thread: threading.Thread | None = None

    @property
    def facts(self) -> CertificateFacts:
        """Return what is known of the present certificate."""
        return self._facts

    def take(self, reply: CertificateReply) -> None:
        """Hand over an answer of the scheduler."""
        self._replies.put(reply)

    def obtain(self, seconds: float) -> None:
        """Get a certificate for a new key, and write the files.

        Raises:
            CertificateError: The scheduler refuses or does not answer within `seconds`, or its answer is of no use.
        """
        holder = self._holder
        while not self._replies.empty():  # late answers to earlier requests
            self._replies.get()
        request = new_request(holder.node, holder.address)
        reply = self._answer(request.pem, time.monotonic() + seconds)
        if reply.problem:
            raise CertificateError(reply.problem)
        if not reply.chain and self._fingerprint:
            trusted = trusted_prints(reply.trusted)
            holder.files.trust(reply.trusted)
            self._facts = replace(self._facts, trusted=trusted, ports=())
            self._rests = Rest.of(LEAST_SECONDS)
            return
        if not reply.chain:
            raise CertificateError(
                "the present authority cannot sign any more, and the new one does not sign yet: continue the plan "
                "certificates, and this node gets a certificate at its next launch"
            )
        facts = checked(request, reply.chain, reply.trusted, holder.address, time.time())
        holder.files.write(request.key_pem(), reply.chain, reply.trusted)
        self._fingerprint, self._facts = fingerprints(reply.chain)[0], facts
        self._rests = Rest.of(rest_after(facts.not_after, time.time()))
        _LOG.info("certificate %s obtained, valid until %s", facts.serial, time.ctime(facts.not_after))

    def _answer(self, request: str, deadline: float) -> CertificateReply:
        while (left := deadline - time.monotonic()) > 0:
            self._ask(request)
            try:
                return self._replies.get(timeout=min(left, ASK_AGAIN_SECONDS))
            except queue.Empty:
                continue
        raise CertificateError("the scheduler does not answer the request for a certificate")

    def begin(self, ports: Sequence[int], reload: Callable[[], object]) -> None:
        """Prove and renew the certificate on a thread; `reload` makes Cassandra read the files, and raises OSError."""
        arguments = (tuple(ports), reload)
        self._thread = threading.Thread(target=self._run, args=arguments, name="certificate", daemon=True)
        self._thread.start()

    def note_serving(self) -> None:
        """Note that Cassandra serves: its ports can be asked now."""
        if not self._serves:
            self._wake("_serves")

    def renew(self) -> None:
        """Get another certificate now."""
        self._wake("_called")

    def stop(self) -> None:
        """End the thread, after what it does at the moment."""
        self._wake("_stopped")

    def _wake(self, name: str) -> None:
        with self._condition:
            setattr(self, name, True)
            self._condition.notify()

    def _run(self, ports: tuple[int, ...], reload: Callable[[], object]) -> None:
        while True:
            with self._condition:
                self._condition.wait_for(self._due, timeout=1.0)
                if self._stopped:
                    return
                if not self._due():
                    continue
                called, self._called = self._called, False
            try:
                if called or self._is_old():
                    self.obtain(RENEWAL_SECONDS)
                    called, self._unread = False, True
                if self._unread:
                    reload()
                    self._unread = False
                self._prove(ports)
            except (CertificateError, OSError) as error:
                _LOG.error("certificate: %s", error)
                self._facts = replace(self._facts, problem=str(error))
                self._retry_at = time.monotonic() + RETRY_SECONDS
                self._called = self._called or called
                # Before the next proof Cassandra reads the files again.
                self._unread = True

    def _due(self) -> bool:
        if self._stopped:
            return True
        if not self._serves or time.monotonic() < self._retry_at:
            return False
        return self._called or not self._facts.ports or self._is_old()

    def _is_old(self) -> bool:
        return time.time() >= renewal_at(self._facts.not_before, self._facts.not_after) and self._rests.is_over()

    def _prove(self, ports: tuple[int, ...]) -> None:
        deadline = time.monotonic() + PROOF_SECONDS
        for port in ports:
            while shown(self._holder.address, port, self._holder.files, _TIMEOUT) != self._fingerprint:
                if time.monotonic() >= deadline:
                    raise CertificateError(f"port {port} shows another certificate than {self._facts.serial}")
                time.sleep(0.2)
        self._facts = replace(self._facts, ports=ports, problem="")
        _LOG.info("ports %s show the certificate %s", ports, self._facts.serial)
