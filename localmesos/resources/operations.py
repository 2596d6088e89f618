"""RESERVE, UNRESERVE, CREATE and DESTROY: Mesos' checks, and the effect on resources. Pure."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from localmesos.protocol.identifiers import IdentifierError, check_identifier
from localmesos.resources.arithmetic import Resource, ResourceError, Resources, parse

Json = dict[str, Any]

_PAYLOADS = {"RESERVE": "resources", "UNRESERVE": "resources", "CREATE": "volumes", "DESTROY": "volumes"}
RESOURCE_OPERATIONS = frozenset(_PAYLOADS)


class OperationError(ValueError):
    """A refusal of an operation; the text is Mesos' message."""


@dataclass(frozen=True)
class Conversion:
    """The resources that an operation consumes and their replacement, both allocated to the offer's role."""

    consumed: Resources
    converted: Resources


@dataclass(frozen=True)
class Operator:
    """The author of an operation: the offer's role, the framework's principal if it has one."""

    role: str
    principal: str | None


def convert(operation: Json, operator: Operator, pool: Resources, total: Resources) -> Conversion:
    """Return the effect of an operation on `pool`, the offered resources.

    `total` is the agent's, for volumes that exist outside of the offer.

    Raises:
        OperationError: the operation is not valid.
    """
    kind = operation["type"]
    payload = operation.get(kind.lower())
    if payload is None:
        raise OperationError(f"Expecting '{kind.lower()}' to be present")
    pieces = [_allocated(piece, operator.role) for piece in read_resources(payload.get(_PAYLOADS[kind], []))]
    check, consumed, converted = _KINDS[kind]
    for piece in pieces:
        check(piece, operator)
    if kind == "CREATE":
        _check_unique(pieces, total)
    found = Conversion(Resources(map(consumed, pieces)), Resources(map(converted, pieces)))
    if kind == "DESTROY" and not total.contains(found.consumed.allocated(None)):
        raise OperationError("Persistent volumes not found")
    if not pool.contains(found.consumed):
        raise OperationError(f"Invalid {kind} Operation: {pool} does not contain {found.consumed}")
    return found


def read_resources(data: list[Json]) -> list[Resource]:
    """Return the pieces of an operation's JSON.

    Raises:
        OperationError: a piece is no resource.
    """
    try:
        pieces = [parse(item) for item in data]
    except ResourceError as error:
        raise OperationError(f"Invalid resources: {error}") from error
    for piece in pieces:
        if isinstance(piece.value, int) and piece.value < 0:
            raise OperationError(f"Resource '{piece}' is invalid: Invalid scalar resource: value <= 0")
        if (words := disk_problem(piece)) is not None:
            raise OperationError(f"Invalid resources: Invalid DiskInfo: {words}")
    return pieces


def disk_problem(piece: Resource) -> str | None:
    """Return Mesos' message on an invalid DiskInfo, None for a valid one."""
    info = piece.disk_info
    volume = info.get("volume")
    if "persistence" not in info:
        if volume is not None:
            return "Non-persistent volume not supported"
        return "DiskInfo is set but empty" if piece.disk and "source" not in info else None
    if not piece.reservations:
        return "Persistent volumes cannot be created from unreserved resources"
    if volume is None:
        return "Expecting 'volume' to be set for persistent volume"
    if volume.get("mode") == "RO":
        return "Read-only persistent volume not supported"
    if "host_path" in volume:
        return "Expecting 'host_path' to be unset for persistent volume"
    try:
        check_identifier(info["persistence"].get("id", ""))
    except IdentifierError as error:
        return f"Invalid persistence ID for persistent volume: {error}"
    return None


def _allocated(piece: Resource, role: str) -> Resource:
    if piece.role is not None and piece.role != role:
        raise OperationError(
            f"Invalid resources: The resources have multiple allocation roles ('{role}' and '{piece.role}')"
            " but only one allocation role is allowed"
        )
    return piece.allocated(role)


def _check_reserve(piece: Resource, operator: Operator) -> None:
    if not piece.dynamic:
        raise OperationError(f"Resource {piece} is not dynamically reserved")
    if piece.persistence_id is not None:
        raise OperationError(f"A persistent volume {piece} must already be reserved")
    if piece.reserved_role != operator.role:
        raise OperationError(
            f"A reserve operation was attempted for a resource with role '{piece.reserved_role}',"
            f" but the resource is allocated to role '{operator.role}'"
        )
    _check_principal(
        operator.principal,
        piece.reservation_infos[-1].get("principal"),
        "A reserve operation was attempted by principal",
        "a reserved resource in the request",
        "`ReservationInfo`",
    )


def _check_unreserve(piece: Resource, _: Operator) -> None:
    if not piece.dynamic:
        raise OperationError(f"Resource {piece} is not dynamically reserved")
    if piece.persistence_id is not None:
        raise OperationError(
            f"A dynamically reserved persistent volume {piece} cannot be unreserved directly."
            " Please destroy the persistent volume first then unreserve the resource"
        )


def _check_create(piece: Resource, operator: Operator) -> None:
    _check_volume(piece, operator)
    _check_principal(
        operator.principal,
        piece.disk_info["persistence"].get("principal"),
        "Create volume operation has been attempted by principal",
        "a volume in the operation",
        "'DiskInfo.Persistence'",
    )


def _check_volume(piece: Resource, _: Operator) -> None:
    if piece.persistence_id is None:
        raise OperationError("Not a persistent volume: 'persistence' is not set in DiskInfo")


def _check_principal(wanted: str | None, found: str | None, attempt: str, what: str, where: str) -> None:
    if wanted is None or found == wanted:
        return
    if found is None:
        raise OperationError(f"{attempt} '{wanted}', but there is {what} with no principal set in {where}")
    raise OperationError(f"{attempt} '{wanted}', but there is {what} with principal '{found}' set in {where}")


def _check_unique(volumes: list[Resource], total: Resources) -> None:
    there = [piece for piece in total if piece.persistence_id is not None]
    count = Counter((piece.reserved_role, piece.persistence_id) for piece in (*there, *volumes))
    for (_, persistence_id), times in count.items():
        if times > 1:
            raise OperationError(f"Persistence ID '{persistence_id}' is not unique")


_Kind = tuple[Callable[[Resource, Operator], None], Callable[[Resource], Resource], Callable[[Resource], Resource]]


def _same(piece: Resource) -> Resource:
    return piece


_KINDS: dict[str, _Kind] = {
    "RESERVE": (_check_reserve, Resource.popped, _same),
    "UNRESERVE": (_check_unreserve, _same, Resource.popped),
    "CREATE": (_check_create, Resource.without_volume, _same),
    "DESTROY": (_check_volume, _same, Resource.without_volume),
}
