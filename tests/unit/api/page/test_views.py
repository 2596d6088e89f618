"""What the views say, and that no text of a cluster can say anything else."""

from __future__ import annotations

import re
import time
from dataclasses import replace
from typing import Any

import pytest

from api.page.nodes import mark_of
from bench import large
from executor.figures import Figures
from scheduler.core.plans.build import build_plans
from scheduler.core.state.configuration import PlanRecord
from scheduler.core.state.event import Entry, EntryKind, JournalRecord
from scheduler.core.state.node import Agent, Failures, Intent, IntentKind, Missing, TaskState
from scheduler.core.state.operation import StepRecord, StepState
from scheduler.loop.snapshot import Snapshot
from tests.unit.api import maintenance
from tests.unit.api.cluster import NOW, CoreGateway, make_node, make_settings, make_state, make_status
from tests.unit.api.page.browser import VIEWS, Browser, trusted, words

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>{{7*7}}"


@pytest.fixture
def gateway() -> CoreGateway:
    found = CoreGateway(make_state(make_settings(), make_node(0), make_node(1), make_node(2)))
    found.answers["schema"] = maintenance.SCHEMA
    return found


@pytest.fixture
def browser(gateway: CoreGateway) -> Browser:
    return trusted(gateway, BACKUP_LOCATIONS="s3://*")


def change(gateway: CoreGateway, index: int, **changes: Any) -> None:
    node = gateway.state.nodes[f"node-{index}"]
    gateway.state = replace(gateway.state, nodes={**gateway.state.nodes, node.name: replace(node, **changes)})


def test_all_is_well(browser: Browser) -> None:
    text = words(browser.get(""))
    assert "All 3 nodes are up, and no plan is pending." in text
    assert "Nothing waits for a person." in text


def test_all_is_well_with_one_node(browser: Browser, gateway: CoreGateway) -> None:
    gateway.state = make_state(make_settings(NODES="1", SEED_NODES="1"), make_node(0))
    text = words(browser.get(""))
    assert "The node is up, and no plan is pending." in text
    assert " on 1 node, replicas included" in text


def test_an_interrupt_waits_for_a_person_with_its_button_and_lines(browser: Browser, gateway: CoreGateway) -> None:
    change(gateway, 2, deployed=None, task=None, agent=None)
    gateway.state = replace(gateway.state, plans={"deploy": PlanRecord("deploy", interrupted=True)})
    answer = browser.get("")
    text = words(answer)
    assert "The plan deploy is waiting; 2 of 3 nodes are up." in text
    assert "cassandra-mesos plan continue deploy" in text
    assert 'curl -X POST -H "Authorization: token=$AUTH_TOKEN" "$API/v1/plans/deploy/continue"' in text
    assert answer.text.count('name="command" value="plan-continue"') == 1


def test_a_failed_step_can_be_retried_or_its_operation_stopped(browser: Browser, gateway: CoreGateway) -> None:
    maintenance.run(gateway)
    failed = StepRecord("cleanup", "operation-1", "Cleanup", "node-1", StepState.FAILED, started_at=NOW)
    failed = replace(failed, failures=Failures(3, 0, "disk is full"))
    gateway.state = replace(gateway.state, steps={failed.key: failed})
    answer = browser.get("")
    assert "disk is full" in words(answer)
    assert "cassandra-mesos plan restart cleanup Cleanup node-1" in words(answer)
    assert "do?command=stop&amp;kind=cleanup" in answer.text


@pytest.mark.parametrize(
    ("changes", "tone", "word"),
    [
        ({}, "ok", "up"),
        ({"mode": "PAUSED"}, "off", "paused"),
        ({"mode": "ISOLATED"}, "bad", "isolated"),
        ({"mode": "UNKNOWN"}, "warn", "does not answer"),
        ({"mode": "JOINING"}, "busy", "joining"),
        ({"mode": "DECOMMISSION_FAILED"}, "warn", "decommission_failed"),
        ({"missing": Missing(1.0, 1.0, ("node-1",))}, "bad", "missing"),
        ({"task": None}, "off", "not launched"),
        ({"left": True}, "off", "has left"),
    ],
)
def test_the_mark_of_a_node(changes: dict[str, Any], tone: str, word: str) -> None:
    found = mark_of(make_node(0, **changes))
    assert (found.tone, found.word) == (tone, word)


