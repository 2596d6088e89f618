"""Addresses, directories and sizes of a local cluster."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from devcluster.layout import Address, ApiTls, ClusterLayout
from devcluster.up import resolve


def test_agents_have_an_address_each_and_racks_in_turn(tmp_path: Path) -> None:
    agents = ClusterLayout(tmp_path, nodes=4).agents
    assert [str(agent.address) for agent in agents] == [f"127.0.0.{n}:5051" for n in (2, 3, 4, 5)]
    assert [agent.rack for agent in agents] == ["r1", "r2", "r3", "r1"]
    assert [agent.name for agent in agents] == ["agent-1", "agent-2", "agent-3", "agent-4"]
    assert agents[3].work_directory == tmp_path / "agents" / "4"


def test_another_cluster_of_the_same_machine(tmp_path: Path) -> None:
    layout = ClusterLayout(
        tmp_path,
        network="127.0.7",
        zookeeper=Address("127.0.7.1", 12181),
        master=Address("127.0.7.1", 15050),
        api=Address("127.0.7.1", 19000),
        agent_port=15051,
    )
    assert str(layout.agents[0].address) == "127.0.7.2:15051"
    assert layout.api_url == "http://127.0.7.1:19000"
    assert layout.zookeeper_master_path == "zk://127.0.7.1:12181/mesos"


def test_sizes_are_remembered(tmp_path: Path) -> None:
    base = ClusterLayout(tmp_path / "dev")
    assert base.remembered() is None
    assert resolve(base, None, None) == base
    replace(base, nodes=5, heap_mb=512).remember()
    assert base.remembered() == replace(base, nodes=5, heap_mb=512)
    assert resolve(base, None, None).nodes == 5
    assert resolve(base, 6, None) == replace(base, nodes=6, heap_mb=512)
    assert resolve(base, None, None, 2) == replace(base, nodes=5, heap_mb=512, spare_agents=2)
    assert resolve(base, None, 300) == replace(base, nodes=5, heap_mb=300)
    assert resolve(base, None, None, secure=True) == replace(base, nodes=5, heap_mb=512, secure=True)
    replace(base, secure=True).remember()
    assert resolve(base, None, None) == replace(base, secure=True)
    base.forget()
    assert base.remembered() is None


def test_addresses_of_a_secure_cluster(tmp_path: Path) -> None:
    layout = ClusterLayout(tmp_path, secure=True)
    assert (layout.api_url, layout.master_url) == ("https://127.0.0.1:9000", "https://127.0.0.1:5050")
    assert layout.api_ca == layout.mesos_ca == tmp_path / "security" / "ca.pem"
    own = ApiTls(tmp_path / "api.pem", tmp_path / "key.pem", tmp_path / "other.pem")
    assert replace(layout, api_tls=own).api_ca == own.ca
    assert ClusterLayout(tmp_path).mesos_ca is None
