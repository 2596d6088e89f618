from __future__ import annotations

import os
import shutil
import socket
import stat
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from executor.cassandra.install import (
    Installation,
    LaunchError,
    Surroundings,
    find_java,
    install,
    jolokia_address,
    with_free_port,
)
from executor.cassandra.late_bundle import LateBundle
from executor.jmx import access
from executor.jmx.jolokia import Jolokia
from executor.protocol import NodeLaunch
from tests.unit.executor.sandbox import ADDRESS, make_launch, make_sandbox, surroundings


def _install(launch: NodeLaunch, where: Surroundings) -> Installation:
    return install(launch, where, lambda _text: None)


def _remove(*names: str) -> Callable[[Path], None]:
    def remove(sandbox: Path) -> None:
        for name in names:
            shutil.rmtree(sandbox / name)

    return remove


def _unlink(name: str) -> Callable[[Path], None]:
    return lambda sandbox: (sandbox / name).unlink()


def _replace_volume_by_file(sandbox: Path) -> None:
    shutil.rmtree(sandbox / "volume")
    (sandbox / "volume").touch()


def _damage_data(sandbox: Path) -> None:
    (sandbox / "volume" / "data").touch()


def _old_java(sandbox: Path) -> None:
    (sandbox / "jre/release").write_text('IMPLEMENTOR="Debian"\nJAVA_VERSION="1.8.0_121"\n')


def _block_conf(sandbox: Path) -> None:
    (sandbox / "conf").touch()


@pytest.mark.parametrize(
    ("spoil", "step", "words"),
    [
        (_remove("cassandra"), "bundle", "bundle is missing"),
        (_unlink("cassandra/lib/jamm-0.4.0.jar"), "bundle", "0 files jamm"),
        (_remove("jre"), "java", "Java is missing"),
        (_old_java, "java", "is Java 1; Cassandra needs Java 17"),
        (_remove("volume"), "volume", "volume is missing"),
        (_replace_volume_by_file, "volume", "is not a directory"),
        (_damage_data, "volume", "cannot be written"),
        (_block_conf, "configuration", "sandbox cannot be written"),
    ],
)
def test_what_is_missing_is_said(tmp_path: Path, spoil: Callable[[Path], None], step: str, words: str) -> None:
    sandbox = make_sandbox(tmp_path)
    spoil(sandbox)
    with pytest.raises(LaunchError, match=words) as caught:
        _install(make_launch(), surroundings(sandbox))
    assert caught.value.step == step
    assert str(caught.value).startswith(f"{step}: ")


@pytest.mark.parametrize(("words", "ends"), [("The bundle x is refused: …", False), ("", True)])
def test_the_bundle_that_is_being_unpacked_is_waited_for(tmp_path: Path, words: str, ends: bool) -> None:
    sandbox = make_sandbox(tmp_path)
    (sandbox / "cassandra").rename(sandbox / "packed")
    script = f"mv packed cassandra; echo '{words}' >&2; {'true' if ends else 'false'}"
    process = subprocess.Popen(["sh", "-c", script], cwd=sandbox, stderr=subprocess.PIPE, text=True)
    where = replace(surroundings(sandbox), late_bundle=LateBundle(process))
    if ends:
        _install(make_launch(), where).lock.close()
        return
    with pytest.raises(LaunchError) as caught:
        _install(make_launch(), where)
    assert str(caught.value) == f"bundle: {words}"
    assert not list((sandbox / "volume").iterdir())


def test_bad_options_are_refused_before_the_volume_is_touched(tmp_path: Path) -> None:
    sandbox = make_sandbox(tmp_path)
    with pytest.raises(LaunchError, match=r"options: cassandra\.yaml: the executor sets listen_address"):
        _install(make_launch(options={"listen_address": "0.0.0.0"}), surroundings(sandbox))
    assert not list((sandbox / "volume").iterdir())


