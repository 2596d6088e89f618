from __future__ import annotations

import logging

import pytest

from scheduler.core.plans.plan import Phase, Plan, Status, Step
from scheduler.loop.step_log import StepLog


def plans(*steps: tuple[str, Status, str]) -> dict[str, Plan]:
    made = tuple(Step(name, name, status, message) for name, status, message in steps)
    return {"deploy": Plan("deploy", (Phase("Deploy", "Deploy", made, Status.PENDING),), Status.IN_PROGRESS)}


def test_each_change_of_a_status_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    log = StepLog()
    cycles: tuple[tuple[dict[str, Plan], list[str]], ...] = (
        (plans(("node-0", Status.STARTING, "")), ["plan deploy: IN_PROGRESS"]),
        (plans(("node-0", Status.STARTING, "another message")), []),
        (plans(("node-0", Status.COMPLETE, "deployed")), ["plan deploy, step node-0: COMPLETE: deployed"]),
        (plans(("node-0", Status.COMPLETE, "deployed")), []),
        # A step that is new is pending, unless it says otherwise.
        (plans(("node-0", Status.COMPLETE, ""), ("node-1", Status.PENDING, "")), []),
        (plans(("node-2", Status.STARTING, "begins")), ["plan deploy, step node-2: STARTING: begins"]),
        (plans(("node-0", Status.COMPLETE, "again")), ["plan deploy, step node-0: COMPLETE: again"]),
    )
    for given, lines in cycles:
        caplog.clear()
        log.follow(given)
        assert caplog.messages == lines


def test_a_plan_in_two_places_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    """As that of an uninstall, which `deploy` names too."""
    caplog.set_level(logging.INFO)
    StepLog().follow({"uninstall": plans()["deploy"], **plans()})
    assert caplog.messages == ["plan deploy: IN_PROGRESS"]


def test_plans_without_steps_are_plans(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    log = StepLog()
    log.follow(plans())
    caplog.clear()
    log.follow(plans(("node-0", Status.STARTING, "begins")))
    assert caplog.messages == ["plan deploy, step node-0: STARTING: begins"]
