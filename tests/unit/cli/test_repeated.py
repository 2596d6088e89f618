"""A name that is given twice is refused, wherever only one of its values could count."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from cli.repeated import read_yaml
from tests.unit.api.cluster import CoreGateway
from tests.unit.cli.serving import CommandLine, Served

AT = "-l s3://bucket/cluster-1"


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("config set -y NODES=4 NODES=5", "NODES is given twice."),
        ("config set -y NODES=4 NODES=4", "NODES is given twice."),
        ("config diff NODES=4 --unset NODES", "NODES is given twice."),
        (f"restore start a {AT} -y --rename shop=a --rename shop=b", "shop is given twice in --rename."),
        ("api GET /v1/events?limit=1&limit=2", "limit is given twice in the query."),
        ('api PUT /v1/config -d {"NODES":4,"NODES":5}', "NODES is given twice."),
        ('api PUT /v1/restore/plan -d {"rename":{"a":"b","a":"c"}}', "a is given twice."),
    ],
)
def test_arguments(line: str, sentence: str, cli: CommandLine, served: Served, gateway: CoreGateway) -> None:
    ran = cli(*line.split())
    assert (ran.code, ran.err) == (2, f"{sentence}\n")
    assert gateway.submitted == []


def test_a_file_of_settings(cli: CommandLine, served: Served, gateway: CoreGateway, tmp_path: Path) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text("NODES: 4\nCASSANDRA_HEAP_SIZE_MB: 1024\nNODES: 5\n")
    ran = cli("config", "set", "-y", "-f", str(file))
    assert (ran.code, ran.err) == (2, "NODES is given twice in the settings.\n")
    assert gateway.submitted == []
    # An argument changes what a file says, as a file of many clusters' settings needs it.
    file.write_text("NODES: 4\nCASSANDRA_HEAP_SIZE_MB: 512\n")
    assert cli("config", "set", "-y", "-f", str(file), "CASSANDRA_HEAP_SIZE_MB=1024", "--unset", "NODES").code == 0
    assert gateway.state.target.spec.cassandra.heap_mb == 1024


def test_a_file_of_contexts(cli: CommandLine, tmp_path: Path) -> None:
    file = tmp_path / "config" / "cassandra-mesos" / "config.yaml"
    file.parent.mkdir(parents=True)
    file.touch(mode=0o600)
    file.write_text("contexts:\n  one: {url: http://127.0.0.1:1}\n  one: {url: http://127.0.0.1:2}\n")
    ran = cli("context", "list")
    assert (ran.code, ran.err) == (2, f"one is given twice in {file}.\n")


def test_a_merge_may_repeat_a_name() -> None:
    text = "one: &one {a: 1, b: 2}\ntwo: {<<: *one, a: 3}\n"
    assert read_yaml(text, "") == yaml.safe_load(text) == {"one": {"a": 1, "b": 2}, "two": {"a": 3, "b": 2}}
