"""Resources of a model agent: amounts that can be added and taken, and their Mesos JSON."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from scheduler.core.mesos.resources import to_milli, to_ranges, to_scalar

Json = Mapping[str, Any]


class NotEnoughError(Exception):
    """Resources that were to be taken and are not there."""


@dataclass
class Bundle:
    """Amounts of one owner (unreserved, or one reservation); volumes by persistence id, mounts by root."""

    cpus: int = 0
    mem: int = 0
    disk: int = 0
    ports: set[int] = field(default_factory=set)
    mounts: dict[str, int] = field(default_factory=dict)
    volumes: dict[str, Json] = field(default_factory=dict)

    def add(self, other: Bundle) -> None:
        self.cpus += other.cpus
        self.mem += other.mem
        self.disk += other.disk
        self.ports |= other.ports
        self.mounts.update(other.mounts)
        self.volumes.update(other.volumes)

    def take(self, other: Bundle) -> None:
        """Take all of it or raise NotEnoughError."""
        if not other.within(self):
            raise NotEnoughError(f"{other} is more than {self}")
        self.cpus -= other.cpus
        self.mem -= other.mem
        self.disk -= other.disk
        self.ports -= other.ports
        self.mounts = {root: size for root, size in self.mounts.items() if root not in other.mounts}
        self.volumes = {name: json for name, json in self.volumes.items() if name not in other.volumes}

    def within(self, other: Bundle) -> bool:
        return (
            self.cpus <= other.cpus
            and self.mem <= other.mem
            and self.disk <= other.disk
            and self.ports <= other.ports
            and self.mounts.items() <= other.mounts.items()
            and self.volumes.keys() <= other.volumes.keys()
        )

    @property
    def empty(self) -> bool:
        return not (self.cpus or self.mem or self.disk or self.ports or self.mounts or self.volumes)

    def copy(self) -> Bundle:
        return Bundle(self.cpus, self.mem, self.disk, set(self.ports), dict(self.mounts), dict(self.volumes))


Owned = dict[str, Bundle]  # by reservation's resource_id, "" for unreserved


def add_all(one: Owned, other: Owned) -> None:
    for owner, bundle in other.items():
        one.setdefault(owner, Bundle()).add(bundle)


def all_within(one: Owned, other: Owned) -> bool:
    return all(bundle.within(other.get(owner, Bundle())) for owner, bundle in one.items())


def owner_of(resource: Json) -> str:
    """Return the label resource_id of the resource's reservation."""
    for reservation in resource.get("reservations", ()):
        for label in reservation.get("labels", {}).get("labels", ()):
            if label["key"] == "resource_id":
                return str(label["value"])
    return ""


def to_bundles(resources: Iterable[Json]) -> Owned:
    """Mesos' JSON as amounts; raises ValueError for resources that no offer of this role could hold."""
    found: Owned = {}
    for resource in resources:
        bundle = found.setdefault(owner_of(resource), Bundle())
        if resource["allocation_info"] != {"role": "cassandra-role"}:
            raise ValueError("allocation_info is missing")
        bundle.add(_one(resource))
    return found


def _one(resource: Json) -> Bundle:
    name = resource["name"]
    if name == "ports":
        ranges = resource["ranges"]["range"]
        return Bundle(ports={port for item in ranges for port in range(item["begin"], item["end"] + 1)})
    amount = to_milli(resource["scalar"]["value"])
    if amount <= 0:
        raise ValueError(f"{name} is empty")
    if name != "disk":
        return Bundle(cpus=amount) if name == "cpus" else Bundle(mem=amount)
    disk = resource.get("disk", {})
    if "persistence" in disk:
        return Bundle(volumes={disk["persistence"]["id"]: resource})
    if "source" in disk:
        return Bundle(mounts={disk["source"]["mount"]["root"]: amount})
    return Bundle(disk=amount)


def to_json(owned: Owned, reservations: Mapping[str, Json]) -> list[Json]:
    """Return the amounts as an offer's resources; `reservations` are the reservation's JSON by resource_id."""
    found: list[Json] = []
    for owner, bundle in sorted(owned.items()):
        common: dict[str, Any] = {"allocation_info": {"role": "cassandra-role"}}
        if owner:
            common["reservations"] = [reservations[owner]]
        found += _scalars(bundle, common)
        if bundle.ports:
            ranges = [{"begin": low, "end": high} for low, high in to_ranges(bundle.ports)]
            found.append({"name": "ports", "type": "RANGES", "ranges": {"range": ranges}, **common})
        found += bundle.volumes.values()
    return found


def _scalars(bundle: Bundle, common: Json) -> list[Json]:
    found: list[Json] = []
    for name, amount in (("cpus", bundle.cpus), ("mem", bundle.mem), ("disk", bundle.disk)):
        if amount:
            found.append({"name": name, "type": "SCALAR", "scalar": {"value": to_scalar(amount)}, **common})
    for root, size in bundle.mounts.items():
        source = {"type": "MOUNT", "mount": {"root": root}}
        value = {"value": to_scalar(size)}
        found.append({"name": "disk", "type": "SCALAR", "scalar": value, "disk": {"source": source}, **common})
    return found
