"""Launches: whether an offer can carry a node, and the offer operations for it.

`*_refusals` return every reason against an offer. `launch_*` build the record and the operations for a chosen offer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from scheduler.core.configuration.logins import Stage
from scheduler.core.cycle.decision import Accept, Fit, Purpose
from scheduler.core.mesos.executor_command import FORM, Digests, digests_of
from scheduler.core.mesos.offer import Held, Json, Mount, Offer
from scheduler.core.mesos.offer_operations import (
    Hold,
    build_create,
    build_launch,
    build_reserve,
    disk,
    new_hold,
    operation_id,
    ports,
    shares,
    volume,
)
from scheduler.core.mesos.placement import Spread
from scheduler.core.mesos.resources import Needs, Share, contains, node_needs, to_scalar
from scheduler.core.mesos.task_info import Executor, Launch, Seeds, build_task, executor_id, task_id
from scheduler.core.nodes import side_by_side
from scheduler.core.nodes.replacement import kept_rack
from scheduler.core.state.configuration import Configuration
from scheduler.core.state.lifecycle import is_paused, previous_place
from scheduler.core.state.node import Agent, NodeRecord, Reservation, TaskRecord, TaskState
from scheduler.core.state.reason import Code, Reason
from scheduler.core.state.spec import ClusterSpec

ATTRIBUTES_LIMIT = 1200
# Cassandra makes its default superuser, whose password is known to all, only if there is no role by then.
_NO_DEFAULT_SUPERUSER = ("-Dcassandra.superuser_setup_delay_ms=3600000",)


@dataclass(frozen=True)
class Start:
    """The inputs of a launch besides node and offer. `now` is in seconds since the epoch.

    `digests` are the SHA-256 of bundles by address.
    `stage` is that of authentication and authorization. `makes_default_superuser`:
    Cassandra may make its own, as usual. `paired`: another node may join at the same time.
    """

    configuration: Configuration
    seeds: Seeds
    framework_id: str | None
    now: float
    new_id: Callable[[], str]
    cluster_id: str = ""
    digests: Digests = field(default_factory=dict)
    stage: Stage = field(default_factory=Stage)
    makes_default_superuser: bool = True
    paired: bool = False


def rack_of(spec: ClusterSpec, agent: Agent) -> str | None:
    """Return the rack of a node on this agent; None if the agent lacks the attribute that names it."""
    return agent.attributes.get(spec.rack_attribute) if spec.rack_attribute else spec.cassandra.rack


def new_refusals(spec: ClusterSpec, offer: Offer, taken: Iterable[str], spread: Spread) -> tuple[Reason, ...]:
    """Return every reason why this offer cannot carry a new node; `taken` are the ids of agents with another node."""
    found: list[Reason] = []
    if offer.role is not None and offer.role != spec.role:
        found.append(Reason(Code.OTHER_ROLE, f"the offer is for role {offer.role}, not {spec.role}"))
    if offer.agent.id in taken:
        found.append(Reason(Code.AGENT_TAKEN, "another node of this cluster is on this agent and needs the same ports"))
    needs = node_needs(spec)
    found += _shortages("free", Share(offer.cpus, offer.mem), needs.total)
    found += _missing_ports("free", needs, [port for port in needs.ports if not contains(offer.ports, port)])
    if needs.disk_type == "ROOT" and offer.disk < needs.disk:
        found.append(Reason(Code.DISK, _amount("disk", "free", offer.disk, needs.disk, " MB")))
    elif needs.disk_type == "MOUNT" and _pick_mount(offer.mounts, needs.disk) is None:
        found.append(Reason(Code.DISK, f"no free MOUNT disk of at least {to_scalar(needs.disk):g} MB"))
    if rack_of(spec, offer.agent) is None:
        found.append(Reason(Code.NO_RACK, f"the agent has no attribute {spec.rack_attribute}, which names the rack"))
    found += [Reason(Code.PLACEMENT, text) for text in spread.refusals(offer.agent)]
    return tuple(found)


def launch_new(node: NodeRecord, offer: Offer, start: Start) -> Fit:
    """Return RESERVE, CREATE and LAUNCH in one accept, for an offer without `new_refusals`."""
    spec, needs = start.configuration.spec, node_needs(start.configuration.spec)
    mount = _pick_mount(offer.mounts, needs.disk) if needs.disk_type == "MOUNT" else None
    size, source = (needs.disk, None) if mount is None else (mount.size, mount.source)
    reservation = Reservation(
        id=start.new_id(),
        volume_id=start.new_id(),
        mount_root=None if mount is None else mount.root,
        disk_mb=to_scalar(size),
        cluster_id=start.cluster_id,
    )
    hold = new_hold(spec.role, spec.principal, reservation.id, start.cluster_id)
    created = volume(hold, size, source, reservation.volume_id, spec.principal)
    agent = Agent(offer.agent.id, offer.agent.hostname, _kept_attributes(spec, offer.agent), offer.agent.url)
    record = replace(
        node, agent=agent, reservation=reservation, rack=kept_rack(node) or rack_of(spec, offer.agent) or ""
    )
    record = _add_task(record, start)
    assert record.task is not None
    reserved = [*shares(hold, needs.total), ports(hold, needs.ports), disk(hold, size, source)]
    before = (
        build_reserve(operation_id("reserve", record.task.id), reserved),
        build_create(operation_id("create", record.task.id), [created]),
    )
    return _fit(record, offer, start, hold, created, before)


def in_place_refusals(node: NodeRecord, offer: Offer, configuration: Configuration) -> tuple[Reason, ...]:
    """Return every reason why this offer cannot carry the node on its own reservation and volume."""
    assert node.reservation is not None
    held = offer.held.get(node.reservation.id)
    if held is None:
        return (Reason(Code.FOREIGN_AGENT, f"the offer does not hold the reservation of {node.name}"),)
    needs = node_needs(configuration.spec)
    found = _shortages("reserved", Share(held.cpus, held.mem), needs.launch)
    found += _missing_ports("reserved", needs, [port for port in needs.ports if not contains(held.ports, port)])
    if node.reservation.volume_id not in held.volumes and not _can_create(node.reservation, held, needs):
        found.append(Reason(Code.VOLUME_MISSING, f"the volume {node.reservation.volume_id} is not offered"))
    return tuple(found)


def is_unused(reservation: Reservation, offer: Offer, configuration: Configuration) -> bool:
    """Return whether the offer proves that no task uses the reservation: it has the volume, or none was ever made."""
    held = offer.held.get(reservation.id)
    if held is None:
        return False
    return reservation.volume_id in held.volumes or _can_create(reservation, held, node_needs(configuration.spec))


def launch_in_place(node: NodeRecord, offer: Offer, start: Start) -> Fit:
    """Return LAUNCH on the node's own reservation.

    CREATE comes before it if the volume of a first launch was never made.
    """
    assert node.reservation is not None
    spec = start.configuration.spec
    held = offer.held[node.reservation.id]
    hold = Hold(held.reservations, spec.role)
    existing = held.volumes.get(node.reservation.volume_id)
    agent = Agent(offer.agent.id, offer.agent.hostname, _kept_attributes(spec, offer.agent), offer.agent.url)
    reservation = node.reservation if existing is None else replace(node.reservation, seen=True)
    record = _add_task(replace(node, agent=agent, reservation=reservation), start)
    assert record.task is not None
    if existing is not None:
        return _fit(record, offer, start, hold, existing, ())
    mount = _pick_mount(held.mounts, node_needs(spec).disk)
    size, source = (node_needs(spec).disk, None) if mount is None else (mount.size, mount.source)
    created = volume(hold, size, source, reservation.volume_id, spec.principal)
    create = build_create(operation_id("create", record.task.id), [created])
    return _fit(record, offer, start, hold, created, (create,))


def _add_task(node: NodeRecord, start: Start) -> NodeRecord:
    unique = start.new_id()
    earlier = node.task.digests if node.task is not None else {}
    task = TaskRecord(
        id=task_id(node.name, unique),
        executor_id=executor_id(node.name, unique),
        configuration=start.configuration.id,
        state=TaskState.STAGING,
        launched_at=start.now,
        updated_at=start.now,
        digests=digests_of(start.configuration.spec.executor.uris, start.digests, earlier),
        command_form=FORM,
        authentication=start.stage.authentication,
        authorization=start.stage.authorization,
        paired=start.paired,
    )
    # What its peers said is about the task before.
    return replace(node, task=task, mode="UNKNOWN", missing=None, given_up=None)


def _fit(
    record: NodeRecord, offer: Offer, start: Start, hold: Hold, volume_json: Json, before: tuple[Json, ...]
) -> Fit:
    assert record.task is not None
    assert record.agent is not None
    previous = previous_place(record)
    configuration, launched = start.configuration, record.task
    executor = Executor(
        record.name, launched.executor_id, configuration, start.framework_id, hold, launched.digests,
        launched.command_form,
    )  # fmt: skip
    task = build_task(
        Launch(
            node=record.name,
            task_id=launched.id,
            executor=executor,
            agent=record.agent,
            rack=record.rack,
            configuration=configuration,
            seeds=start.seeds,
            hold=hold,
            volume=volume_json,
            replace_address=previous.address if previous is not None else None,
            paused=is_paused(record),
            options=start.stage.options(configuration.spec),
            jvm_options=(
                *(() if start.makes_default_superuser else _NO_DEFAULT_SUPERUSER),
                *(side_by_side.JVM_OPTIONS if start.paired else ()),
            ),
        )
    )
    return Fit(record, Accept(Purpose.NODE, record.name, offer.ids, (*before, build_launch(task))))


def _can_create(reservation: Reservation, held: Held, needs: Needs) -> bool:
    """Return whether the volume may be created: only one that never held data."""
    if reservation.seen:
        return False
    if needs.disk_type == "MOUNT":
        return _pick_mount(held.mounts, needs.disk) is not None
    return held.disk >= needs.disk


def _pick_mount(mounts: Iterable[Mount], size: int) -> Mount | None:
    """Return the smallest disk that is large enough: a MOUNT disk is taken whole."""
    return min(
        (mount for mount in mounts if mount.size >= size), key=lambda mount: (mount.size, mount.root), default=None
    )


def _shortages(word: str, has: Share, needs: Share) -> list[Reason]:
    found = []
    if has.cpus < needs.cpus:
        found.append(Reason(Code.CPUS, _amount("cpus", word, has.cpus, needs.cpus)))
    if has.mem < needs.mem:
        found.append(Reason(Code.MEM, _amount("memory", word, has.mem, needs.mem, " MB")))
    return found


def _amount(name: str, word: str, has: int, needs: int, unit: str = "") -> str:
    return f"{name}: {to_scalar(has):g}{unit} {word}, {to_scalar(needs):g}{unit} needed"


def _missing_ports(word: str, needs: Needs, missing: list[int]) -> list[Reason]:
    if not missing:
        return []
    numbers = ", ".join(str(port) for port in missing)
    return [Reason(Code.PORTS, f"ports not {word}: {numbers}")]


def _kept_attributes(spec: ClusterSpec, agent: Agent) -> dict[str, str]:
    """Return the attributes to record: all, unless the agent has very many; the rack's comes first."""
    kept: dict[str, str] = {}
    room = ATTRIBUTES_LIMIT
    for name in sorted(
        agent.attributes, key=lambda name: (name != spec.rack_attribute, name not in spec.placement, name)
    ):
        room -= len(f"{name}{agent.attributes[name]}".encode()) + 6  # with the signs around them in JSON
        if room < 0:
            break
        kept[name] = agent.attributes[name]
    return kept
