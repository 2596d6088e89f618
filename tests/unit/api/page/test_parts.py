"""What views are made of: curves, errors of a log, the fate of backups, the foot of the first view."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import pytest

from api.page import logs, nodes, now
from api.page.charts import charts
from api.page.nodes import Mark, Tile
from api.page.offers import matrix
from api.page.retention import Cluster, fates
from scheduler.core.commands.command import Interrupt
from scheduler.core.state.node import Failures, Missing, TaskState
from scheduler.core.state.operation import OperationState, StepState
from scheduler.loop.curves import Sample
from scheduler.loop.snapshot import QuestionRefused, Snapshot
from scheduler.security.authority import AUTHORITY_DAYS
from tests.unit.api import maintenance
from tests.unit.api.cluster import NOW, CoreGateway, make_node, make_settings, make_state
from tests.unit.api.endpoints.test_certificates import ISSUER, encrypted
from tests.unit.api.page.browser import Browser, trusted, words

DAY = 86400.0
LOG = """INFO  [main] 2026-11-29 03:00:00,000 Server.java:1 - Starting
WARN  [main] 2026-11-29 03:00:01,000 Startup.java:2 - Swap is on
ERROR [Native-1] 2026-11-29 03:00:02,000 Message.java:3 - Unexpected exception
java.io.IOException: Broken pipe
\tat sun.nio.ch.Write(Native Method)
INFO  [main] 2026-11-29 03:00:03,000 Server.java:4 - Running
a line without a level""".splitlines()


def curve(*samples: tuple[float, float | None]) -> dict[str, Any]:
    return {"samples": [{"at": f"2026-01-01T00:00:0{number}Z", "percent": percent, "rate": rate}
                        for number, (percent, rate) in enumerate(samples)]}  # fmt: skip


def test_a_curve_goes_from_edge_to_edge() -> None:
    progress, rate = charts(curve((0.0, 0.0), (50.0, 2e6), (100.0, 1e6)))
    assert progress.line == "0.0,80.0 300.0,40.0 600.0,0.0"
    assert progress.area == "0,80 0.0,80.0 300.0,40.0 600.0,0.0 600,80"
    assert (rate.top, rate.line) == ("1.9 MiB/s", "0.0,80.0 300.0,0.0 600.0,40.0")
    assert rate.label == "Rate: 977 KiB/s now, the upper edge is 1.9 MiB/s"


@pytest.mark.parametrize(
    ("samples", "number"),
    [((), 0), (((0.0, 1.0), (1.0, 1.0)), 0), (((0.0, None),) * 3, 1), (((0.0, None), (1.0, 5.0), (2.0, None)), 2)],
)
def test_a_curve_needs_points(samples: tuple[tuple[float, float | None], ...], number: int) -> None:
    assert len(charts(curve(*samples))) == number


def test_the_newest_error_of_a_log_comes_first_with_its_trace() -> None:
    error, warning = logs.entries(LOG)
    assert (error.tone, error.text.splitlines()[1]) == ("bad", "java.io.IOException: Broken pipe")
    assert len(error.text.splitlines()) == 3
    assert (warning.tone, warning.text) == ("warn", LOG[1])


def test_few_errors_are_shown_and_little_of_each() -> None:
    many = ["ERROR [x] 1", *(f"  at {number}" for number in range(100))] * 30
    found = logs.entries(many)
    assert len(found) == logs.SHOWN_ENTRIES
    assert all(len(entry.text.splitlines()) == 6 for entry in found)


def backup(name: str, days: float, **changes: Any) -> dict[str, Any]:
    found = {"backup_name": name, "state": "complete", "cluster_name": "ours", "bytes": 10, "finished_at": days * DAY}
    return {**found, **changes}


BACKUPS = [
    backup("day-1", 1), backup("day-2", 2), backup("day-8", 8), backup("day-9", 9),
    backup("theirs", 1, cluster_name="another"), backup("damaged", 1, state="damaged"),
    backup("open", 9, state="unfinished"), backup("left", 1, state="unfinished"),
    backup("unsigned", 9.5, signature="unsigned"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("rule", "going"),
    [
        ({"backup_name": "day-2"}, {"day-2"}),
        ({"backup_name": "nothing"}, set()),
        ({"keep_last": 1}, {"day-1", "day-2", "day-8", "left"}),
        ({"keep_days": 3}, {"day-1", "day-2", "left"}),
        ({"keep_last": 3, "keep_days": 1}, {"day-1", "left"}),
    ],
)
def test_what_a_rule_removes(rule: dict[str, Any], going: set[str]) -> None:
    """As the executor's rule: unsigned backups displace none, and those of others stay."""
    ours = Cluster("id-1", "ours")
    found = fates(BACKUPS, ours, rule, 10 * DAY)
    assert {fate.backup["backup_name"] for fate in found if fate.goes} == going
    # Executors that list ids tell clusters of the same name apart.
    ids = {"ours": "id-1", "another": "id-2"}
    listed = [{**item, "cluster": ids[item["cluster_name"]]} for item in BACKUPS]
    namesakes = [backup(f"namesake-{days}", days, cluster="id-2", signature="unsigned") for days in (0, 9)]
    unknown = [backup("no claim", 9, cluster=None, cluster_name=None)]
    found = fates([*namesakes, *listed, *unknown], ours, rule, 10 * DAY)
    assert {fate.backup["backup_name"] for fate in found if fate.goes} == going


