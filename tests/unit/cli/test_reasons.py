"""The chain of reasons behind a step that waits."""

from __future__ import annotations

from typing import Any

import pytest

from cli.reasons import brief, chain


def plan(*steps: tuple[str, str, str, str]) -> dict[str, Any]:
    """Return a plan of one phase, from the name, status, reason and message of each step."""
    keys = ("name", "status", "reason", "message")
    return {"phases": [{"name": "Deploy", "steps": [dict(zip(keys, step, strict=True)) for step in steps]}]}


PLANS = {
    "deploy": plan(
        ("node-0", "COMPLETE", "DONE", "done"),
        ("node-1", "PENDING", "NO_OFFER_FITS", "no offer fits"),
        ("node-2", "PENDING", "EARLIER_NODE", "waits for node-1"),
        ("node-3", "PENDING", "EARLIER_NODE", "waits for node-2"),
    ),
    "recovery": plan(("node-0", "WAITING", "INTERRUPTED", "the plan is interrupted")),
    "repair": plan(("node-0", "PENDING", "OTHER_JOB", "waits for another job")),
}
OFFERS = [
    {"node": "node-1", "agent_id": "a", "hostname": "h", "outcome": "declined",
     "reasons": [{"code": "CPUS", "message": message}]}
    for message in ("older", "0.5 of 1")
]  # fmt: skip


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("node-3", [(0, "EARLIER_NODE"), (1, "EARLIER_NODE"), (2, "NO_OFFER_FITS"), (3, "CPUS")]),
        ("node-1", [(0, "NO_OFFER_FITS"), (1, "CPUS")]),
        ("deploy", [(0, "NO_OFFER_FITS"), (1, "CPUS")]),
        ("recovery", [(0, "INTERRUPTED")]),
        ("repair", [(0, "OTHER_JOB")]),
        ("node-7", []),
    ],
)
def test_chain(wanted: str, found: list[tuple[int, str]]) -> None:
    assert [(link.depth, link.reason) for link in chain(PLANS, OFFERS, wanted)] == found


def test_a_job_waits_for_the_pause_of_its_own_node() -> None:
    """The command that frees it is that of the plan recovery."""
    plans = {
        "recovery": plan(("node-2", "WAITING", "PAUSED", "Cassandra is off")),
        "backup": plan(
            ("node-1", "PENDING", "EARLIER_PHASE", "waits for the phase Snapshot"),
            ("node-2", "WAITING", "NODE_DOWN", "waits for node-2 to be NORMAL: its mode is PAUSED"),
        ),
    }
    for wanted, depth in (("backup", 1), ("node-2", 0)):
        found = {(link.plan, link.advice): link.depth for link in chain(plans, [], wanted)}
        assert found["recovery", "cassandra-mesos node resume node-2"] == depth


@pytest.mark.parametrize(
    ("message", "found"),
    [
        ("Deploying Cassandra node node-0 mode: NORMAL; settings changed; waits", "settings changed; waits"),
        ("Deploying Cassandra node node-3 mode: ; waits for an offer", "waits for an offer"),
        ("Repair of node-0: waits for node-1", "waits for node-1"),
        ("Complete of cluster: waits for the phase Upload", "waits for the phase Upload"),
        ("node-2 is down: node-0 and node-1 do not see it", "node-2 is down: node-0 and node-1 do not see it"),
        ("Mesos has reported every task", "Mesos has reported every task"),
    ],
)
def test_a_message_without_what_its_row_says(message: str, found: str) -> None:
    assert brief(message) == found


def test_a_job_that_runs_waits_for_a_node() -> None:
    plans = {
        "recovery": plan(("node-2", "WAITING", "UNREACHABLE", "node-2 is down")),
        "repair": plan(("node-0", "IN_PROGRESS", "RUNNING", "20 %; waits: node-2 (127.0.0.4) is down")),
    }
    found = [(link.depth, link.plan, link.reason) for link in chain(plans, [], "repair")]
    assert found == [(0, "repair", "RUNNING"), (1, "recovery", "UNREACHABLE")]


@pytest.mark.parametrize("is_member", [True, False])
def test_a_node_that_has_not_joined_is_launched_elsewhere_and_not_replaced(is_member: bool) -> None:
    step = ("node-2", "WAITING", "AGENT_GONE", "an operator marked its agent as gone")
    lost = ("node-3", "WAITING", "UNREACHABLE", "its agent cannot be reached")
    plans = {"deploy": plan(step, lost), "recovery": plan(*((step, lost) if is_member else ()))}
    found = {link.advice for link in chain(plans, [], "deploy")}
    commands = ("node replace node-2", "node replace node-3")
    if not is_member:
        commands = ("plan restart deploy node-2", "plan restart deploy node-3")
    assert found == {f"cassandra-mesos {commands[0]}", f"cassandra-mesos {commands[1]}  # if its machine is lost"}


def test_the_newest_evaluation_of_an_agent_holds() -> None:
    assert chain(PLANS, OFFERS, "node-1")[-1].message == "0.5 of 1"


def test_advice_names_the_plan() -> None:
    assert chain(PLANS, OFFERS, "recovery")[0].advice == "cassandra-mesos plan continue recovery"


def test_two_steps_that_wait_for_each_other_end() -> None:
    circle = plan(
        ("node-1", "PENDING", "NODE_DOWN", "node-2 is down"), ("node-2", "PENDING", "NODE_DOWN", "node-1 is down")
    )
    assert len(chain({"recovery": circle}, [], "node-1")) == 2


@pytest.mark.parametrize(
    ("name", "status", "advice"),
    [
        (
            "recovery",
            "WAITING",
            "cassandra-mesos node replace node-2  # if its machine is lost",
        ),
        ("recovery", "STARTED", ""),  # it was launched again, and its peers do not see it yet
        ("deploy", "WAITING", ""),
    ],
)
def test_a_missing_member_can_be_replaced(name: str, status: str, advice: str) -> None:
    plans = {name: plan(("node-2", status, "PEER_VIEW", "node-2 is down: its agent has not answered"))}
    assert [link.advice for link in chain(plans, [], "node-2")] == [advice]