def test_the_mark_of_an_ended_task() -> None:
    node = make_node(0)
    assert node.task is not None
    found = mark_of(replace(node, task=replace(node.task, state=TaskState.FAILED)))
    assert (found.tone, found.word) == ("bad", "task failed")


def test_the_ring_says_who_sees_whom_as_down(browser: Browser, gateway: CoreGateway) -> None:
    sightings = dict(gateway.state.sightings)
    status = make_status(1, unreachable=("10.0.0.1",))
    sightings["node-1"] = replace(sightings["node-1"], status=status)
    gateway.state = replace(gateway.state, sightings=sightings)
    assert "seen as down by node-1" in words(browser.get("ring"))
    assert "Seen as down by node-1." in words(browser.get("node?node=node-0"))
    sightings |= {"node-10": sightings["node-1"], "node-2": sightings["node-1"]}
    gateway.state = replace(gateway.state, sightings=sightings)
    assert "seen as down by node-1, node-2, node-10" in words(browser.get("ring"))


def test_the_circle_of_ownership(browser: Browser, gateway: CoreGateway) -> None:
    sightings = {
        name: replace(item, figures=Figures(owns=share))
        for (name, item), share in zip(gateway.state.sightings.items(), (0.5, 0.25, 0.25), strict=True)
    }
    gateway.state = replace(gateway.state, sightings=sightings)
    text = browser.get("ring").text
    assert re.findall(r'stroke-dashoffset="([^"]*)"', text) == ["0.0", "-50.0", "-75.0"]
    assert "owns 50 %" in words(browser.get("ring"))
    assert "Owns 50 %" in words(browser.get("node?node=node-0"))


def hostile_state(gateway: CoreGateway) -> None:
    """Every text that an agent, an executor, Cassandra or an operator can choose."""
    maintenance.uploading(gateway)
    for index in range(3):
        node = gateway.state.nodes[f"node-{index}"]
        assert node.task is not None
        change(
            gateway, index, agent=Agent("agent", HOSTILE, {"rack": HOSTILE}, f"http://{HOSTILE}"), rack=HOSTILE,
            mode=HOSTILE, address=HOSTILE, host_id=HOSTILE, failures=Failures(3, 0, HOSTILE),
            intent=Intent(IntentKind.RESTART, NOW, node.task.id, HOSTILE, HOSTILE),
        )  # fmt: skip
    status = make_status(0, error=HOSTILE, data_center=HOSTILE, version=HOSTILE, schema=HOSTILE, unreachable=(HOSTILE,))
    sightings = {name: replace(item, status=status) for name, item in gateway.state.sightings.items()}
    entry = Entry(1, NOW, EntryKind.COMMAND, HOSTILE, "node-0", HOSTILE, HOSTILE, HOSTILE)
    operations = {
        kind: replace(item, message=HOSTILE, principal=HOSTILE, request={"external_location": HOSTILE})
        for kind, item in gateway.state.operations.items()
    }
    record = JournalRecord((entry,))
    gateway.state = replace(
        gateway.state, sightings=sightings, journal={record.key: record}, operations=operations,
        configuration_errors=(HOSTILE,),
    )  # fmt: skip
    reasons = [{"code": HOSTILE, "message": HOSTILE}]
    gateway.evaluations = (
        {"node": HOSTILE, "agent_id": "a", "hostname": HOSTILE, "outcome": HOSTILE, "reasons": reasons, "at": NOW},
    )
    gateway.answers["schema"] = {"key_spaces": {HOSTILE: {"local": False, "tables": [HOSTILE]}}}
    gateway.answers["backups"] = {
        "backups": [{"backup_name": HOSTILE, "state": HOSTILE, "finished_at": HOSTILE, "nodes": [], "objects": 1,
                     "bytes": 7}]
    }  # fmt: skip