@pytest.mark.parametrize("port", ["storage", "native_transport", "jolokia"])
def test_a_port_in_use_is_named_and_the_volume_is_free_again(tmp_path: Path, port: str) -> None:
    launch, where = make_launch(), surroundings(make_sandbox(tmp_path))
    number = getattr(launch.ports, port)
    with socket.create_server((ADDRESS, number)), pytest.raises(LaunchError) as caught:
        _install(launch, where)
    assert str(caught.value).startswith("ports: the ")
    assert f"port {number} on {ADDRESS} cannot be used: another process uses it" in str(caught.value)
    _install(launch, where).lock.close()


def test_an_address_of_another_host_is_named(tmp_path: Path) -> None:
    where = replace(surroundings(make_sandbox(tmp_path)), address="192.0.2.1")
    with pytest.raises(LaunchError, match=r"192\.0\.2\.1 cannot be used: Cannot assign"):
        _install(make_launch(), where)


def test_what_is_written(tmp_path: Path) -> None:
    sandbox = make_sandbox(tmp_path)
    installation = _install(make_launch(), surroundings(sandbox))
    installation.lock.close()
    secret = sandbox / "conf/jolokia.properties"
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    assert installation.jolokia.password in secret.read_text()
    assert installation.jolokia.password not in " ".join(installation.command)
    assert installation.command[0] == str(sandbox / "jre/bin/java")
    assert "cluster_name: test" in (sandbox / "conf/cassandra.yaml").read_text()
    assert (sandbox / "conf/cassandra-rackdc.properties").read_text() == "dc=dc1\nrack=r1\n"
    assert {path.name for path in (sandbox / "volume").iterdir() if path.is_dir()} == {
        "data", "commitlog", "saved_caches", "hints", "cdc_raw", "maintenance", "start",
    }  # fmt: skip


def test_what_may_be_called_is_written(tmp_path: Path) -> None:
    sandbox = make_sandbox(tmp_path)
    _install(make_launch(), surroundings(sandbox)).lock.close()
    assert (sandbox / "conf/jolokia-access.xml").read_text() == access.policy()
    text = (sandbox / "conf/jolokia.properties").read_text()
    assert f"policyLocation=file://{sandbox}/conf/jolokia-access.xml" in text


@pytest.mark.parametrize(
    ("address", "expected"),
    [("10.0.0.1", "127.0.0.1"), ("127.0.2.1", "127.0.2.1"), ("::1", "::1"), ("host", "127.0.0.1")],
)
def test_jolokia_listens_on_the_loopback_network(address: str, expected: str) -> None:
    assert jolokia_address(address) == expected


def test_jolokia_takes_another_port_where_a_node_of_this_machine_has_its_own() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        jolokia = Jolokia("127.0.0.1", taken.getsockname()[1], "executor", "x")
        assert with_free_port(jolokia).port not in (0, jolokia.port)
    assert with_free_port(jolokia) == jolokia


def test_every_launch_has_its_own_password(tmp_path: Path) -> None:
    where = surroundings(make_sandbox(tmp_path))
    passwords = set()
    for _ in range(2):
        installation = _install(make_launch(), where)
        installation.lock.close()
        passwords.add(installation.jolokia.password)
    assert len(passwords) == 2


def test_java_is_found_in_this_order(tmp_path: Path) -> None:
    for name in ("launch", "environment", "path"):
        (tmp_path / name / "bin").mkdir(parents=True)
        (tmp_path / name / "bin/java").touch(0o755)
    environ = {"JAVA_HOME": str(tmp_path / "environment"), "PATH": str(tmp_path / "path/bin")}
    assert find_java("launch", tmp_path, environ) == tmp_path / "launch/bin/java"
    assert find_java(None, tmp_path, environ) == tmp_path / "environment/bin/java"
    del environ["JAVA_HOME"]
    assert find_java(None, tmp_path, environ) == tmp_path / "path/bin/java"
    with pytest.raises(LaunchError, match="no java on PATH"):
        find_java(None, tmp_path, {"PATH": os.devnull})
