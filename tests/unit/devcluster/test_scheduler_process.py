"""The settings that a local cluster gives its scheduler."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from devcluster import local, scheduler_process, security
from devcluster.bundles import Bundles
from devcluster.layout import AGENT_CPUS, AGENT_DISK_MB, AGENT_MEMORY_MB, MAX_HEAP_MB, MIN_HEAP_MB, ClusterLayout
from executor.cassandra import start_cache
from scheduler.settings import Settings, parse


def settings(layout: ClusterLayout) -> Settings:
    bundles = Bundles(layout.bundles_directory)
    bundles.artifacts.mkdir(parents=True, exist_ok=True)
    for name in ("executor.tar.gz", "cassandra-5.0.8.tar.gz"):
        (bundles.artifacts / name).touch()
    local.token(layout)
    base = {"PATH": "/usr/bin", "CASSANDRA_NUM_TOKENS": "4", "CASSANDRA_JVM_OPTIONS": "-Da=b", "NODES": "77"}
    return parse(scheduler_process.environment(layout, bundles, base))


@pytest.mark.parametrize("heap_mb", [MIN_HEAP_MB, 384, MAX_HEAP_MB])
@pytest.mark.parametrize("nodes", [1, 2, 3, 100])
def test_the_scheduler_takes_them(tmp_path: Path, nodes: int, heap_mb: int) -> None:
    layout = replace(ClusterLayout(tmp_path), nodes=nodes, heap_mb=heap_mb)
    read = settings(layout)
    assert read.nodes == nodes
    assert read.seed_nodes == min(2, nodes)
    assert read.cassandra_heap_size_mb == heap_mb
    assert read.mesos_master == "zk://127.0.0.1:2181/mesos"
    assert read.artifacts_url == "http://127.0.0.1:9000/v1/artifacts/"
    assert read.warnings == ()


def test_the_scheduler_of_a_secure_cluster(tmp_path: Path) -> None:
    layout = ClusterLayout(tmp_path, secure=True)
    local.token(layout)
    security.prepare(layout)
    read = settings(layout)
    assert read.warnings == ()
    assert read.zookeeper_servers == "127.0.0.1:2281"
    assert read.artifacts_url == "https://127.0.0.1:9000/v1/artifacts/"
    spec = read.cluster_spec().cassandra
    assert (spec.encryption, spec.authentication, spec.authorization) == ("required", "on", "on")
    assert spec.client_certificates == "optional"
    assert spec.client_authorities == (layout.security_directory / "clients-ca.pem").read_text()
    before = {path.name: path.read_bytes() for path in layout.security_directory.iterdir()}
    security.prepare(layout)
    assert {path.name: path.read_bytes() for path in layout.security_directory.iterdir()} == before
    # One more node, and its agent needs a certificate for its address.
    security.prepare(replace(layout, nodes=4))
    changed = {path.name for path in layout.security_directory.iterdir() if path.read_bytes() != before[path.name]}
    assert changed == {"mesos.pem", "mesos-key.pem", "mesos-both.pem", "mesos.addresses"}


def test_what_the_user_sets_beside_them_is_kept(tmp_path: Path) -> None:
    read = settings(ClusterLayout(tmp_path))
    assert read.cassandra_options["num_tokens"] == 4
    assert read.cassandra_jvm_options.endswith(" -Da=b")
    assert "-Dcassandra.ring_delay_ms=3000" in read.cassandra_jvm_options
    assert read.nodes == 3


def test_what_a_node_needs_fits_on_its_agent(tmp_path: Path) -> None:
    spec = settings(replace(ClusterLayout(tmp_path), heap_mb=MAX_HEAP_MB)).cluster_spec()
    assert spec.resources.mem + spec.task.mem + spec.executor.resources.mem <= AGENT_MEMORY_MB
    assert spec.resources.cpus + spec.task.cpus + spec.executor.resources.cpus <= AGENT_CPUS
    assert spec.disk_mb <= AGENT_DISK_MB


def test_the_token_is_made_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    layout = ClusterLayout(tmp_path / "dev")
    token = local.token(layout)
    assert len(token) >= 32
    assert local.token(layout) == token
    assert layout.token_file.stat().st_mode & 0o777 == 0o600
    with layout.token_file.open("a") as file:
        file.write("alice:read:another-token-to-try-the-role\n")
    assert local.token(layout) == token


def test_the_key_for_credentials_is_made_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    layout = ClusterLayout(tmp_path / "dev")
    path = scheduler_process.secrets_key(layout)
    key = path.read_text()
    assert scheduler_process.secrets_key(layout).read_text() == key
    assert path.stat().st_mode & 0o777 == 0o600
    assert settings(layout).secrets_key_file == str(path)
    bundles = Bundles(layout.bundles_directory)
    assert key.strip() not in str(scheduler_process.environment(layout, bundles, {}))


def test_what_is_for_executors_alone_is_no_setting(tmp_path: Path) -> None:
    layout = ClusterLayout(tmp_path)
    bundles = Bundles(tmp_path)
    assert start_cache.VARIABLE not in scheduler_process.environment(layout, bundles, {start_cache.VARIABLE: "/x"})
