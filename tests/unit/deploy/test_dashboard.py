"""The dashboard for Grafana: metrics that exist, and panels that do not cover each other."""

from __future__ import annotations

import itertools
import json
import re
from pathlib import Path
from typing import Any

from tests.unit.deploy.test_alerts import metrics_of
from tests.unit.scheduler.metrics.existing import existing_names

FILE = Path(__file__).parents[3] / "deploy" / "grafana" / "cassandra-mesos.json"
DASHBOARD: dict[str, Any] = json.loads(FILE.read_text())
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
TARGETS = [target for panel in PANELS for target in panel["targets"]]


def test_each_metric_exists() -> None:
    queries = [item["query"]["query"] for item in DASHBOARD["templating"]["list"] if item["type"] == "query"]
    used = set().union(*(metrics_of(text) for text in [*queries, *(target["expr"] for target in TARGETS)]))
    assert len(used) > 20
    assert used <= existing_names()


def test_all_of_cassandras_figures_are_shown() -> None:
    used = set().union(*(metrics_of(target["expr"]) for target in TARGETS))
    figures = {name for name in existing_names() if re.match("cassandra_(?!scheduler_)", name)}
    assert figures - used <= {"cassandra_up"} | used


def test_panels_have_their_own_place() -> None:
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(ids) == len(set(ids))
    places = [panel["gridPos"] for panel in DASHBOARD["panels"]]
    assert all(place["x"] + place["w"] <= 24 for place in places)
    for one, other in itertools.combinations(places, 2):
        apart = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        below = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert apart or below, (one, other)


def test_the_data_source_is_chosen_in_the_dashboard() -> None:
    names = {item["name"] for item in DASHBOARD["templating"]["list"]}
    assert names == {"datasource", "job", "node"}
    assert {target["datasource"]["uid"] for target in TARGETS} == {"${datasource}"}
    variables = set(re.findall(r"\$(\w+)", " ".join(target["expr"] for target in TARGETS)))
    assert variables <= names | {"__rate_interval"}
