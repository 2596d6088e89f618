"""The command line in a local cluster: built beside the bundles, and named after `up`."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from devcluster.bundles import Bundles
from devcluster.layout import ClusterLayout, read_api_tls
from devcluster.processes import StartError
from devcluster.up import summary


def test_up_names_the_command_line(tmp_path: Path) -> None:
    lines = [line.strip() for line in summary(ClusterLayout(tmp_path), ["127.0.0.2:9042"])]
    export = next(shlex.split(line) for line in lines if line.startswith("export CASSANDRA_MESOS_URL="))
    assert export[2] == f"CASSANDRA_MESOS_TOKEN_FILE={tmp_path / 'token'}"
    assert ".venv/bin/cassandra-mesos status" in lines
    assert any(line.startswith("Page ") and line.endswith("/ui/") for line in lines)


def test_up_names_the_authority_of_https(tmp_path: Path) -> None:
    environ = {"API_CERTIFICATE_FILE": str(tmp_path / "api.pem"), "API_KEY_FILE": str(tmp_path / "key.pem")}
    assert read_api_tls({}) is None
    own = read_api_tls(environ)
    assert own is not None
    assert own.ca == own.certificate
    tls = read_api_tls({**environ, "CASSANDRA_MESOS_CA": str(tmp_path / "ca.pem")})
    lines = [line.strip() for line in summary(ClusterLayout(tmp_path, api_tls=tls), ["127.0.0.2:9042"])]
    export = next(shlex.split(line) for line in lines if line.startswith("export CASSANDRA_MESOS_URL="))
    assert export[1] == "CASSANDRA_MESOS_URL=https://127.0.0.1:9000"
    assert export[3] == f"CASSANDRA_MESOS_CA={tmp_path / 'ca.pem'}"
    assert all(f"--cacert {tmp_path / 'ca.pem'} " in line for line in lines if line.startswith("curl"))


def test_it_is_built_among_the_artifacts(tmp_path: Path) -> None:
    bundles = Bundles(tmp_path)
    bundles.artifacts.mkdir()
    bundles.build_command_line()
    assert (bundles.artifacts / "cassandra-mesos").stat().st_mode & 0o111


def test_it_cannot_be_built(tmp_path: Path) -> None:
    with pytest.raises(StartError, match="The command line cassandra-mesos could not be built"):
        Bundles(tmp_path / "missing").build_command_line()


def test_up_names_what_a_secure_cluster_needs(tmp_path: Path) -> None:
    lines = summary(ClusterLayout(tmp_path, secure=True), ["127.0.0.2:9042"])
    assert f".venv/bin/cqlsh --cqlshrc {tmp_path / 'security' / 'cqlshrc'} -e 'LIST ROLES'" in lines
    assert "ZooKeeper   127.0.0.1:2281" in lines
    assert "Mesos       https://127.0.0.1:5050/state" in lines
    compile("\n".join(lines[lines.index(".venv/bin/python - <<'EOF'") + 1 : lines.index("EOF")]), "example", "exec")