@pytest.mark.parametrize(
    "view",
    [
        *VIEWS, "plans?plan=backup", "operations?kind=backup", f"backups?external_location=s3://bucket/{HOSTILE}",
        "backups?external_location=s3://bucket", "tables", f"offers?node={HOSTILE}", f"events?node={HOSTILE}",
        f"do?command=start-restore&backup_name={HOSTILE}", f"do?command=step-restart&plan={HOSTILE}&phase=x&step=y",
        f"plans?plan={HOSTILE}", f"node?node={HOSTILE}", f"do?command={HOSTILE}", f"login?next={HOSTILE}",
    ],
)  # fmt: skip
def test_hostile_texts_are_only_texts(browser: Browser, gateway: CoreGateway, view: str) -> None:
    hostile_state(gateway)
    text = browser.get(view).text
    assert "<script>alert" not in text
    assert "<img" not in text
    assert "{{7*7}}" in text or "7*7" not in text
    assert not re.search(r'="[^"]*"\'>', text)


def test_links_lead_only_to_http(browser: Browser, gateway: CoreGateway) -> None:
    change(gateway, 0, agent=Agent("a", "h", {}, "javascript:alert(1)//"))
    assert "javascript:" not in browser.get("node?node=node-0").text


def test_a_plan_shows_no_phase_without_steps(browser: Browser) -> None:
    text = words(browser.get("plans?plan=deploy"))
    assert "Deploy" in text
    assert "Sync Datacenter" not in text


def test_a_plan_without_any_steps_shows_its_phases(browser: Browser) -> None:
    assert "no steps" in words(browser.get("plans?plan=recovery"))


def test_the_fields_of_a_node_are_in_the_words_of_mesos_and_cassandra(browser: Browser, gateway: CoreGateway) -> None:
    sightings = dict(gateway.state.sightings)
    sightings["node-0"] = replace(sightings["node-0"], status=make_status(0, most_replicas=3))
    gateway.state = replace(gateway.state, sightings=sightings)
    text = words(browser.get("node?node=node-0"))
    assert "agent id" in text
    assert "replicas of a range at most" in text
    assert "slave" not in text


def test_a_live_part_is_sent_again_only_when_it_differs(browser: Browser, gateway: CoreGateway) -> None:
    gateway.age = 0.0
    snapshot = gateway.snapshot()
    gateway.snapshot = lambda: snapshot  # type: ignore[method-assign]
    found = re.search(r'hx-get="ring\?live=(\w+)"', browser.get("ring").text)
    assert found is not None
    assert browser.get(f"ring?live={found[1]}").status_code == 204
    part = browser.get("ring?live=other")
    assert part.status_code == 200
    assert part.text.startswith('<div id="live"')
    change(gateway, 0, mode="UNKNOWN")
    snapshot = Snapshot(gateway.state, build_plans(gateway.state, NOW), time.time(), True)
    assert browser.get(f"ring?live={found[1]}").status_code == 200


def test_an_old_state_says_so(browser: Browser, gateway: CoreGateway) -> None:
    gateway.age = 42.0
    assert "what is shown is 42 s old" in words(browser.get("ring"))


def test_without_a_state_the_page_says_why(browser: Browser, gateway: CoreGateway) -> None:
    gateway.unavailable = "ZooKeeper does not answer"
    answer = browser.get("ring")
    assert answer.status_code == 503
    assert "ZooKeeper does not answer" in words(answer)
    assert answer.mimetype == "text/html"


