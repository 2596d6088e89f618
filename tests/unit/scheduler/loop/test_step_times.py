"""Since when steps are as they are."""

from __future__ import annotations

from scheduler.core.plans.plan import Phase, Plan, Status, Step
from scheduler.loop.step_times import StepTimes


def plan(**steps: str) -> Plan:
    """A plan of steps by id, each with its status and reason."""
    made = [Step(name, name, Status(words.split()[0]), "message", words.split()[1]) for name, words in steps.items()]
    return Plan("deploy", (Phase("p", "Deploy", tuple(made), Status.PENDING),), Status.PENDING)


def test_only_changes_that_were_seen_have_a_time() -> None:
    times = StepTimes()
    assert times.follow([plan(a="PENDING NO_OFFER", b="COMPLETE DONE")], 10.0) == {}
    assert times.follow([plan(a="PENDING NO_OFFER", b="COMPLETE DONE")], 20.0) == {}
    assert times.follow([plan(a="STARTING LAUNCHED", b="COMPLETE DONE")], 30.0) == {"a": 30.0}
    assert times.follow([plan(a="STARTING OTHER", b="COMPLETE DONE", c="PENDING NO_OFFER")], 40.0) == {
        "a": 40.0,
        "c": 40.0,
    }
    assert times.follow([plan(b="COMPLETE DONE", c="PENDING NO_OFFER")], 50.0) == {"c": 40.0}


def test_times_that_were_published_do_not_change() -> None:
    times = StepTimes()
    times.follow([plan(a="PENDING NO_OFFER")], 10.0)
    before = times.follow([plan(a="STARTING LAUNCHED")], 20.0)
    times.follow([plan(a="COMPLETE DONE")], 30.0)
    assert before == {"a": 20.0}
