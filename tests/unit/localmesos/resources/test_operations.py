"""Reservations and volumes: refusals with Mesos' messages, and effects."""

from typing import Any

import pytest

from localmesos.resources.arithmetic import Resources
from localmesos.resources.operations import OperationError, Operator, convert

Json = dict[str, Any]

P = {"type": "DYNAMIC", "role": "r", "principal": "p"}
OPERATOR = Operator("r", "p")


def scalar(name: str, value: float, **more: Any) -> Json:
    return {"name": name, "type": "SCALAR", "scalar": {"value": value}, **more}


def volume(value: float, volume_id: str, **more: Any) -> Json:
    disk = {"persistence": {"id": volume_id, "principal": "p"}, "volume": {"mode": "RW", "container_path": "data"}}
    return scalar("disk", value, reservations=[P], disk={**disk, **more})


def operation(kind: str, *items: Json) -> Json:
    name = "volumes" if kind in ("CREATE", "DESTROY") else "resources"
    return {"type": kind, kind.lower(): {name: list(items)}}


POOL = [scalar("cpus", 4), scalar("disk", 100), scalar("disk", 50, reservations=[P]), volume(20, "old")]


def pool(*items: Json) -> Resources:
    return Resources.parse(items or POOL).allocated("r")


@pytest.mark.parametrize(
    ("done", "after"),
    [
        (
            operation("RESERVE", scalar("cpus", 1, reservations=[P])),
            [scalar("cpus", 3), scalar("cpus", 1, reservations=[P]), *POOL[1:]],
        ),
        (
            operation("RESERVE", scalar("cpus", 1, role="r", reservation={"principal": "p"})),
            [scalar("cpus", 3), scalar("cpus", 1, reservations=[P]), *POOL[1:]],
        ),
        (
            operation("UNRESERVE", scalar("disk", 50, reservations=[P])),
            [POOL[0], scalar("disk", 150), POOL[3]],
        ),
        (
            operation("CREATE", volume(30, "new")),
            [POOL[0], POOL[1], scalar("disk", 20, reservations=[P]), volume(30, "new"), POOL[3]],
        ),
        (operation("DESTROY", volume(20, "old")), [POOL[0], POOL[1], scalar("disk", 70, reservations=[P])]),
    ],
)
def test_done(done: Json, after: list[Json]) -> None:
    before = pool()
    change = convert(done, OPERATOR, before, before.allocated(None))
    assert before - change.consumed + change.converted == pool(*after)


@pytest.mark.parametrize(
    ("refused", "words"),
    [
        (operation("RESERVE", scalar("cpus", 1)), "Resource cpus(allocated: r):1 is not dynamically reserved"),
        (operation("RESERVE", scalar("cpus", 100, reservations=[P])), "Invalid RESERVE Operation: "),
        (operation("RESERVE", scalar("cpus", -1, reservations=[P])), "Invalid scalar resource: value <= 0"),
        (operation("RESERVE", scalar("cpus", 1, reservations=[{**P, "principal": "x"}])), "with principal 'x' set in"),
        (operation("RESERVE", scalar("cpus", 1, reservations=[{**P, "role": "o"}])), "is allocated to role 'r'"),
        (
            operation("RESERVE", scalar("cpus", 1, reservations=[{"type": "DYNAMIC", "role": "r"}])),
            "with no principal set in `ReservationInfo`",
        ),
        (operation("RESERVE", scalar("cpus", 1, allocation_info={"role": "z"})), "multiple allocation roles"),
        (operation("UNRESERVE", scalar("cpus", 1)), "is not dynamically reserved"),
        (operation("UNRESERVE", scalar("cpus", 1, reservations=[P])), "Invalid UNRESERVE Operation: "),
        (operation("UNRESERVE", volume(20, "old")), "cannot be unreserved directly"),
        (operation("CREATE", volume(20, "old")), "Persistence ID 'old' is not unique"),
        (operation("CREATE", scalar("disk", 1, reservations=[P])), "Not a persistent volume"),
        (operation("CREATE", volume(500, "new")), "Invalid CREATE Operation: "),
        (
            operation("CREATE", {**volume(5, "new"), "reservations": []}),
            "Invalid resources: Invalid DiskInfo: Persistent volumes cannot be created from unreserved resources",
        ),
        (operation("CREATE", volume(5, "a/b")), "'a/b' contains invalid characters"),
        (operation("CREATE", volume(5, "n", volume={"mode": "RO", "container_path": "d"})), "Read-only"),
        (
            operation("CREATE", volume(5, "n", volume={"mode": "RW", "container_path": "d", "host_path": "/"})),
            "Expecting 'host_path' to be unset",
        ),
        (operation("CREATE", volume(5, "n", persistence={"id": "n", "principal": "x"})), "with principal 'x'"),
        (operation("DESTROY", volume(20, "none")), "Persistent volumes not found"),
        ({"type": "RESERVE"}, "Expecting 'reserve' to be present"),
    ],
)
def test_refused(refused: Json, words: str) -> None:
    with pytest.raises(OperationError) as raised:
        convert(refused, OPERATOR, pool(), pool().allocated(None))
    assert words in str(raised.value)


def test_a_framework_without_principal_may_use_any() -> None:
    reserve = operation("RESERVE", scalar("cpus", 1, reservations=[{**P, "principal": "x"}]))
    assert convert(reserve, Operator("r", None), pool(), pool().allocated(None)).converted
