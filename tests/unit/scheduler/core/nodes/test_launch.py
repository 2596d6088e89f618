"""Whether an offer can carry a node, why not, and what is sent if it can."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from executor.protocol import parse_launch
from scheduler.core.cycle.decision import Fit
from scheduler.core.mesos.executor_command import DEFAULT_COMMAND, FORM, build_command
from scheduler.core.mesos.offer import Offer, by_agent
from scheduler.core.mesos.placement import Spread, parse_constraints
from scheduler.core.mesos.task_info import Seeds
from scheduler.core.nodes.launch import (
    ATTRIBUTES_LIMIT,
    Start,
    in_place_refusals,
    is_unused,
    launch_in_place,
    launch_new,
    new_refusals,
)
from scheduler.core.state.configuration import Configuration
from scheduler.core.state.node import Missing, NodeRecord, Reservation, TaskState
from scheduler.core.state.spec import ClusterSpec, Uri
from tests.unit.scheduler.core.samples import PRINCIPAL, ROLE, TARGET, Ids, node, offer, scalar, spec

RANGES = [{"begin": 7000, "end": 7001}, {"begin": 7199, "end": 7199}, {"begin": 9042, "end": 9042}]
MOUNT_SOURCE = {"type": "MOUNT", "mount": {"root": "/mnt/a"}}


def start(wanted: ClusterSpec | None = None) -> Start:
    return Start(Configuration(TARGET, 0.0, wanted or spec()), Seeds(("127.0.0.9",), False), "framework-1", 50.0, Ids())


def ports(*ranges: dict[str, int]) -> dict[str, Any]:
    return {"name": "ports", "type": "RANGES", "ranges": {"range": list(ranges)}, "allocation_info": {"role": ROLE}}


WHOLE = [scalar("cpus", 4), scalar("mem", 4096), scalar("disk", 20480), ports(*RANGES)]
MOUNTED = [
    scalar("disk", 5000, disk={"source": MOUNT_SOURCE}),
    scalar("disk", 2000, disk={"source": {"type": "MOUNT", "mount": {"root": "/mnt/b"}}}),
]


def without(name: str, *more: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [resource for resource in WHOLE if resource["name"] != name] + list(more)


@pytest.mark.parametrize(
    ("resources", "changes", "codes"),
    [
        pytest.param(WHOLE, {}, [], id="fits"),
        pytest.param(without("cpus"), {}, ["CPUS"], id="no cpus"),
        pytest.param(without("cpus", scalar("cpus", 0.699)), {}, ["CPUS"], id="almost enough cpus"),
        pytest.param(without("cpus", scalar("cpus", 0.7)), {}, [], id="just enough cpus"),
        pytest.param(without("mem", scalar("mem", 639)), {}, ["MEM"], id="too little memory"),
        pytest.param(without("disk", scalar("disk", 1023)), {}, ["DISK"], id="too little disk"),
        pytest.param(without("ports"), {}, ["PORTS"], id="no ports"),
        pytest.param(without("ports", ports(*RANGES[:2])), {}, ["PORTS"], id="a port is missing"),
        pytest.param(WHOLE, {"disk_type": "MOUNT"}, ["DISK"], id="no mount disk"),
        pytest.param([*WHOLE, *MOUNTED], {"disk_type": "MOUNT"}, [], id="mount disk"),
        pytest.param([*WHOLE, *MOUNTED], {"disk_type": "MOUNT", "disk_mb": 6000}, ["DISK"], id="small mount disks"),
        pytest.param(WHOLE, {"rack_attribute": "zone"}, ["NO_RACK"], id="no rack"),
        pytest.param(WHOLE, {"placement": "rack:LIKE:r2,hostname:UNIQUE"}, ["PLACEMENT"], id="placement"),
        pytest.param(WHOLE, {"role": "other"}, ["OTHER_ROLE"], id="role"),
        pytest.param([], {}, ["CPUS", "MEM", "PORTS", "DISK"], id="every reason is given"),
    ],
)
def test_new_node(resources: list[Mapping[str, Any]], changes: dict[str, Any], codes: list[str]) -> None:
    wanted = spec(**changes)
    spread = Spread(parse_constraints(wanted.placement), [])
    found = new_refusals(wanted, offer(resources=resources), set(), spread)
    assert [reason.code for reason in found] == codes
    assert all(reason.sentence for reason in found)


def test_two_nodes_never_share_an_agent() -> None:
    (reason,) = new_refusals(spec(), offer(0), {"S0"}, Spread((), []))
    assert reason.code == "AGENT_TAKEN"


def types(fit: Fit) -> list[str]:
    return [operation["type"] for operation in fit.accept.operations]


def test_a_new_node_is_reserved_made_and_launched_in_one_accept() -> None:
    fit = launch_new(NodeRecord(index=3), offer(1), start())
    assert types(fit) == ["RESERVE", "CREATE", "LAUNCH"]
    assert fit.accept.offer_ids == ("O1",)
    record = fit.record
    assert record.agent is not None
    assert record.agent.hostname == "127.0.0.3"
    assert record.reservation == Reservation("id-1", "id-2", seen=False, disk_mb=1024.0)
    assert record.task is not None
    assert (record.task.id, record.task.executor_id) == ("node-3__id-3", "node-3_executor__id-3")
    assert (record.task.state, record.task.launched_at, record.rack) == (TaskState.STAGING, 50.0, "r1")


OWNER: dict[str, Any] = {
    "reservations": [
        {
            "type": "DYNAMIC",
            "role": ROLE,
            "principal": PRINCIPAL,
            "labels": {"labels": [{"key": "resource_id", "value": "id-1"}]},
        }
    ],
    "allocation_info": {"role": ROLE},
}


def owned(name: str, value: float, **more: Any) -> dict[str, Any]:
    return {"name": name, "type": "SCALAR", "scalar": {"value": value}, **OWNER, **more}


VOLUME = owned(
    "disk",
    1024.0,
    disk={"persistence": {"id": "id-2", "principal": PRINCIPAL}, "volume": {"mode": "RW", "container_path": "volume"}},
)
OWNED_PORTS = {"name": "ports", "type": "RANGES", "ranges": {"range": RANGES}, **OWNER}


def test_the_operations_as_mesos_reads_them() -> None:
    reserve, create, launch = launch_new(NodeRecord(index=3), offer(1), start()).accept.operations
    assert reserve == {
        "type": "RESERVE",
        "id": {"value": "reserve.node-3__id-3"},
        "reserve": {"resources": [owned("cpus", 0.7), owned("mem", 640.0), OWNED_PORTS, owned("disk", 1024.0)]},
    }
    assert create == {"type": "CREATE", "id": {"value": "create.node-3__id-3"}, "create": {"volumes": [VOLUME]}}
    (task,) = launch["launch"]["task_infos"]
    data = parse_launch(task["data"])
    assert (data.node, data.seeds, data.self_seed, data.rack) == ("node-3", ("127.0.0.9",), False, "r1")
    assert (data.configuration, data.cluster_name, data.heap_mb) == (TARGET, "test", 256)
    assert {**task, "data": ""} == {
        "name": "node-3",
        "task_id": {"value": "node-3__id-3"},
        "agent_id": {"value": "S1"},
        "resources": [owned("cpus", 0.5), owned("mem", 512.0), OWNED_PORTS, VOLUME],
        "executor": {
            "type": "CUSTOM",
            "executor_id": {"value": "node-3_executor__id-3"},
            "framework_id": {"value": "framework-1"},
            "name": "node-3_executor",
            "source": "cassandra",
            "resources": [owned("cpus", 0.1), owned("mem", 64.0)],
            "command": {
                "shell": True,
                "value": "./run",
                "user": "root",
                "uris": [
                    {"value": "http://127.0.0.1/executor.tgz", "extract": True, "executable": False, "cache": True}
                ],
                "environment": {"variables": []},
            },
            "shutdown_grace_period": {"nanoseconds": 120_000_000_000},
        },
        "data": "",
        "labels": {
            "labels": [
                {"key": "config_target", "value": TARGET},
                {"key": "offer_hostname", "value": "127.0.0.3"},
                {"key": "offer_attributes", "value": "rack:r1"},
                {"key": "task_type", "value": "CASSANDRA_DAEMON"},
            ]
        },
        "kill_policy": {"grace_period": {"nanoseconds": 120_000_000_000}},
        "discovery": {
            "visibility": "EXTERNAL",
            "name": "node-3",
            "ports": {
                "ports": [
                    {
                        "number": 9042,
                        "name": "native",
                        "protocol": "tcp",
                        "labels": {"labels": [{"key": "VIP_0", "value": "node:9042"}]},
                    }
                ]
            },
        },
    }


def test_a_new_task_begins_without_what_peers_said_of_the_one_before() -> None:
    """Its agent was away, and its peers missed it: a step that waits for a person would be a false one."""
    missed = NodeRecord(index=3, missing=Missing(1.0, 0.0, ("node-1", "node-2")))
    assert launch_new(missed, offer(1), start()).record.missing is None


def test_a_launch_records_the_form_of_its_command() -> None:
    executor = replace(spec().executor, command=DEFAULT_COMMAND, uris=(Uri("/executor.tgz"), Uri("/cassandra.tgz")))
    digests = {"/executor.tgz": "1", "/cassandra.tgz": "2"}
    fit = launch_new(NodeRecord(index=3), offer(1), replace(start(replace(spec(), executor=executor)), digests=digests))
    assert fit.record.task is not None
    assert fit.record.task.command_form == FORM
    (task,) = fit.accept.operations[-1]["launch"]["task_infos"]
    assert task["executor"]["command"] == build_command(executor, spec().user, digests, FORM)


def test_the_smallest_mount_disk_that_is_large_enough_is_taken_whole() -> None:
    fit = launch_new(NodeRecord(index=0), offer(resources=[*WHOLE, *MOUNTED]), start(spec(disk_type="MOUNT")))
    reservation = fit.record.reservation
    assert reservation is not None
    assert (reservation.mount_root, reservation.disk_mb) == ("/mnt/b", 2000.0)
    (volume,) = fit.accept.operations[1]["create"]["volumes"]
    assert volume["scalar"]["value"] == 2000.0
    assert volume["disk"]["source"]["mount"]["root"] == "/mnt/b"


def held(*resources: Mapping[str, Any], index: int = 0) -> Offer:
    return offer(index, resources=list(resources))


NODE = node(0, TaskState.FAILED, reservation=Reservation("id-1", "id-2", seen=True, disk_mb=1024.0))
FRESH = node(0, TaskState.ERROR, reservation=Reservation("id-1", "id-2", seen=False, disk_mb=1024.0))


def test_an_image_is_run_by_mesos_own_containerizer_with_the_network_of_the_agent() -> None:
    begun = start()
    wanted = begun.configuration.spec
    spec = replace(wanted, executor=replace(wanted.executor, image="executor:1.0"))
    fit = launch_new(
        NodeRecord(index=3), offer(1), replace(begun, configuration=replace(begun.configuration, spec=spec))
    )
    (task,) = fit.accept.operations[2]["launch"]["task_infos"]
    image = {"type": "DOCKER", "docker": {"name": "executor:1.0"}}
    assert task["executor"]["container"] == {"type": "MESOS", "mesos": {"image": image}}
    assert "container" not in task


ALL = (owned("cpus", 0.7), owned("mem", 640), OWNED_PORTS, VOLUME)
UNMADE = (owned("cpus", 0.7), owned("mem", 640), OWNED_PORTS, owned("disk", 1024))


@pytest.mark.parametrize(
    ("record", "resources", "codes"),
    [
        pytest.param(NODE, ALL, [], id="all of it"),
        pytest.param(NODE, (owned("cpus", 0.6), *ALL[1:]), [], id="all but the share for maintenance"),
        pytest.param(NODE, (*WHOLE,), ["FOREIGN_AGENT"], id="nothing of it"),
        pytest.param(NODE, ALL[:2], ["PORTS", "VOLUME_MISSING"], id="a part"),
        pytest.param(NODE, (owned("cpus", 0.1), *ALL[1:]), ["CPUS"], id="the rest is still used"),
        pytest.param(NODE, UNMADE, ["VOLUME_MISSING"], id="a volume that has been there is never made again"),
        pytest.param(FRESH, UNMADE, [], id="a volume that never was"),
        pytest.param(FRESH, UNMADE[:3], ["VOLUME_MISSING"], id="no disk for it"),
    ],
)
def test_in_place(record: NodeRecord, resources: tuple[Mapping[str, Any], ...], codes: list[str]) -> None:
    found = in_place_refusals(record, held(*resources), start().configuration)
    assert [reason.code for reason in found] == codes


def test_in_place_everything_is_given_back_to_the_letter() -> None:
    odd = {**OWNER, "reservations": [{**OWNER["reservations"][0], "labels": {"labels": [
        {"key": "resource_id", "value": "id-1"}, {"key": "added", "value": "later"}]}}]}  # fmt: skip
    volume = {**VOLUME, **odd, "disk": {**VOLUME["disk"], "unknown": 1}}
    pieces = [{**resource, **odd} for resource in ALL[:3]] + [volume]
    fit = launch_in_place(NODE, held(*pieces), start())
    assert types(fit) == ["LAUNCH"]
    (task,) = fit.accept.operations[0]["launch"]["task_infos"]
    assert task["resources"][-1] == volume
    assert {str(item["reservations"]) for item in task["resources"] + task["executor"]["resources"]} == {
        str(odd["reservations"])
    }
    assert fit.record.reservation == NODE.reservation
    assert fit.record.task is not None
    assert NODE.task is not None
    assert fit.record.task.id != NODE.task.id


def test_in_place_in_two_pieces() -> None:
    one, two = held(*ALL[:2]), offer(resources=list(ALL[2:]), offer_id="O9")
    merged = by_agent([one, two])["S0"]
    assert in_place_refusals(NODE, merged, start().configuration) == ()
    assert launch_in_place(NODE, merged, start()).accept.offer_ids == ("O0", "O9")


def test_in_place_a_volume_that_never_was_is_made() -> None:
    fit = launch_in_place(FRESH, held(*UNMADE), start())
    assert types(fit) == ["CREATE", "LAUNCH"]
    assert fit.record.reservation == FRESH.reservation


def test_in_place_the_agent_may_have_a_new_id() -> None:
    fit = launch_in_place(NODE, held(*ALL, index=7), start())
    assert fit.record.agent is not None
    assert fit.record.agent.id == "S7"


@pytest.mark.parametrize(
    ("record", "resources", "proof"),
    [
        (NODE, ALL, True),
        (NODE, ALL[:3], False),
        (NODE, UNMADE, False),
        (FRESH, UNMADE, True),
        (FRESH, ALL, True),
        (NODE, WHOLE, False),
    ],
)
def test_only_an_offered_volume_proves_that_no_task_uses_it(
    record: NodeRecord, resources: tuple[Mapping[str, Any], ...], proof: bool
) -> None:
    assert record.reservation is not None
    assert is_unused(record.reservation, held(*resources), start().configuration) is proof


def test_an_agent_with_very_many_attributes_keeps_its_record_small() -> None:
    attributes = [{"name": f"a{count}", "type": "TEXT", "text": {"value": "x" * 50}} for count in range(100)]
    attributes += [{"name": name, "type": "TEXT", "text": {"value": "v"}} for name in ("zone", "zz")]
    wanted = spec(rack_attribute="zone", placement="zz:UNIQUE")
    agent = launch_new(NodeRecord(index=0), offer(attributes=attributes), start(wanted)).record.agent
    assert agent is not None
    assert {"zone", "zz"} < set(agent.attributes)
    assert len(str(agent.attributes)) < ATTRIBUTES_LIMIT * 1.2