@pytest.fixture
def gateway() -> CoreGateway:
    return CoreGateway(make_state(make_settings(), make_node(0), make_node(1), make_node(2)))


@pytest.fixture
def browser(gateway: CoreGateway) -> Browser:
    return trusted(gateway, BACKUP_LOCATIONS="s3://*")


def test_a_deletion_is_previewed(browser: Browser, gateway: CoreGateway) -> None:
    cluster = gateway.state.target.spec.cassandra.cluster_name
    gateway.answers["backups"] = {
        "backups": [backup("old", 1, cluster_name=cluster), backup("new", 2, cluster_name=cluster)]
    }
    place = {"external_location": "s3://bucket"}
    text = words(browser.do("start-backup-delete", preview="1", keep_last="1", **place))
    assert "1 of 2 backups would be removed, 10 B by their own sizes." in text
    assert "old removed no rule keeps it" in text
    assert "new stays one of the last 1" in text
    assert gateway.submitted == []
    for rule, why in (({}, "Give the name of a backup"), ({"keep_last": "few"}, "keep_last must be a number, not few")):
        answer = browser.do("start-backup-delete", preview="1", **rule, **place)
        assert answer.status_code == 400
        assert why in words(answer)


def test_a_backup_of_a_namesake_stays(browser: Browser, gateway: CoreGateway) -> None:
    gateway.state = replace(gateway.state, cluster_id="id-1")
    name = gateway.state.target.spec.cassandra.cluster_name
    gateway.answers["backups"] = {
        "backups": [backup(one, 1, cluster=one, cluster_name=name) for one in ("id-1", "id-2")],
    }
    text = words(browser.do("start-backup-delete", preview="1", keep_days="1", external_location="s3://bucket"))
    assert "1 of 2 backups would be removed" in text
    assert "id-1 removed no rule keeps it" in text
    assert "id-2 stays of another cluster" in text


def test_a_location_that_is_not_allowed_is_refused_in_the_preview(browser: Browser, gateway: CoreGateway) -> None:
    gateway.answers["backups"] = QuestionRefused("invalid", "the bucket is gone")
    answer = browser.do("start-backup-delete", preview="1", keep_last="1", external_location="nowhere")
    assert answer.status_code == 400


def test_a_stopped_operation_needs_no_person(gateway: CoreGateway) -> None:
    maintenance.uploading(gateway)
    stopped = replace(gateway.state.operations["backup"], state=OperationState.STOPPED)
    gateway.state = replace(gateway.state, operations={"backup": stopped})
    assert "was stopped" in words(trusted(gateway).get("plans?plan=backup"))
    assert "Nothing waits for a person." in words(trusted(gateway).get(""))


def test_a_stopped_operation_offers_no_command_that_is_refused(gateway: CoreGateway) -> None:
    maintenance.uploading(gateway)
    failed = {key: replace(step, state=StepState.FAILED) for key, step in gateway.state.steps.items()}
    for state, steps in ((OperationState.STOPPED, gateway.state.steps), (OperationState.STOPPING, failed)):
        operation = replace(gateway.state.operations["backup"], state=state)
        gateway.state = replace(gateway.state, operations={"backup": operation}, steps=steps)
        page = words(trusted(gateway).get("plans?plan=backup"))
        assert [word for word in ("Retry", "Mark complete") if word in page] == [], state
        assert f"Plan backup {state.value.lower()}" in page
    for path in ("restart", "forceComplete"):
        answer = trusted(gateway).client.post(f"/v1/plans/backup/{path}?phase=Upload&step=node-2")
        assert answer.status_code == 409