def test_events_are_filtered_and_have_addresses(browser: Browser, gateway: CoreGateway) -> None:
    entries = tuple(
        Entry(number, NOW + number, EntryKind.UP if number % 2 else EntryKind.DOWN, f"sentence {number}.", "node-0")
        for number in range(1, 301)
    )
    records = [JournalRecord(entries[start : start + 50]) for start in range(0, 300, 50)]
    gateway.state = replace(gateway.state, journal={record.key: record for record in records})
    answer = browser.get("events?kind=UP")
    assert "sentence 299." in words(answer)
    assert "sentence 300." not in words(answer)
    assert "before=101" in answer.text
    one = browser.get("events?at=50")
    assert 'id="e50"' in one.text
    assert "sentence 90." not in words(one)


def test_offers_show_which_rule_an_agent_breaks(browser: Browser, gateway: CoreGateway) -> None:
    reasons = [{"code": "CPUS", "message": "it has 0.1 cpus, 0.5 are needed"}]
    gateway.evaluations = (
        {"node": "node-0", "agent_id": "a", "hostname": "h1", "outcome": "refused", "reasons": reasons, "at": NOW},
        {"node": "node-1", "agent_id": "a", "hostname": "h1", "outcome": "launched", "reasons": [], "at": NOW},
    )
    assert "it has 0.1 cpus, 0.5 are needed" in words(browser.get("offers"))
    assert "it has 0.1" not in words(browser.get("offers?node=node-1"))


def test_backups_have_a_time_line(browser: Browser, gateway: CoreGateway) -> None:
    days = [{"backup_name": f"day-{day}", "state": "complete", "finished_at": f"2026-01-0{day}T00:00:00Z",
             "nodes": 1, "objects": 3, "bytes": 1000 * day} for day in (1, 3, 2)]  # fmt: skip
    gateway.answers["backups"] = {"backups": days}
    answer = browser.get("backups?external_location=s3://bucket")
    assert answer.text.count("<circle") == 4  # one is the sign of the page
    assert 'cx="40.0"' in answer.text
    assert 'cx="500.0"' in answer.text
    assert re.findall(r'text-anchor="middle">([^<]*)<', answer.text) == ["2026-01-02", "2026-01-03"]
    assert re.findall(r'scope="row">(day-.)', answer.text) == ["day-3", "day-2", "day-1"]
    assert "start-restore" in answer.text


def test_a_backup_that_is_not_finished_is_listed(browser: Browser, gateway: CoreGateway) -> None:
    """As an executor lists it: without a size, and without nodes."""
    open_one = {"backup_name": "open", "state": "unfinished", "started_at": "2026-01-01T00:00:00Z", "finished_at": None}
    gateway.answers["backups"] = {"backups": [{**open_one, "nodes": None, "objects": None, "bytes": None}]}
    assert "open unfinished – – – – – not lately" in words(browser.get("backups?external_location=s3://bucket"))


def test_settings_show_what_nodes_lack(browser: Browser, gateway: CoreGateway) -> None:
    target = replace(gateway.state.target, id="c2", spec=make_settings(CASSANDRA_HEAP_SIZE_MB="1024").cluster_spec())
    gateway.state = replace(gateway.state, target=target, configurations={**gateway.state.configurations, "c2": target})
    text = words(browser.get("settings"))
    assert "node-0, node-1, node-2" in text
    assert re.search(r"heap_mb \d+ 1024", text)


@pytest.fixture(scope="module")
def thousand() -> Browser:
    gateway = CoreGateway(large.backed_up(1000))
    snapshot = Snapshot(gateway.state, build_plans(gateway.state, large.NOW), time.time(), True)
    gateway.snapshot = lambda: snapshot  # type: ignore[method-assign]
    return trusted(gateway)


@pytest.mark.parametrize("view", [*VIEWS, "plans?plan=backup", "operations?kind=backup"])
def test_a_thousand_nodes_fit_into_a_page(thousand: Browser, view: str) -> None:
    assert len(thousand.get(view).data) < 500_000
