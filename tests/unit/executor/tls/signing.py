"""The scheduler's side of a certificate, for the executor's tests: an authority that signs what a node asks for."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from executor.certificate_messages import CertificateReply
from executor.tls.files import TlsFiles
from executor.tls.renewal import Certificates, Holder
from scheduler.security.authority import KeyPair, Names, new_authority, sign_node

ADDRESS = "127.0.0.1"


@dataclass
class Signer:
    """A scheduler that answers at once, or as `change` makes it."""

    folder: Path
    authority: KeyPair = field(default_factory=lambda: new_authority("test", time.time() - 172_800))
    days: float = 30.0
    ahead: float = 0.0  # of its clock, in seconds
    change: Callable[[CertificateReply], CertificateReply] = lambda reply: reply
    asked: int = 0

    def __post_init__(self) -> None:
        self.files = TlsFiles(self.folder / "tls")
        self.certificates = Certificates(Holder("node-0", ADDRESS, self.files), self.answer)

    def answer(self, request: str) -> None:
        self.asked += 1
        names = Names("node-0", (ADDRESS,), ("host.example",), "spiffe://test/node-0")
        chain = sign_node(request, names, self.authority, self.days, time.time() + self.ahead)
        self.certificates.take(self.change(CertificateReply("t1", chain, self.authority.certificate)))