def test_a_plan_of_a_stopped_operation_says_so(gateway: CoreGateway) -> None:
    maintenance.uploading(gateway)
    waiting = {key: step for key, step in gateway.state.steps.items() if step.state is StepState.PENDING}
    stopped = replace(gateway.state.operations["backup"], state=OperationState.STOPPED)
    gateway.state = replace(gateway.state, operations={"backup": stopped}, steps=waiting)
    page = words(trusted(gateway).get("plans?plan=backup"))
    assert "node-2 stopped STOPPED" in page
    assert "Interrupt" not in page
    assert "Continue" not in page  # a backup cannot


def test_operations_show_curves_and_the_time_left(gateway: CoreGateway) -> None:
    maintenance.uploading(gateway)
    samples = tuple(Sample(NOW + 10 * number, 10.0 * number, 1e6 * number) for number in range(4))
    made = gateway.snapshot()
    snapshot = replace(made, curves={"backup": samples})
    gateway.snapshot = lambda: snapshot  # type: ignore[method-assign]
    browser = trusted(gateway)
    answer = browser.get("operations")
    assert answer.text.count("<polyline") == 2
    assert "up to 100 %" in answer.text  # the upper edge, and not what is done
    assert "about 1 min 10 s left" in words(answer)
    assert "about 1 min 10 s left" in words(browser.get(""))
    document = browser.client.get("/v1/backup/curve").get_json()
    assert document["seconds_left"] == 70
    assert document["samples"][1] == {"at": "2023-11-14T22:13:30Z", "percent": 10.0, "rate": 1e6}
    assert browser.client.get("/v1/backup/delete/curve").get_json()["samples"] == []


def test_the_log_of_a_node_without_an_agent_says_so(browser: Browser) -> None:
    for address in ("log?node=node-0&file=system", "log?node=node-0&file=system&part=1"):
        assert "The agent of node-0 is not known." in words(browser.get(address))
    assert 'hx-get="log?node=node-0&amp;file=system&amp;part=1"' in browser.get("node?node=node-0").text
    assert browser.get("log?node=node-7&file=system").status_code == 404
    assert browser.get("log?node=node-0&file=passwd").status_code == 404


def tile(name: str, load: float | None, free: float | None, disk: float | None) -> Tile:
    return Tile(name, Mark("ok", "up"), "dc1", "r1", "", "", "", free, load, disk, None, "", "", ())


def test_the_foot_names_the_fullest_disk(gateway: CoreGateway) -> None:
    found = Snapshot(gateway.state, {}, NOW, True)
    data, backup_fact, repair = now.foot(found, [tile("node-0", 1e9, 5e9, 10e9), tile("node-1", 2e9, 5e8, 10e9)], [])
    assert data.text == "2.8 GiB on 2 nodes, replicas included; the fullest disk is that of node-1, 95 %"
    assert data.mark is not None
    assert data.mark.tone == "bad"
    assert (backup_fact.text, repair.text) == ("none is known", "none is known")


@pytest.mark.parametrize(("left", "state", "tone"), [(-1.0, "expired", "bad"), (2 * DAY, "overdue", "warn")])
def test_a_certificate_that_ends_needs_a_person(left: float, state: str, tone: str) -> None:
    at = time.time()
    gateway = CoreGateway(encrypted(not_before=at - 40 * DAY, not_after=at + left))
    answer = trusted(gateway).get("")
    assert "certificate: node-0" in words(answer)
    assert f'<span class="mark {tone}"><i aria-hidden="true"></i>{state}</span>' in answer.text
    assert "cassandra-mesos cert renew node-0" in words(answer)
    assert "3 of 3 not renewed; the first ends with node-0 at" in words(answer)


def test_an_authority_that_ends_needs_a_person() -> None:
    authority = ISSUER.first(time.time() - (AUTHORITY_DAYS - 20) * DAY)
    text = words(trusted(CoreGateway(replace(encrypted(), authority=authority))).get(""))
    assert "The authority of certificates expires in less than 30 days" in text


def test_certificates_that_last_are_at_the_foot() -> None:
    text = words(trusted(CoreGateway(encrypted())).get(""))
    assert "Certificates 3 valid; the first ends with node-0 at" in text
    assert "Nothing waits for a person." in text


