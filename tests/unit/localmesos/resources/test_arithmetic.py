"""Resource arithmetic and formats."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localmesos.resources.arithmetic import Resource, ResourceError, Resources, parse
from localmesos.resources.ranges import Ranges, difference, normal, union

Json = dict[str, Any]

RESERVATION: Json = {
    "type": "DYNAMIC",
    "role": "r",
    "principal": "p",
    "labels": {"labels": [{"key": "k", "value": "v"}]},
}
VOLUME: Json = {"persistence": {"id": "v1", "principal": "p"}, "volume": {"mode": "RW", "container_path": "data"}}


def scalar(name: str, value: float, **more: Any) -> Json:
    return {"name": name, "type": "SCALAR", "scalar": {"value": value}, **more}


def ports(*pairs: tuple[int, int], **more: Any) -> Json:
    return {"name": "ports", "type": "RANGES", "ranges": {"range": [{"begin": b, "end": e} for b, e in pairs]}, **more}


def of(*items: Json) -> Resources:
    return Resources.parse(items)


SETS = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), max_size=8)


def numbers(ranges: Ranges) -> set[int]:
    return {n for begin, end in ranges for n in range(begin, end + 1)}


@given(SETS, SETS)
def test_intervals_are_sets(left: list[tuple[int, int]], right: list[tuple[int, int]]) -> None:
    one, two = normal(left), normal(right)
    assert numbers(union(one, two)) == numbers(one) | numbers(two)
    assert numbers(difference(one, two)) == numbers(one) - numbers(two)
    assert normal(difference(one, two)) == difference(one, two)


@given(st.lists(st.tuples(st.sampled_from(["cpus", "mem"]), st.integers(0, 5000)), max_size=6))
def test_what_was_added_can_be_taken_again(items: list[tuple[str, int]]) -> None:
    base = of(scalar("cpus", 4), scalar("mem", 4096), ports((1, 9)))
    more = Resources(Resource(name, value) for name, value in items)
    assert (base + more).contains(more)
    assert (base + more) - more == base


@pytest.mark.parametrize(
    ("have", "want", "enough"),
    [
        ([scalar("cpus", 1)], [scalar("cpus", 1)], True),
        ([scalar("cpus", 1)], [scalar("cpus", 1.001)], False),
        ([scalar("cpus", 0.3)], [scalar("cpus", 0.1), scalar("cpus", 0.2)], True),
        ([scalar("cpus", 1)], [scalar("cpus", 1, reservations=[RESERVATION])], False),
        ([scalar("cpus", 1, allocation_info={"role": "r"})], [scalar("cpus", 1)], False),
        ([ports((1, 5))], [ports((2, 3))], True),
        ([ports((1, 5))], [ports((5, 6))], False),
        ([ports((1, 5)), ports((6, 9))], [ports((4, 7))], True),
        # A volume is taken as a whole; how it is mounted does not count.
        ([scalar("disk", 9, disk=VOLUME)], [scalar("disk", 5, disk=VOLUME)], False),
        ([scalar("disk", 9, disk=VOLUME)], [scalar("disk", 9, disk={"persistence": {"id": "v1"}})], True),
        ([scalar("disk", 9, disk=VOLUME)], [scalar("disk", 9, disk={"persistence": {"id": "v2"}})], False),
        ([scalar("disk", 9)], [scalar("disk", 9, disk=VOLUME)], False),
    ],
)
def test_contains(have: list[Json], want: list[Json], enough: bool) -> None:
    assert of(*have).contains(of(*want)) is enough


def test_mount_disks_are_not_summed() -> None:
    mount = {"source": {"type": "MOUNT", "mount": {"root": "/d1"}}}
    other = {"source": {"type": "MOUNT", "mount": {"root": "/d2"}}}
    two = of(scalar("disk", 10, disk=mount), scalar("disk", 10, disk=other))
    assert len(list(two)) == 2
    assert not two.contains(of(scalar("disk", 4, disk=mount)))
    assert list(two - of(scalar("disk", 10, disk=mount))) == list(of(scalar("disk", 10, disk=other)))


@pytest.mark.parametrize(
    ("refined", "old"),
    [
        (scalar("cpus", 1.0), scalar("cpus", 1.0, role="*")),
        (
            scalar("cpus", 1.0, reservations=[RESERVATION]),
            scalar("cpus", 1.0, role="r", reservation={k: RESERVATION[k] for k in ("principal", "labels")}),
        ),
        (scalar("cpus", 1.0, reservations=[{"type": "STATIC", "role": "r"}]), scalar("cpus", 1.0, role="r")),
        (
            scalar("disk", 5.0, reservations=[RESERVATION], disk=VOLUME),
            scalar("disk", 5.0, role="r", reservation={"principal": "p", "labels": RESERVATION["labels"]}, disk=VOLUME),
        ),
    ],
)
def test_both_formats(refined: Json, old: Json) -> None:
    assert parse(refined) == parse(old)
    assert parse(refined).to_json() == refined
    assert parse(refined).to_json(refined=False) == old


@pytest.mark.parametrize("bad", [{"name": "x"}, {"name": "x", "type": "SCALAR"}, {"name": "x", "type": "TEXT"}])
def test_not_a_resource(bad: Json) -> None:
    with pytest.raises(ResourceError):
        parse(bad)


def test_words() -> None:
    volume = scalar("disk", 64, reservations=[RESERVATION], disk=VOLUME, allocation_info={"role": "r"})
    assert str(of(scalar("cpus", 2.4), ports((1, 2), (5, 5)), volume)) == (
        "cpus:2.4; ports:[1-2, 5-5]; disk(allocated: r)(reservations: [(DYNAMIC,r,p,{k: v})])[v1:data]:64"
    )


def test_a_destroyed_volume_is_disk_again() -> None:
    volume = parse(scalar("disk", 5, reservations=[RESERVATION], disk=VOLUME))
    left = of(scalar("disk", 3, reservations=[RESERVATION]))
    assert left + Resources([volume.without_volume()]) == of(scalar("disk", 8, reservations=[RESERVATION]))
