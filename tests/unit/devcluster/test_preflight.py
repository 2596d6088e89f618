"""The checks before a start."""

from __future__ import annotations

import socket
from dataclasses import replace
from pathlib import Path

import pytest

from devcluster import preflight
from devcluster.layout import Address, ClusterLayout

MEMINFO = (
    "MemTotal:       24617844 kB\nMemFree:         1000000 kB\nMemAvailable:    3145728 kB\nHugePages_Total:       0\n"
)


@pytest.fixture
def layout(tmp_path: Path) -> ClusterLayout:
    return ClusterLayout(tmp_path / "state" / "dev")


@pytest.mark.parametrize(
    ("nodes", "heap_mb", "existing", "problems"),
    [
        pytest.param(3, 384, None, [], id="the defaults"),
        pytest.param(1, 256, None, [], id="the least"),
        pytest.param(100, 12288, None, [], id="the most"),
        pytest.param(0, 384, None, ["--nodes must be between 1 and 100, not 0."], id="no node"),
        pytest.param(101, 384, None, ["--nodes must be between 1 and 100, not 101."], id="too many nodes"),
        pytest.param(3, 255, None, ["--heap must be between 256 and 12288 MB, not 255."], id="heap too small"),
        pytest.param(
            -1,
            99999,
            None,
            ["--nodes must be between 1 and 100, not -1.", "--heap must be between 256 and 12288 MB, not 99999."],
            id="both at once",
        ),
        pytest.param(4, 384, 3, [], id="one more"),
    ],
)
def test_sizes(layout: ClusterLayout, nodes: int, heap_mb: int, existing: int | None, problems: list[str]) -> None:
    kept = None if existing is None else replace(layout, nodes=existing)
    assert preflight.check_sizes(replace(layout, nodes=nodes, heap_mb=heap_mb), kept) == problems


def test_fewer_nodes_than_there_are(layout: ClusterLayout) -> None:
    (problem,) = preflight.check_sizes(replace(layout, nodes=2), layout)
    assert "has 3 nodes with data" in problem
    assert "./dev clean" in problem


def test_tools(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    java, maven = preflight.check_tools(None, bundles_built=False)
    assert "JDK 17" in java
    assert "Maven" in maven
    assert preflight.check_tools(tmp_path, bundles_built=True) == []


def test_memory_available() -> None:
    assert preflight.memory_available_mb(MEMINFO) == 3072


def test_memory_grows_with_nodes_and_heap() -> None:
    assert preflight.memory_needed_mb(3, 384) < 3072
    assert preflight.memory_needed_mb(3, 1024) - preflight.memory_needed_mb(3, 512) == 3 * 512
    assert preflight.memory_needed_mb(0, 384) == preflight.FIXED_MB


def test_too_little_memory(layout: ClusterLayout) -> None:
    greedy = replace(layout, nodes=100, heap_mb=12288)
    (problem, *_) = preflight.check_machine(greedy, starting=100)
    assert problem.startswith("100 nodes with 12288 MB heap need 1271200 MB of memory, but only ")
    assert problem.endswith("take fewer --nodes or a smaller --heap.")
    assert preflight.check_machine(greedy, starting=0) == []


def test_a_port_in_use_is_told_with_who_needs_it() -> None:
    with socket.create_server(("127.0.9.1", 0)) as server:
        address = Address("127.0.9.1", server.getsockname()[1])
        assert preflight.check_ports({"zookeeper": [address]}) == [
            f"{address} is in use by another program; zookeeper needs it."
        ]
    assert preflight.check_ports({"zookeeper": [address]}) == []


def test_an_address_that_this_machine_does_not_have() -> None:
    (problem,) = preflight.check_ports({"agent-1": [Address("192.0.2.1", 5051)]})
    assert problem.startswith("192.0.2.1:5051 cannot be used by agent-1: ")


def test_ports_of_what_runs_are_not_wanted(layout: ClusterLayout) -> None:
    everything = preflight.ports_wanted(layout, [])
    assert everything["zookeeper"] == [Address("127.0.0.1", 2181)]
    assert everything["master"] == [Address("127.0.0.1", 5050)]
    assert everything["scheduler"] == [Address("127.0.0.1", 9000)]
    assert everything["agent-3"] == [Address("127.0.0.4", 5051)]
    assert everything["node on agent-3"] == [Address("127.0.0.4", port) for port in (7000, 7001, 9042, 7199)]
    assert preflight.ports_wanted(layout, list(everything)) == {}
    assert set(preflight.ports_wanted(layout, ["master", "node on agent-1"])) == set(everything) - {
        "master",
        "node on agent-1",
    }