def test_a_node_without_a_report_leaves_its_part_of_the_circle_open() -> None:
    known = replace(tile("node-0", 1e9, 5e9, 10e9), owns=0.4)
    (arc,) = nodes.circle([known, tile("node-1", None, None, None)])
    assert (arc.begin, arc.length) == (0.0, 40.0)


def test_agents_are_counted_once() -> None:
    reasons = [{"code": "PORTS", "message": "not free"}]
    evaluations = [
        {"node": node, "agent_id": agent, "hostname": agent, "outcome": "refused", "reasons": reasons}
        for node in ("node-0", "node-1")
        for agent in ("a", "b", "c")
    ]
    found = matrix(evaluations)
    assert (found.agents, len(found.rows), found.summary) == (3, 6, (("PORTS", 6),))


def test_an_interrupted_plan_is_not_interrupted_again(browser: Browser, gateway: CoreGateway) -> None:
    target = replace(gateway.state.target, spec=replace(gateway.state.target.spec, nodes=4))
    gateway.state = replace(gateway.state, target=target, configurations={target.id: target})
    assert 'value="plan-interrupt"' in browser.get("plans").text
    assert gateway.submit(Interrupt("deploy", "alice"), "alice") is None
    text = browser.get("plans").text
    assert ('value="plan-interrupt"' in text, 'value="plan-continue"' in text) == (False, True)
    assert "the plan deploy was interrupted by alice" in text


@pytest.mark.parametrize(("days", "shown"), [(1, True), (8, False)])
def test_a_restore_that_differs_needs_a_person_for_a_week(days: float, shown: bool, gateway: CoreGateway) -> None:
    maintenance.run(
        gateway, "restore", state=OperationState.DIFFERENT, message="shop.users differs", nodes=(), finished_at=NOW
    )
    found = replace(gateway.snapshot(), at=NOW + days * DAY)
    found_items = now.attention(found, [], [])
    items = [(item.mark.word, item.sentence) for item in found_items]
    assert (("different", "Shop.users differs.") in items) is shown
    assert now.weigh(Mark("ok", "all well"), found_items).word == ("needs a person" if shown else "all well")


def test_a_node_whose_job_has_failed_and_waits_says_so(browser: Browser, gateway: CoreGateway) -> None:
    maintenance.uploading(gateway)
    failed = maintenance.step("Upload", "node-2", failures=Failures(1, 0, "the bucket is away"))
    gateway.state = replace(gateway.state, steps={**gateway.state.steps, failed.key: failed})
    assert "failed once: the bucket is away" in words(browser.get("operations?kind=backup"))


def test_an_operation_that_has_failed_is_not_well_and_said_once(browser: Browser, gateway: CoreGateway) -> None:
    maintenance.uploading(gateway)
    failed = maintenance.step("Upload", "node-1", state=StepState.FAILED, failures=Failures(1, 0, "the disk is full"))
    gateway.state = replace(gateway.state, steps={**gateway.state.steps, failed.key: failed})
    text = words(browser.get(""))
    assert "failed The operation backup has failed; 3 of 3 nodes are up." in text
    assert "error backup: Upload of node-1 Failed once; the last message: the disk is full." in text
    assert "Under way" not in text
    assert "Waits for an operator" not in text


def test_a_missing_member_can_be_replaced(browser: Browser, gateway: CoreGateway) -> None:
    node = gateway.state.nodes["node-2"]
    gone = replace(node, mode="UNKNOWN", missing=Missing(since=NOW, silent_since=NOW, peers=("node-0", "node-1")))
    gateway.state = replace(gateway.state, nodes={**gateway.state.nodes, "node-2": gone})
    assert "do?command=node-replace&amp;node=node-2" in browser.get("").text


def test_a_node_whose_agent_is_lost_during_its_join_is_launched_anew(browser: Browser, gateway: CoreGateway) -> None:
    node = gateway.state.nodes["node-2"]
    assert node.task is not None
    away = replace(node, deployed=None, task=replace(node.task, state=TaskState.UNREACHABLE))
    gateway.state = replace(gateway.state, nodes={**gateway.state.nodes, "node-2": away})
    text = words(browser.get(""))
    assert "cassandra-mesos plan restart deploy Deploy node-2" in text
    assert "replace" not in text
