"""The record of the authority that signs the nodes' certificates, and of its rotation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from executor.certificate_messages import split_certificates
from scheduler.core.state.node import SCHEMA_VERSION


@dataclass(frozen=True)
class Authority:
    """One authority: its certificate as PEM, and its sealed key, which is empty if the key is in a file."""

    certificate: str
    sealed: str = ""


class RotationPhase(StrEnum):
    """The phases of a rotation; each ends when every node has proven it."""

    TRUST_BOTH = "TRUST_BOTH"  # the nodes trust the old authority and the new one
    NEW_CERTIFICATES = "NEW_CERTIFICATES"  # the new one signs, and the nodes show its certificates
    TRUST_NEW = "TRUST_NEW"  # the nodes trust the new one only


@dataclass(frozen=True)
class AuthorityRecord:
    """The authority, stored under `authority`; during a rotation also the `following` one, with the phase.

    `rotated_at` is the end of the last rotation, in seconds since the epoch. `renewals` are the serial numbers of the
    certificates that an operator wants to be replaced, by node.
    """

    current: Authority
    following: Authority | None = None
    phase: RotationPhase | None = None
    principal: str = ""
    rotated_at: float | None = None
    renewals: Mapping[str, str] = field(default_factory=dict)
    schema_version: int = SCHEMA_VERSION

    @property
    def signing(self) -> Authority:
        """Return the authority that signs at present."""
        if self.following is None or self.phase is RotationPhase.TRUST_BOTH:
            return self.current
        return self.following

    @property
    def trusted(self) -> tuple[Authority, ...]:
        """Return the authorities that nodes trust from now on, the signing one first."""
        if self.following is None:
            return (self.current,)
        if self.phase is RotationPhase.TRUST_NEW:
            return (self.following,)
        other = self.following if self.signing is self.current else self.current
        return (self.signing, other)

    @property
    def trusted_pem(self) -> str:
        """Return the certificates that nodes trust, as PEM.

        Files that an earlier version stored as they were can lack the newline at their end.
        """
        return "".join(pem for item in self.trusted for pem in split_certificates(item.certificate))
