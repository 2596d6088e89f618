"""Which keys are missing: those that sealed the records, and those of an authority in files."""

from __future__ import annotations

import logging
from dataclasses import replace

from executor.certificate_messages import OFF
from scheduler.core.configuration import logins
from scheduler.core.nodes.missing_keys import missing_key_warnings
from scheduler.core.state.authority import Authority, AuthorityRecord, RotationPhase
from scheduler.core.state.cluster import ClusterState, MissingKeys
from scheduler.core.state.logins import LoginsRecord
from scheduler.loop.logins import opening_problem
from scheduler.security.authority import AuthorityError
from scheduler.security.issuer import Issuer
from scheduler.security.sealing import Sealer

logger = logging.getLogger(__name__)

LOOK_SECONDS = 10.0


class MissingKeysWatch:
    """Looks for missing keys when a record has changed, and at the files of an authority from time to time."""

    def __init__(self, issuer: Issuer | None, sealer: Sealer | None) -> None:
        self._issuer = issuer
        self._sealer = sealer
        self._looked_at = float("-inf")
        self._looked_for: tuple[AuthorityRecord | None, LoginsRecord | None, bool, bool] | None = None
        self._unsure = ""

    def follow(self, state: ClusterState, now: float) -> ClusterState:
        """Return the state with what is missing; it is logged when that changes."""
        cassandra = state.target.spec.cassandra
        subject = (state.authority, state.logins, cassandra.encryption != OFF, cassandra.authentication != logins.OFF)
        if subject == self._looked_for and 0.0 <= now - self._looked_at < LOOK_SECONDS:
            return state
        self._looked_at, self._looked_for = now, subject
        _, _, encrypted, authenticated = subject
        found = MissingKeys(
            self._signing_problem(state.authority) if encrypted else "",
            opening_problem(state.logins, self._sealer) if authenticated else "",
        )
        if found == state.memory.missing_keys:
            return state
        after = replace(state, memory=replace(state.memory, missing_keys=found))
        for sentence in missing_key_warnings(after):
            logger.error("%s", sentence)
        return after

    def _signing_problem(self, record: AuthorityRecord | None) -> str:
        """Return why no node could get a certificate.

        Programs replace the files of an authority one after the other, so what is wrong with them must last.
        """
        if record is None:  # it is made in the same cycle, or the log says why not
            return ""
        problem = self._problem_of(record.signing)
        if problem and record.phase is RotationPhase.TRUST_BOTH and record.following is not None:
            problem = self._problem_of(record.following)
        before, self._unsure = self._unsure, problem
        return problem if record.signing.sealed or problem == before else ""

    def _problem_of(self, authority: Authority) -> str:
        if self._issuer is None:
            return ""
        try:
            self._issuer.pair(authority)
        except AuthorityError as error:
            return str(error)
        return ""
