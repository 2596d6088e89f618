"""Mesos' offers read."""

from __future__ import annotations

from typing import Any

import pytest

from scheduler.core.mesos.offer import by_agent, parse_offer
from tests.unit.scheduler.core.samples import PRINCIPAL, ROLE, offer, scalar


def reservation(resource_id: str = "id-1", **changes: Any) -> dict[str, Any]:
    labels = {"labels": [{"key": "other", "value": "x"}, {"key": "resource_id", "value": resource_id}]}
    return {"type": "DYNAMIC", "role": ROLE, "principal": PRINCIPAL, "labels": labels, **changes}


VOLUME = scalar(
    "disk",
    512,
    disk={"persistence": {"id": "pv-1", "principal": PRINCIPAL}, "volume": {"mode": "RW", "container_path": "volume"}},
    reservations=[reservation()],
)
MOUNT = {"type": "MOUNT", "mount": {"root": "/mnt/a"}}


def test_what_is_free_and_what_is_ours() -> None:
    found = offer(
        resources=[
            scalar("cpus", 3.5),
            scalar("mem", 100),
            scalar("disk", 50),
            scalar("cpus", 0.5, reservations=[reservation()]),
            scalar("mem", 64, reservations=[reservation()]),
            VOLUME,
        ]
    )
    assert (found.cpus, found.mem, found.disk) == (3500, 100_000, 50_000)
    held = found.held["id-1"]
    assert (held.cpus, held.mem, held.disk) == (500, 64_000, 0)
    assert held.volumes == {"pv-1": VOLUME}
    assert held.reservations == (reservation(),)


@pytest.mark.parametrize(
    "resource",
    [
        pytest.param(scalar("cpus", 1, reservations=[reservation(role="other")]), id="another role"),
        pytest.param(scalar("cpus", 1, reservations=[reservation(principal="other")]), id="another principal"),
        pytest.param(scalar("cpus", 1, reservations=[{"type": "STATIC", "role": ROLE}]), id="static"),
        pytest.param(scalar("cpus", 1, reservations=[{**reservation(), "labels": {}}]), id="without our label"),
        pytest.param(scalar("cpus", 1, reservations=[reservation(), reservation(role="r/x")]), id="refined by others"),
        pytest.param(scalar("cpus", 1, revocable={}), id="revocable"),
        pytest.param(scalar("disk", 1, shared={}), id="shared"),
        pytest.param(scalar("disk", 1, provider_id={"value": "p"}), id="of a resource provider"),
        pytest.param(scalar("disk", 1, disk={"source": {"type": "BLOCK"}}), id="a block device"),
        pytest.param(scalar("gpus", 1), id="of no use"),
    ],
)
def test_what_belongs_to_others_is_left_out(resource: dict[str, Any]) -> None:
    found = offer(resources=[resource])
    assert (found.cpus, found.mem, found.disk, found.mounts, found.held) == (0, 0, 0, (), {})


def test_mount_disks_are_kept_apart_from_the_root_disk() -> None:
    found = offer(
        resources=[
            scalar("disk", 10),
            scalar("disk", 2000, disk={"source": MOUNT}),
            scalar("disk", 3000, disk={"source": MOUNT}, reservations=[reservation()]),
        ]
    )
    assert found.disk == 10_000
    assert [(mount.root, mount.size) for mount in found.mounts] == [("/mnt/a", 2_000_000)]
    assert [mount.size for mount in found.held["id-1"].mounts] == [3_000_000]


@pytest.mark.parametrize(
    "attribute",
    [
        pytest.param({"name": "a", "type": "LATER"}, id="of a type that is not known"),
        pytest.param({"name": "a", "type": "SCALAR", "scalar": {"value": "x"}}, id="no number"),
        pytest.param({"name": "\ud800", "type": "TEXT", "text": {"value": "x"}}, id="half of a surrogate pair"),
        pytest.param(None, id="null"),
    ],
)
def test_an_attribute_that_cannot_be_read_costs_no_offer(attribute: Any) -> None:
    rack = {"name": "rack", "type": "TEXT", "text": {"value": "r1\ud800"}}
    assert offer(attributes=[attribute, rack]).agent.attributes == {"rack": "r1\ufffd"}


def test_ports_that_no_port_has_are_left_out() -> None:
    ranges = [{"begin": 60000, "end": 10**12}, {"begin": 10**9, "end": 10**12}]
    ports = {"name": "ports", "type": "RANGES", "ranges": {"range": ranges}}
    found = offer(resources=[ports, {**ports, "reservations": [reservation()]}])
    assert found.ports == found.held["id-1"].ports == ((60000, 65535),)


@pytest.mark.parametrize(
    ("attribute", "text"),
    [
        ({"name": "a", "type": "TEXT", "text": {"value": "r1"}}, "r1"),
        ({"name": "a", "type": "SCALAR", "scalar": {"value": 3.0}}, "3"),
        ({"name": "a", "type": "SCALAR", "scalar": {"value": 2.5}}, "2.5"),
        ({"name": "a", "type": "RANGES", "ranges": {"range": [{"begin": 1, "end": 3}]}}, "[1-3]"),
        ({"name": "a", "type": "SET", "set": {"item": ["x", "y"]}}, "{x,y}"),
    ],
)
def test_attributes_become_text(attribute: dict[str, Any], text: str) -> None:
    assert offer(attributes=[attribute]).agent.attributes == {"a": text}


def test_pieces_of_one_agent_are_used_together() -> None:
    first = offer(resources=[scalar("cpus", 1), scalar("cpus", 0.5, reservations=[reservation()])], offer_id="O1")
    second = offer(resources=[scalar("cpus", 2), VOLUME], offer_id="O2", executor_ids=[{"value": "e"}])
    other = offer(index=1, resources=[scalar("cpus", 4)], offer_id="O3")
    merged = by_agent([first, second, other])
    assert list(merged) == ["S0", "S1"]
    both = merged["S0"]
    assert both.ids == ("O1", "O2")
    assert both.cpus == 3000
    assert both.held["id-1"].cpus == 500
    assert both.held["id-1"].volumes.keys() == {"pv-1"}
    assert both.executor_ids == ("e",)
    assert merged["S1"].ids == ("O3",)


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"id": {"value": "O"}},
        {"id": {"value": "O"}, "agent_id": {"value": "S"}, "hostname": "h", "resources": [{}]},
    ],
)
def test_what_is_no_offer_raises(document: dict[str, Any]) -> None:
    with pytest.raises((KeyError, TypeError, ValueError)):
        parse_offer(document, ROLE, PRINCIPAL)
