"""Every table as people see it, against files in golden/; GOLDEN=write writes them."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from cli.operations import curve_line
from cli.rest import Client
from cli.tables import Column, Table, columns, render_text
from scheduler.core.events.log import add_entries
from scheduler.core.state.cluster import GarbageRecord
from scheduler.core.state.event import Entry, EntryKind
from scheduler.loop.curves import Sample
from tests.unit.api.cluster import NOW, CoreGateway, make_node
from tests.unit.api.maintenance import uploading
from tests.unit.cli.serving import CommandLine, Served

GOLDEN = Path(__file__).parent / "golden"
EVALUATIONS = (
    {
        "node": "node-3", "offers": ["O1"], "agent_id": "agent-3", "hostname": "host-3.example", "outcome": "declined",
        "reasons": [{"code": "CPUS", "message": "it has 0.5 cpus, needs 1"}], "at": NOW,
    },
)  # fmt: skip


def check(name: str, text: str) -> None:
    path = GOLDEN / f"{name}.txt"
    if os.environ.get("GOLDEN") == "write":
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    assert text == path.read_text()


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("status", "status"),
        ("status-wide", "status -o wide"),
        ("status-tsv", "status -o tsv"),
        ("status-name", "status -o name"),
        ("plan-list", "plan list"),
        ("plan-status", "plan status deploy"),
        ("plan-status-tsv", "plan status backup -o tsv"),
        ("node-list", "node list"),
        ("node-show", "node show 0"),
        ("node-show-yaml", "node show 0 -o yaml"),
        ("node-status", "node status 0"),
        ("op-list", "op list"),
        ("op-show", "op show backup"),
        ("op-show-wide", "op show backup -o wide"),
        ("repair-status", "repair status"),
        ("repair-history", "repair history"),
        ("backup-list", "backup list -l s3://bucket/cluster-1"),
        ("backup-show", "backup show monday -l s3://bucket/cluster-1"),
        ("config-get", "config get"),
        ("config-diff", "config diff CASSANDRA_HEAP_SIZE_MB=1024"),
        ("config-history", "config history"),
        ("connection", "connection"),
        ("connection-address", "connection --address"),
        ("connection-cqlshrc", "connection --cqlshrc"),
        ("connection-snippet", "connection --driver-snippet"),
        ("seeds", "seeds"),
        ("events", "events"),
        ("events-wide", "events -o wide"),
        ("offers", "offers"),
        ("offers-why", "offers why 3"),
        ("why-node", "why 3"),
        ("why-plan", "why backup"),
        ("health", "health"),
        ("garbage", "garbage"),
    ],
)
def test_golden(name: str, line: str, cli: CommandLine, served: Served, busy: CoreGateway) -> None:
    ran = cli(*line.split())
    assert not ran.err
    check(name, ran.out)


@pytest.fixture
def busy(gateway: CoreGateway) -> CoreGateway:
    """A cluster of which a backup runs, a fourth node waits for an offer, and something was left behind."""
    uploading(gateway)
    state = gateway.state
    target = replace(state.target, spec=replace(state.target.spec, nodes=4))
    entries = [
        Entry(0, NOW, EntryKind.COMMAND, "alice asked to restart node-0", node="node-0", principal="alice"),
        Entry(0, NOW + 60, EntryKind.CONFIGURATION, "the target is c1", subject="c1"),
    ]  # fmt: skip
    garbage = GarbageRecord(
        id="8f0d6a7e", agent_id="S3", hostname="10.0.0.7", volumes=("3b9c",), cpus=0.7, memory_mb=4384.0,
        disk_mb=10240.0, found_at=NOW,
    )  # fmt: skip
    gateway.state = replace(
        add_entries(state, entries),
        target=target,
        configurations={target.id: target},
        nodes={**state.nodes, "node-3": replace(make_node(3), task=None, agent=None, deployed=None, mode="")},
        garbage={garbage.id: garbage},
    )
    gateway.evaluations = EVALUATIONS
    return gateway


WIDE = Table(
    columns("Node", Column("Agent", spare=True), Column("Owns", spare=True), "Why"), [("node-0", "a", "b", "c")]
)


@pytest.mark.parametrize(
    ("width", "head"),
    [(None, "Node    Agent  Owns  Why"), (24, "Node    Agent  Owns  Why"), (20, "Node    Agent  Why"), (5, "Node…")],
)
def test_spare_columns_leave_room_for_the_others(width: int | None, head: str) -> None:
    assert render_text(WIDE, NOW, width=width)[0] == head


def test_a_step_that_waits_says_for_how_long(cli: CommandLine, served: Served, busy: CoreGateway) -> None:
    (step,) = [item for item in busy.snapshot().plans["deploy"].phases[-1].steps if item.name == "node-3"]
    busy.since = {step.id: NOW}
    assert "node-3 PENDING for 1h 30m  [NO_OFFER]" in cli("plan", "status").out
    assert cli("plan", "status", "-o", "tsv").out.splitlines()[-1].endswith("\t2023-11-14T22:13:20Z")


def test_the_rate_of_an_operation_over_its_time(
    cli: CommandLine, served: Served, busy: CoreGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = busy.snapshot()
    samples = tuple(Sample(NOW + 10 * number, 5.0 * number, 1e6 * number) for number in range(8))
    monkeypatch.setattr(busy, "snapshot", lambda: replace(made, curves={"backup": samples}))
    line = "▁▂▃▄▅▆▇█  6.7 MiB/s now, at most 6.7 MiB/s, 2m 10s left"
    assert cli("op", "show", "backup").out.splitlines()[2] == line
    assert line not in cli("op", "show", "backup", "-o", "tsv").out


@pytest.mark.parametrize(
    ("rates", "left", "line"),
    [
        ([], None, []),
        ([None, None], None, []),
        ([0.0, 0.0], None, []),
        ([None, None], 90.0, ["1m 30s left"]),
        ([1024.0, None, 2048.0, None], None, ["▅ █   at most 2.0 KiB/s"]),
        ([0.0] * 79 + [1024.0], 60.0, ["▁" * 39 + "█  1.0 KiB/s now, at most 1.0 KiB/s, 1m left"]),
    ],
)
def test_the_line_of_a_curve(rates: list[float | None], left: float | None, line: list[str]) -> None:
    assert curve_line({"samples": [{"rate": rate} for rate in rates], "seconds_left": left}) == line


def test_a_restore_that_is_not_possible(cli: CommandLine, served: Served) -> None:
    ran = cli("restore", "plan", "friday", "-l", "s3://bucket/cluster-1")
    assert (ran.code, ran.err) == (1, "")
    check("restore-plan", ran.out)


@pytest.mark.parametrize(
    ("loaded", "seconds", "head"),
    [
        (2**31, 43, "Possible: yes, by import; 2.0 GiB to load, at least 43s with this throttle"),
        (2**31, None, "Possible: yes, by import; 2.0 GiB to load"),  # without a limit
        (0, 0, "Possible: yes, by import"),
    ],
)
def test_a_restore_that_is_possible(
    loaded: int, seconds: int | None, head: str, cli: CommandLine, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = {
        "possible": True, "mode": "import", "bytes": loaded, "seconds_at_throttle": seconds, "problems": [],
        "tables": [], "nodes": {}, "untried": [],
    }  # fmt: skip
    monkeypatch.setattr(Client, "send", lambda *_: found)
    ran = cli("restore", "plan", "friday", "-l", "s3://bucket/cluster-1")
    assert (ran.code, ran.out.splitlines()[0]) == (0, head)
