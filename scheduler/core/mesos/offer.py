"""Offers of Mesos as values: free resources of one agent, and the reservations of this service there.

The framework subscribes with MULTI_ROLE and RESERVATION_REFINEMENT, so that resources come with `reservations`
and `allocation_info`. Amounts are in thousandths.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from executor.untrusted import MISREAD, clean_text
from scheduler.core.mesos.resources import Ranges, to_milli
from scheduler.core.state.node import Agent

Json = Mapping[str, Any]

RESOURCE_ID = "resource_id"
CLUSTER_ID = "cluster_id"
# The records of nodes keep names and attributes of agents.
_MOST_CHARACTERS = 1000
_LAST_PORT = 65535
_LARGEST_AMOUNT = 1e12


@dataclass(frozen=True)
class Mount:
    """A whole free disk; `source` is Mesos' disk.source as offered."""

    root: str
    size: int
    source: Json


@dataclass(frozen=True)
class Held:
    """The part of one reservation of this service that an offer shows. It is free, so no task uses it.

    `reservations` and `volumes` (by persistence id) are Mesos' JSON as offered; Mesos takes them back only unchanged.
    """

    reservations: tuple[Json, ...]
    cpus: int = 0
    mem: int = 0
    ports: Ranges = ()
    disk: int = 0
    mounts: tuple[Mount, ...] = ()
    volumes: Mapping[str, Json] = field(default_factory=dict)

    def label(self, key: str) -> str | None:
        """Return the value of one of the reservation's labels, None without that label."""
        return _label(self.reservations, key)


@dataclass(frozen=True)
class Offer:
    """All resources that one agent offers in this cycle; `ids` has more than one id after a merge of offers."""

    ids: tuple[str, ...]
    agent: Agent
    role: str | None
    cpus: int = 0
    mem: int = 0
    disk: int = 0
    mounts: tuple[Mount, ...] = ()
    ports: Ranges = ()
    held: Mapping[str, Held] = field(default_factory=dict)  # by resource id
    executor_ids: tuple[str, ...] = ()


def parse_offer(document: Json, role: str, principal: str) -> Offer:
    """Return one offer of Mesos' OFFERS event.

    Resources that are revocable, shared, of a resource provider or reserved by others are left out.

    Raises:
        One of MISREAD: The document is not an offer, or holds what cannot be stored.
    """
    free = _Tally()
    held: dict[str, _Tally] = {}
    for resource in document.get("resources", ()):
        if "revocable" in resource or "shared" in resource or "provider_id" in resource:
            continue
        reservations = resource.get("reservations") or ()
        if not reservations:
            free.add(resource)
        elif (label := _own_label(reservations, role, principal)) is not None:
            held.setdefault(label, _Tally(tuple(reservations))).add(resource)
    return Offer(
        ids=(_text(document["id"]["value"]),),
        agent=Agent(
            id=_text(document["agent_id"]["value"]),
            hostname=_text(document["hostname"]),
            attributes=dict(_attributes(document.get("attributes", ()))),
            url=_text(_url(document.get("url") or {})),
        ),
        role=(document.get("allocation_info") or {}).get("role"),
        cpus=free.cpus,
        mem=free.mem,
        disk=free.disk,
        mounts=tuple(free.mounts),
        ports=tuple(free.ports),
        held={label: tally.held() for label, tally in held.items()},
        executor_ids=tuple(_text(item["value"]) for item in document.get("executor_ids", ())),
    )


def by_agent(offers: Iterable[Offer]) -> dict[str, Offer]:
    """Return one offer for each agent, by agent id.

    Mesos offers the resources of an ended task in several pieces; one ACCEPT can use them together.
    """
    merged: dict[str, Offer] = {}
    for offer in offers:
        before = merged.get(offer.agent.id)
        merged[offer.agent.id] = offer if before is None else _merge(before, offer)
    return merged


def _merge(one: Offer, other: Offer) -> Offer:
    held = dict(one.held)
    for label, piece in other.held.items():
        held[label] = piece if label not in held else _merge_held(held[label], piece)
    return Offer(
        ids=one.ids + tuple(name for name in other.ids if name not in one.ids),
        agent=other.agent,
        role=one.role if one.role == other.role else None,
        cpus=one.cpus + other.cpus,
        mem=one.mem + other.mem,
        disk=one.disk + other.disk,
        mounts=one.mounts + other.mounts,
        ports=one.ports + other.ports,
        held=held,
        executor_ids=tuple(dict.fromkeys(one.executor_ids + other.executor_ids)),
    )


