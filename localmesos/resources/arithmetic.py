"""Arithmetic of Mesos resources, and their two JSON formats.

A `Resource` is one piece (so much cpus with one reservation); a set of pieces is a `Resources`. Scalars count in
thousandths, so that sums are exact. Parsing takes the formats before and after RESERVATION_REFINEMENT.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_EVEN, Decimal
from functools import cached_property
from typing import Any, Self

from localmesos.resources import ranges
from localmesos.resources.ranges import Ranges

Json = dict[str, Any]
Value = int | Ranges
"""Thousandths of a scalar, or ranges."""

UNRESERVED_ROLE = "*"
_MAX_SCALAR = 1e15


class ResourceError(ValueError):
    """JSON that is no resource; the text is Mesos' message."""


def _frozen(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def millis(value: float) -> int:
    """Return the thousandths of a scalar, rounded as Mesos does.

    Raises:
        ResourceError: the value is no amount.
    """
    if not abs(value) < _MAX_SCALAR:
        raise ResourceError("Invalid scalar resource: value is out of range")
    return int((Decimal(str(value)) * 1000).quantize(Decimal(1), rounding=ROUND_HALF_EVEN))


@dataclass(frozen=True)
class Resource:
    """One piece. `reservations` (innermost last) and `disk` are JSON texts, so that pieces compare and hash."""

    name: str
    value: Value
    reservations: tuple[str, ...] = ()
    disk: str | None = None
    role: str | None = None
    """Role that it is allocated to."""
    rest: str | None = None
    """Revocable, shared and provider fields, as they came."""

    @property
    def empty(self) -> bool:
        """Return whether the piece has no amount."""
        return not self.value or (isinstance(self.value, int) and self.value < 0)

    @cached_property
    def disk_info(self) -> Json:
        """Return Mesos' DiskInfo, empty without one."""
        found: Json = json.loads(self.disk) if self.disk else {}
        return found

    @cached_property
    def reservation_infos(self) -> list[Json]:
        """Return Mesos' ReservationInfos, the innermost last."""
        return [json.loads(text) for text in self.reservations]

    @property
    def persistence_id(self) -> str | None:
        """Return the id of the persistent volume, None if the piece is none."""
        found: str | None = self.disk_info.get("persistence", {}).get("id")
        return found

    @property
    def exclusive(self) -> bool:
        """Return whether the piece is used as a whole: a persistent volume or a MOUNT disk."""
        return self.persistence_id is not None or self.disk_info.get("source", {}).get("type") == "MOUNT"

    @cached_property
    def key(self) -> tuple[object, ...]:
        """Return the properties that two pieces must share to be added; the mode of a volume does not count."""
        source = _frozen(self.disk_info["source"]) if "source" in self.disk_info else None
        kind = type(self.value)
        return (self.name, kind, self.reservations, source, self.persistence_id, bool(self.disk), self.role, self.rest)

    @property
    def reserved_role(self) -> str:
        """Return the role of the innermost reservation, ``*`` without one."""
        role: str = self.reservation_infos[-1]["role"] if self.reservations else UNRESERVED_ROLE
        return role

    @property
    def dynamic(self) -> bool:
        """Return whether a framework or operator made the innermost reservation."""
        return bool(self.reservations) and self.reservation_infos[-1].get("type") == "DYNAMIC"

    @property
    def checkpointed(self) -> bool:
        """Return whether an agent keeps the piece on disk: a dynamic reservation or a volume."""
        return self.dynamic or self.persistence_id is not None

    def allocated(self, role: str | None) -> Self:
        """Return the same piece, allocated to `role` (None: not allocated)."""
        return replace(self, role=role)

    def with_value(self, value: Value) -> Self:
        """Return the same piece with another amount."""
        return replace(self, value=value)

    def popped(self) -> Self:
        """Return the piece without its innermost reservation."""
        return replace(self, reservations=self.reservations[:-1])

    def without_volume(self) -> Self:
        """Return the disk from which the persistent volume was made."""
        source = self.disk_info.get("source")
        return replace(self, disk=_frozen({"source": source}) if source else None)

    def to_json(self, refined: bool = True) -> Json:
        """Return Mesos JSON after (`refined`) or before RESERVATION_REFINEMENT."""
        found: Json = {"name": self.name}
        if isinstance(self.value, int):
            found |= {"type": "SCALAR", "scalar": {"value": self.value / 1000}}
        else:
            found |= {"type": "RANGES", "ranges": {"range": [{"begin": b, "end": e} for b, e in self.value]}}
        if not refined:
            found |= self._old_reservation()
        if self.role is not None:
            found["allocation_info"] = {"role": self.role}
        if refined and self.reservations:
            found["reservations"] = self.reservation_infos
        if self.disk:
            found["disk"] = self.disk_info
        if self.rest:
            found |= json.loads(self.rest)
        return found

    def _old_reservation(self) -> Json:
        found: Json = {"role": self.reserved_role}
        if self.dynamic:
            info = self.reservation_infos[-1]
            found["reservation"] = {name: info[name] for name in ("principal", "labels") if name in info}
        return found

    def __str__(self) -> str:
        """Return the piece as Mesos' messages show it."""
        return "".join((self.name, self._allocation_text(), self._reservation_text(), self._disk_text(), ":")) + (
            f"{self.value / 1000:.3f}".rstrip("0").rstrip(".")
            if isinstance(self.value, int)
            else ranges.text(self.value)
        )

    def _allocation_text(self) -> str:
        return f"(allocated: {self.role})" if self.role is not None else ""

    def _reservation_text(self) -> str:
        texts = []
        for info in self.reservation_infos:
            fields = [info.get("type", "UNKNOWN"), info.get("role", "")]
            fields += [info["principal"]] if "principal" in info else []
            if labels := info.get("labels", {}).get("labels"):
                fields.append("{" + ", ".join(_label_text(label) for label in labels) + "}")
            texts.append(f"({','.join(fields)})")
        return f"(reservations: [{','.join(texts)}])" if texts else ""

    def _disk_text(self) -> str:
        if not self.disk:
            return ""
        source, volume = self.disk_info.get("source"), self.disk_info.get("volume")
        parts = []
        if source:
            root = source.get(source.get("type", "").lower(), {}).get("root")
            parts.append(source.get("type", "") + (f":{root}" if root else ""))
        if self.persistence_id is not None:
            parts.append(self.persistence_id)
        mounted = f":{volume['container_path']}" if volume and "container_path" in volume else ""
        return f"[{','.join(parts)}{mounted}]"


def _label_text(label: Json) -> str:
    return f"{label['key']}: {label['value']}" if "value" in label else str(label["key"])


def parse(data: Json) -> Resource:
    """Return the piece that Mesos JSON of either format describes.

    Raises:
        ResourceError: the JSON is no resource.
    """
    disk, allocation = data.get("disk"), data.get("allocation_info")
    rest = {name: data[name] for name in ("provider_id", "revocable", "shared") if name in data}
    return Resource(
        name=data["name"],
        value=_value(data),
        reservations=tuple(_frozen(info) for info in _reservations(data)),
        disk=_frozen(disk) if disk else None,
        role=allocation.get("role") if allocation else None,
        rest=_frozen(rest) if rest else None,
    )


def _value(data: Json) -> Value:
    kind = data.get("type")
    if kind == "SCALAR" and "scalar" in data:
        return millis(data["scalar"]["value"])
    if kind == "RANGES" and "ranges" in data:
        return ranges.normal((int(r["begin"]), int(r["end"])) for r in data["ranges"].get("range", []))
    raise ResourceError(f"Unsupported resource type or missing value of '{data['name']}'")


def _reservations(data: Json) -> list[Json]:
    if "reservations" in data:
        found: list[Json] = data["reservations"]
        if any(info.get("role", UNRESERVED_ROLE) == UNRESERVED_ROLE for info in found):
            raise ResourceError(f"Resource '{data['name']}' has a reservation without a role")
        return found
    role, old = data.get("role", UNRESERVED_ROLE), data.get("reservation")
    if role == UNRESERVED_ROLE and old is None:
        return []
    if old is None:
        return [{"type": "STATIC", "role": role}]
    return [{"type": "DYNAMIC", "role": role, **{k: v for k, v in old.items() if k in ("principal", "labels")}}]


def _addable(left: Resource, right: Resource) -> bool:
    return left.key == right.key and not left.exclusive


def _subtractable(left: Resource, right: Resource) -> bool:
    return left.key == right.key and (not left.exclusive or left.value == right.value)


def _plus(left: Value, right: Value) -> Value:
    if isinstance(left, int) and isinstance(right, int):
        return left + right
    assert not isinstance(left, int)
    assert not isinstance(right, int)
    return ranges.union(left, right)


def _minus(left: Value, right: Value) -> Value:
    if isinstance(left, int) and isinstance(right, int):
        return left - right
    assert not isinstance(left, int)
    assert not isinstance(right, int)
    return ranges.difference(left, right)


def _covers(left: Resource, right: Resource) -> bool:
    if not _subtractable(left, right):
        return False
    if isinstance(left.value, int) and isinstance(right.value, int):
        return left.value >= right.value
    return not _minus(right.value, left.value)


class Resources:
    """An immutable set of pieces in which equal kinds are summed."""

    __slots__ = ("_pieces",)

    def __init__(self, pieces: Iterable[Resource] = ()) -> None:
        self._pieces: tuple[Resource, ...] = tuple(_summed(pieces))

    @classmethod
    def parse(cls, data: Iterable[Json]) -> Self:
        """Return the pieces of Mesos JSON in either format.

        Raises:
            ResourceError: a piece is no resource.
        """
        return cls(parse(item) for item in data)

    def __iter__(self) -> Iterator[Resource]:
        return iter(self._pieces)

    def __bool__(self) -> bool:
        return bool(self._pieces)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Resources) and self.contains(other) and other.contains(self)

    def __hash__(self) -> int:
        return hash(frozenset((piece.key, piece.value) for piece in self._pieces))

    def __add__(self, other: "Resources") -> "Resources":
        return Resources((*self._pieces, *other))

    def __sub__(self, other: "Resources") -> "Resources":
        """Return the rest; pieces that are not here are ignored."""
        left = list(self._pieces)
        for piece in other:
            _take(left, piece)
        return Resources(left)

    def __str__(self) -> str:
        return "; ".join(str(piece) for piece in self._pieces)

    def __repr__(self) -> str:
        return f"Resources({self})"

    def contains(self, other: "Resources") -> bool:
        """Return whether `other` is part of these resources."""
        left = list(self._pieces)
        return all(_take(left, piece) for piece in other)

    def filter(self, keep: Callable[[Resource], bool]) -> "Resources":
        """Return the pieces for which `keep` returns True."""
        return Resources(piece for piece in self._pieces if keep(piece))

    def allocated(self, role: str | None) -> "Resources":
        """Return the same resources, allocated to `role` (None: not allocated)."""
        return Resources(piece.allocated(role) for piece in self._pieces)

    def to_json(self, refined: bool = True) -> list[Json]:
        """Return Mesos JSON after (`refined`) or before RESERVATION_REFINEMENT."""
        return [piece.to_json(refined) for piece in self._pieces]


def _summed(pieces: Iterable[Resource]) -> list[Resource]:
    found: list[Resource] = []
    for piece in pieces:
        if piece.empty:
            continue
        for index, present in enumerate(found):
            if _addable(present, piece):
                found[index] = present.with_value(_plus(present.value, piece.value))
                break
        else:
            found.append(piece)
    return found


def _take(left: list[Resource], piece: Resource) -> bool:
    """Subtract `piece` in place as far as it is there, and return whether all of it was."""
    candidates = [index for index, present in enumerate(left) if _subtractable(present, piece)]
    if not candidates:
        return False
    index = candidates[0]
    complete = _covers(left[index], piece)
    rest = left[index].with_value(_minus(left[index].value, piece.value))
    if rest.empty or rest.exclusive:
        # As in Mesos, the last piece moves into the gap.
        left[index] = left[-1]
        left.pop()
    else:
        left[index] = rest
    return complete
