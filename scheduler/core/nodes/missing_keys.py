"""What cannot be done because a key is missing: told at once, and before a node is stopped that could not start again.

Otherwise an operator learns it from the first job that cannot log in, or from a node that does not come back.
"""

from __future__ import annotations

from executor.certificate_messages import OFF
from scheduler.core.state.cluster import ClusterState
from scheduler.core.state.event import Entry, EntryKind
from scheduler.core.state.lifecycle import is_down
from scheduler.core.state.node import IntentKind, NodeRecord
from scheduler.core.state.reason import Code, Reason

_SEALED = "add the key that sealed it to SECRETS_KEY_FILE again, or rotate the authority by PUT /v1/certificates/rotate"
_IN_FILES = "put them back, or another pair, which begins a rotation"
HOW_TO_OPEN = (
    "Add the key that sealed them to SECRETS_KEY_FILE again; if it is lost, change SECURITY_AUTHENTICATION to off, and "
    "then to on again"
)


def missing_key_warnings(state: ClusterState) -> tuple[str, ...]:
    """Return a sentence for each of the things that cannot be done, with the cause and what to do."""
    missing = state.memory.missing_keys
    found = []
    if missing.signing:
        found.append(
            f"No node could start again or renew its certificate: {missing.signing}. To mend it, {_remedy(state)}."
        )
    if missing.logins:
        found.append(
            "The service cannot log in to Cassandra, so backups, restores, repairs and rotations of passwords fail: "
            f"{missing.logins}. {HOW_TO_OPEN}."
        )
    return tuple(found)


def certificate_missing(state: ClusterState, node: NodeRecord) -> Reason | None:
    """Return that a node must not be stopped for a restart, since it would get no certificate; None if it may."""
    intent, missing = node.intent, state.memory.missing_keys.signing
    if not missing or intent is None or intent.kind is not IntentKind.RESTART or is_down(node):
        return None
    if state.target.spec.cassandra.encryption == OFF:
        return None
    return Reason(
        Code.CERTIFICATE, f"waits, since its next launch would get no certificate: {missing}; {_remedy(state)}"
    )


def missing_key_entries(before: ClusterState, after: ClusterState, now: float) -> list[Entry]:
    """Return the events since `before` was stored."""
    old, new = before.memory.missing_keys, after.memory.missing_keys
    if old == new:
        return []
    found = []
    if new.signing != old.signing:
        words = f"no node could get a certificate: {new.signing}" if new.signing else "nodes can get certificates again"
        found.append(Entry(0, now, EntryKind.CERTIFICATE, words))
    if new.logins != old.logins:
        lost = f"the service cannot log in to Cassandra: {new.logins}"
        words = lost if new.logins else "the service can log in to Cassandra again"
        found.append(Entry(0, now, EntryKind.SCHEDULER, words))
    return found


def _remedy(state: ClusterState) -> str:
    record = state.authority
    return _IN_FILES if record is not None and not record.signing.sealed else _SEALED