def _merge_held(one: Held, other: Held) -> Held:
    return Held(
        reservations=one.reservations,
        cpus=one.cpus + other.cpus,
        mem=one.mem + other.mem,
        ports=one.ports + other.ports,
        disk=one.disk + other.disk,
        mounts=one.mounts + other.mounts,
        volumes={**one.volumes, **other.volumes},
    )


class _Tally:
    """The sum of resources of one owner."""

    def __init__(self, reservations: tuple[Json, ...] = ()) -> None:
        self.reservations = reservations
        self.cpus = self.mem = self.disk = 0
        self.ports: list[tuple[int, int]] = []
        self.mounts: list[Mount] = []
        self.volumes: dict[str, Json] = {}

    def add(self, resource: Json) -> None:
        name = resource["name"]
        if name == "ports":
            self.ports += _ports(resource["ranges"]["range"])
        elif name == "disk":
            self._add_disk(resource)
        elif name == "cpus":
            self.cpus += _amount(resource)
        elif name == "mem":
            self.mem += _amount(resource)

    def _add_disk(self, resource: Json) -> None:
        size = _amount(resource)
        disk = resource.get("disk") or {}
        source = disk.get("source")
        if "persistence" in disk:
            self.volumes[_text(disk["persistence"]["id"])] = resource
        elif source is None:
            self.disk += size
        elif source.get("type") == "MOUNT":
            self.mounts.append(Mount(_text((source.get("mount") or {}).get("root", "")), size, source))

    def held(self) -> Held:
        return Held(
            self.reservations,
            self.cpus,
            self.mem,
            tuple(self.ports),
            self.disk,
            tuple(self.mounts),
            self.volumes,
        )


def _own_label(reservations: Iterable[Json], role: str, principal: str) -> str | None:
    top = tuple(reservations)[-1]
    if top.get("type") != "DYNAMIC" or top.get("role") != role or top.get("principal") != principal:
        return None
    return _label(reservations, RESOURCE_ID)


def _label(reservations: Iterable[Json], key: str) -> str | None:
    for label in (tuple(reservations)[-1].get("labels") or {}).get("labels", ()):
        if label.get("key") == key:
            return str(label.get("value"))
    return None


def _url(url: Json) -> str:
    address = url.get("address") or {}
    host = address.get("ip") or address.get("hostname")
    return f"{url.get('scheme', 'http')}://{host}:{address['port']}" if host and "port" in address else ""


def _attributes(items: Iterable[Json]) -> Iterator[tuple[str, str]]:
    """Yield the name and the value of each attribute of an agent that can be read; others concern no constraint."""
    for item in items:
        try:
            yield _text(item["name"]), clean_text(_value(item), _MOST_CHARACTERS)
        except MISREAD:
            continue


def _value(attribute: Json) -> str:
    kind = attribute.get("type", "TEXT")
    if kind == "SCALAR":
        return f"{float(attribute['scalar']['value']):g}"
    if kind == "RANGES":
        return "[" + ",".join(f"{item['begin']}-{item['end']}" for item in attribute["ranges"]["range"]) + "]"
    if kind == "SET":
        return "{" + ",".join(attribute["set"]["item"]) + "}"
    return str(attribute["text"]["value"])


def _text(value: object) -> str:
    """Return a name of Mesos, which is stored. Raises ValueError for one that cannot be, or that is endless."""
    if not isinstance(value, str) or not value.isprintable() or len(value) > _MOST_CHARACTERS:
        raise ValueError(f"{value!r:.100} is not a name")
    return value


def _amount(resource: Json) -> int:
    """Return a resource's scalar in thousandths. Raises ValueError for what is no amount of anything."""
    value = resource["scalar"]["value"]
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _LARGEST_AMOUNT:
        raise ValueError(f"{value!r:.100} is not an amount")
    return to_milli(value)


def _ports(ranges: Iterable[Json]) -> Iterator[tuple[int, int]]:
    """Yield the ranges of ports, without numbers that no port has."""
    for item in ranges:
        low, high = int(item["begin"]), min(int(item["end"]), _LAST_PORT)
        if 0 <= low <= high:
            yield low, high
