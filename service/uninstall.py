"""The uninstall of a service: its first state, and its last snapshot."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace

from scheduler.core.configuration.target import build_state
from scheduler.core.events.log import add_entries
from scheduler.core.events.reservations import uninstall_entry
from scheduler.core.plans.build import build_plans
from scheduler.core.state import codec, record_kinds
from scheduler.core.state.cluster import ClusterState, Reconciliation, UninstallRecord
from scheduler.core.state.configuration import Configuration
from scheduler.core.state.spec import ClusterSpec
from scheduler.errors import Exit, FatalError
from scheduler.loop.snapshot import Snapshot
from scheduler.storage.port import Store
from scheduler.storage.saver import Saver

logger = logging.getLogger(__name__)


def is_over(contents: Mapping[str, bytes]) -> bool:
    """Return whether only records are left to remove: there is no cluster, or its framework is torn down.

    The framework's id is the first record that is removed once everything is released. Raises StateCorruptError.
    """
    if record_kinds.UNINSTALL not in contents:
        return record_kinds.TARGET not in contents and not any(
            path.startswith(f"{record_kinds.NODES}/") for path in contents
        )
    record = codec.decode_record(record_kinds.UNINSTALL, contents[record_kinds.UNINSTALL])
    return isinstance(record, UninstallRecord) and record.released and record_kinds.FRAMEWORK_ID not in contents


def begin_removal(
    store: Store, contents: Mapping[str, bytes], spec: ClusterSpec, now: float, principal: str
) -> ClusterState:
    """Load the stored cluster and store that its uninstall has begun.

    Args:
        store: The records.
        contents: All of them, as loaded.
        spec: The settings of this start, whose role and principal must be those of the cluster.
        now: Seconds since the epoch.
        principal: The name of the operator or setting that began the uninstall.

    Raises:
        StateCorruptError: A record cannot be read.
        FatalError: The settings are those of another service.
    """
    stored = codec.load(contents)
    if stored.target is None:
        raise codec.StateCorruptError(record_kinds.TARGET, "it is missing")
    target = stored.configurations[stored.target]
    for name in ("role", "principal"):
        held, given = getattr(target.spec, name), getattr(spec, name)
        if held != given:
            raise FatalError(
                Exit.SETTINGS,
                f"SERVICE_{name.upper()} is {given}, but the service to remove has {held}. Nothing has changed.",
            )
    before = build_state(stored, target)
    if before.uninstall is not None:
        logger.warning("the uninstall of this service continues")
        return before
    logger.warning("the uninstall of this service begins: all of its data will be destroyed")
    begun = replace(before, uninstall=UninstallRecord(started_at=now, principal=principal))
    after = add_entries(begun, [uninstall_entry(principal, now)])
    Saver(store, before).save(after)
    return after


def last_snapshot(state: ClusterState | None, spec: ClusterSpec, now: float) -> Snapshot:
    """Return the snapshot to serve once nothing is left."""
    if state is None:
        state = ClusterState(Configuration("", now, spec), configurations={}, nodes={}, plans={})
    record = state.uninstall or UninstallRecord(started_at=now, principal="", released=True)
    # Its records are removed; the nodes stay for the steps of the plan.
    ended = replace(
        state,
        operations={},
        steps={},
        history={},
        registered=False,
        reconciliation=Reconciliation(started=True),
        uninstall=record,
        uninstalled=True,
    )
    return Snapshot(state=ended, plans=build_plans(ended, now), at=now, connected=False)
