"""The alert rules: metrics that exist, a section of the runbook for each, and promtool's word on when each fires."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import click
import pytest
import yaml

from cli.root import root
from tests.unit.scheduler.metrics.existing import existing_names

ROOT = Path(__file__).parents[3]
RULES = ROOT / "deploy" / "prometheus" / "alerts.yml"
RUNBOOK = ROOT / "docs" / "operations" / "alerts.md"
(GROUP,) = yaml.safe_load(RULES.read_text())["groups"]
ALERTS: dict[str, dict[str, Any]] = {rule["alert"]: rule for rule in GROUP["rules"]}
# `./dev test` puts it there.
PROMTOOL = shutil.which("promtool") or shutil.which(ROOT / ".dev" / "tools" / "usr" / "bin" / "promtool")

S, C = "cassandra_scheduler", "cassandra"
DAY = 86_400
# A healthy cluster: values by series, for some hours of one a minute. promtool's time begins at 0.
HEALTHY: Mapping[str, str] = {
    f"{S}_snapshot_timestamp_seconds": "0+60x600",
    f"{S}_mesos_connected": "1x600",
    f"{S}_deciding": "1x600",
    f"{S}_queue_length": "3x600",
    f'{S}_request_seconds_bucket{{path="/v1/nodes/status",le="0.1"}}': "0+10x600",
    f'{S}_request_seconds_bucket{{path="/v1/nodes/status",le="5.0"}}': "0+10x600",
    f'{S}_request_seconds_bucket{{path="/v1/nodes/status",le="+Inf"}}': "0+10x600",
    f'{S}_requests_refused_total{{status="401"}}': "0x600",
    f'{C}_up{{mode="NORMAL",node="node-0"}}': "1x600",
    f'{C}_up{{mode="NORMAL",node="node-1"}}': "1x600",
    f"{S}_nodes_missing": "0x600",
    f'{S}_node_failures{{node="node-0"}}': "0x600",
    f'{S}_plan_status{{plan="deploy",status="ERROR"}}': "0x600",
    f'{S}_plan_status{{plan="deploy",status="WAITING"}}': "0x600",
    f'{S}_operation_waits_for_operator{{kind="repair"}}': "0x600",
    f'{S}_operation_started_timestamp_seconds{{kind="repair"}}': "0x600",
    f'{S}_backup_completed_timestamp_seconds{{keyspace="shop"}}': "0x600",
    f'{S}_repair_completed_timestamp_seconds{{keyspace="shop"}}': "0x600",
    f'{S}_node_disk_free_bytes{{node="node-0"}}': "50x600",
    f'{C}_disk_bytes{{node="node-0"}}': "100x600",
    f'{C}_read_seconds{{node="node-0",quantile="0.99"}}': "0.01x600",
    f'{C}_write_seconds{{node="node-0",quantile="0.99"}}': "0.01x600",
    f'{C}_requests_total{{node="node-0"}}': "0+6000x600",
    f'{C}_errors_total{{node="node-0"}}': "0x600",
    f'{C}_dropped_total{{node="node-0"}}': "0x600",
    f'{C}_hinted_peers{{node="node-0"}}': "0x600",
    f'{C}_pending_compactions{{node="node-0"}}': "2x600",
    f'{C}_heap_used_ratio{{node="node-0"}}': "0.5x600",
    f'{C}_heap_used_ratio{{node="node-1"}}': "0.5x600",
    f'{C}_gc_seconds_total{{node="node-0"}}': "0+1x600",
    f"{S}_garbage_reservations": "0x600",
    f'{S}_certificate_expiry_timestamp_seconds{{node="node-0"}}': f"{20 * DAY}x600",
    f'{S}_authority_expiry_timestamp_seconds{{fingerprint="9f86"}}': f"{3650 * DAY}x600",
    f'{S}_client_authority_expiry_timestamp_seconds{{fingerprint="3c2a"}}': f"{3650 * DAY}x600",
    f'{S}_node_clock_offset_seconds{{node="node-0"}}': "0x600",
    f'{S}_warnings{{about="keys"}}': "0x600",
    f'{S}_warnings{{about="settings"}}': "1x600",
}
_SLOW = f'{S}_request_seconds_bucket{{path="/v1/nodes/status",le="0.1"}}'
_DOWN = f'{C}_up{{mode="NORMAL",node="node-1"}}'
# By alert the series that make it fire, and the other alerts that fire with it. None is a series that is missing.
FIRES: Mapping[str, tuple[Mapping[str, str | None], set[str]]] = {
    "CassandraSchedulerDown": ({f"{S}_snapshot_timestamp_seconds": None}, set()),
    "CassandraSchedulerStale": ({f"{S}_snapshot_timestamp_seconds": "0x600"}, set()),
    "CassandraSchedulerDisconnected": ({f"{S}_mesos_connected": "0x600"}, set()),
    "CassandraSchedulerUndecided": ({f"{S}_deciding": "0x600"}, set()),
    "CassandraQueueLong": ({f"{S}_queue_length": "5000x600"}, set()),
    "CassandraApiSlow": ({_SLOW: "0x600"}, set()),
    "CassandraRequestsRefused": ({f'{S}_requests_refused_total{{status="401"}}': "0+10x600"}, set()),
    "CassandraNodeDown": ({_DOWN: "0x600"}, set()),
    "CassandraNodesDown": (
        {_DOWN: "0x600", f'{C}_up{{mode="NORMAL",node="node-0"}}': "0x600"},
        {"CassandraNodeDown"},
    ),
    "CassandraNodeMissing": ({f"{S}_nodes_missing": "1x600"}, set()),
    "CassandraNodeFails": ({f'{S}_node_failures{{node="node-0"}}': "3x600"}, set()),
    "CassandraFiguresMissing": ({f'{C}_heap_used_ratio{{node="node-1"}}': None}, set()),
    "CassandraPlanError": ({f'{S}_plan_status{{plan="deploy",status="ERROR"}}': "1x600"}, set()),
    "CassandraPlanWaits": ({f'{S}_plan_status{{plan="deploy",status="WAITING"}}': "1x600"}, set()),
    "CassandraOperationFailed": ({f'{S}_operation_waits_for_operator{{kind="repair"}}': "1x600"}, set()),
    "CassandraOperationLong": (
        {f'{S}_operation_started_timestamp_seconds{{kind="repair"}}': f"{-DAY}x600"},
        set(),
    ),
    "CassandraBackupOld": ({f'{S}_backup_completed_timestamp_seconds{{keyspace="shop"}}': f"{-2 * DAY}x600"}, set()),
    "CassandraRepairOld": ({f'{S}_repair_completed_timestamp_seconds{{keyspace="shop"}}': f"{-8 * DAY}x600"}, set()),
    "CassandraDiskFilling": ({f'{S}_node_disk_free_bytes{{node="node-0"}}': "15x600"}, set()),
    "CassandraDiskFull": ({f'{S}_node_disk_free_bytes{{node="node-0"}}': "4x600"}, {"CassandraDiskFilling"}),
    "CassandraReadsSlow": ({f'{C}_read_seconds{{node="node-0",quantile="0.99"}}': "0.9x600"}, set()),
    "CassandraWritesSlow": ({f'{C}_write_seconds{{node="node-0",quantile="0.99"}}': "0.9x600"}, set()),
    "CassandraRequestErrors": ({f'{C}_errors_total{{node="node-0"}}': "0+100x600"}, set()),
    "CassandraMessagesDropped": ({f'{C}_dropped_total{{node="node-0"}}': "0+1x600"}, set()),
    "CassandraHintsWait": ({f'{C}_hinted_peers{{node="node-0"}}': "1x600"}, set()),
    "CassandraCompactionsWait": ({f'{C}_pending_compactions{{node="node-0"}}': "200x600"}, set()),
    "CassandraHeapFull": ({f'{C}_heap_used_ratio{{node="node-0"}}': "0.95x600"}, set()),
    "CassandraCollectionsLong": ({f'{C}_gc_seconds_total{{node="node-0"}}': "0+30x600"}, set()),
    "CassandraGarbage": ({f"{S}_garbage_reservations": "2x600"}, set()),
    "CassandraCertificateEnds": (
        {f'{S}_certificate_expiry_timestamp_seconds{{node="node-0"}}': f"{2 * DAY}x600"},
        set(),
    ),
    "CassandraAuthorityEnds": (
        {f'{S}_authority_expiry_timestamp_seconds{{fingerprint="9f86"}}': f"{20 * DAY}x600"},
        set(),
    ),
    "CassandraClientAuthorityEnds": (
        {f'{S}_client_authority_expiry_timestamp_seconds{{fingerprint="3c2a"}}': f"{20 * DAY}x600"},
        set(),
    ),
    "CassandraClockWrong": ({f'{S}_node_clock_offset_seconds{{node="node-0"}}': "-86399x600"}, set()),
    "CassandraWarning": ({f'{S}_warnings{{about="keys"}}': "1x600"}, set()),
}


def metrics_of(expression: str) -> set[str]:
    """Return the names of our metrics in an expression."""
    return set(re.findall(r"\bcassandra_\w+", re.sub(r"\{[^}]*\}|\"[^\"]*\"", "", expression)))


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_names_metrics_that_exist_and_has_a_section_in_the_runbook(name: str) -> None:
    rule = ALERTS[name]
    used = metrics_of(rule["expr"])
    assert used
    assert used <= existing_names()
    assert rule["labels"]["severity"] in ("critical", "warning")
    assert rule["annotations"]["summary"]
    page, _, anchor = rule["annotations"]["runbook_url"].partition("#")
    assert ROOT / page == RUNBOOK
    section = re.search(rf"^## {name}\n\n\*(\w+)\*\. (.+?)(?=^## |\Z)", RUNBOOK.read_text(), re.M | re.S)
    assert section is not None
    assert (anchor, section[1]) == (name.lower(), rule["labels"]["severity"])
    assert "Look at:" in section[2]


def test_each_alert_has_a_test_and_each_section_an_alert() -> None:
    assert FIRES.keys() == ALERTS.keys()
    assert set(re.findall(r"^## (Cassandra\w+)$", RUNBOOK.read_text(), re.M)) == ALERTS.keys()
    assert {series.partition("{")[0] for series in HEALTHY} <= existing_names()


@pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed; ./dev test gets it from Debian's packages")
class TestPromtool:
    def run(self, *arguments: str) -> str:
        assert PROMTOOL is not None
        ran = subprocess.run([PROMTOOL, *arguments], capture_output=True, text=True, timeout=120, check=False)
        assert ran.returncode == 0, ran.stdout + ran.stderr
        return ran.stdout

    def test_the_rules_are_valid(self) -> None:
        assert f"{len(ALERTS)} rules found" in self.run("check", "rules", str(RULES))

    def test_each_alert_fires_over_its_series_and_no_other_does(self, tmp_path: Path) -> None:
        cases: dict[str, tuple[Mapping[str, str | None], set[str]]] = {"": ({}, set()), **FIRES}
        groups = [
            case({**HEALTHY, **series}, others | {name} - {""}) for name, (series, others) in sorted(cases.items())
        ]
        self.prove(tmp_path, groups)

    def test_a_node_that_is_down_in_one_mode_after_another_is_down(self, tmp_path: Path) -> None:
        """Each start has other modes, and a mode is a label: an alert by series would begin anew with each."""
        series: dict[str, str | None] = {
            f'{C}_up{{mode="STARTING",node="node-1"}}': "0 0 0 0 0 stale _ _ _ _ " * 30,
            f'{C}_up{{mode="UNKNOWN",node="node-1"}}': "_ _ _ _ _ 0 0 0 0 0 " + "stale _ _ _ _ 0 0 0 0 0 " * 29,
            _DOWN: None,
            f'{C}_heap_used_ratio{{node="node-1"}}': None,
        }
        self.prove(tmp_path, [case({**HEALTHY, **series}, {"CassandraNodeDown"})])

    def test_nodes_of_two_clusters_are_not_counted_together(self, tmp_path: Path) -> None:
        series = {
            f'{C}_up{{instance="{host}",mode="DOWN",node="node-{number}"}}': "0x600"
            for number, host in enumerate(("one", "two"))
        }
        self.prove(tmp_path, [case({**HEALTHY, **series}, {"CassandraNodeDown"})])

    def test_the_disk_of_a_node_that_went_down_stays_full(self, tmp_path: Path) -> None:
        """The size comes with Cassandra's figures, which end with it; the executor reports the free bytes on."""
        series = {
            f'{S}_node_disk_free_bytes{{node="node-0"}}': "4x600",
            f'{C}_disk_bytes{{node="node-0"}}': "100x120 stale",
        }
        self.prove(tmp_path, [case({**HEALTHY, **series}, {"CassandraDiskFilling", "CassandraDiskFull"})])

    def prove(self, directory: Path, groups: list[dict[str, Any]]) -> None:
        file = directory / "tests.yml"
        file.write_text(yaml.safe_dump({"rule_files": [str(RULES)], "evaluation_interval": "5m", "tests": groups}))
        self.run("test", "rules", str(file))


def case(series: Mapping[str, str | None], alerts: set[str]) -> dict[str, Any]:
    """Return a test of promtool: the names of the alerts that fire after five hours."""
    expected = [{"labels": f'{{alertname="{name}"}}', "value": 1} for name in sorted(alerts)]
    return {
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in series.items() if values is not None],
        "promql_expr_test": [
            {
                "expr": 'group by (alertname) (ALERTS{alertstate="firing"})',
                "eval_time": "5h",
                "exp_samples": expected,
            }
        ],
    }


@pytest.mark.parametrize("line", sorted(set(re.findall(r"`cassandra-mesos ([^`]+)`", RUNBOOK.read_text()))))
def test_the_commands_of_the_runbook_exist(line: str) -> None:
    words, found = line.split(), cast("click.Command", root)
    while isinstance(found, click.Group) and words:
        deeper = found.get_command(click.Context(found), words.pop(0))
        assert deeper is not None
        found = deeper
    options = {name for parameter in found.params for name in parameter.opts}
    assert {word for word in words if word.startswith("-")} <= options
