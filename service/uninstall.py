"""The end of a service: what an uninstall begins with, and what is left to do once the framework is torn down."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace

from scheduler.core.configuration.target import state_of
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
    """Whether nothing is left to do but to remove records: there are none of a cluster, or its framework is torn down.

    The framework's id is the first record to go once all is released. Raises StateCorruptError.
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
    """The stored cluster, to be removed; that it is, is stored. The settings of this start count for nothing else.

    Raises StateCorruptError, and FatalError where these settings are another service's.
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
                f"SERVICE_{name.upper()} is {given}, but what is to be removed is held by {held}. Nothing was changed.",
            )
    before = state_of(stored, target)
    if before.uninstall is not None:
        logger.warning("the uninstall of this service has begun before, and goes on")
        return before
    logger.warning("the uninstall of this service begins: all its data is going to be destroyed")
    begun = replace(before, uninstall=UninstallRecord(started_at=now, principal=principal))
    after = add_entries(begun, [uninstall_entry(principal, now)])
    Saver(store, before).save(after)
    return after


def last_snapshot(state: ClusterState | None, spec: ClusterSpec, now: float) -> Snapshot:
    """What is to be read once nothing is left."""
    if state is None:
        state = ClusterState(Configuration("", now, spec), configurations={}, nodes={}, plans={})
    record = state.uninstall or UninstallRecord(started_at=now, principal="", released=True)
    spoken = Reconciliation(started=True)
    ended = replace(state, registered=False, reconciliation=spoken, uninstall=record, uninstalled=True)
    return Snapshot(state=ended, plans=build_plans(ended, now), at=now, connected=False)
