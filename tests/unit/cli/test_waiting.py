"""Waits: how documents are judged, and which errors of the connection are borne."""

from __future__ import annotations

from typing import Any

import pytest

from cli import waiting
from cli.errors import ExitCode, Failure
from cli.session import Session
from cli.waiting import Reached, operation_state, plan_state, wait


def operation(state: str, reason: str = "RUNNING", interrupted: bool = False) -> dict[str, Any]:
    step = {"phase": "Upload", "state": "PENDING", "reason": reason, "message": "waits", "progress": {}}
    return {
        "kind": "backup", "state": state, "message": "m", "interrupted": interrupted, "percent": 5.0,
        "progress": {"phase": "Upload"}, "nodes": {"node-0": step},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("document", "code"),
    [
        (operation("RUNNING"), None),
        (operation("WAITING", "NO_OFFER"), None),
        (operation("WAITING", "PAUSED"), ExitCode.WAITS_FOR_OPERATOR),
        (operation("WAITING", interrupted=True), ExitCode.WAITS_FOR_OPERATOR),
        (operation("STOPPING"), None),
        (operation("ERROR"), ExitCode.ENDED_IN_ERROR),
        (operation("COMPLETE"), ExitCode.DONE),
        (operation("STOPPED"), ExitCode.FAILED),
        (operation("DIFFERENT"), ExitCode.FAILED),
    ],
)
def test_operations(document: dict[str, Any], code: ExitCode | None) -> None:
    assert operation_state(document).code is code


@pytest.mark.parametrize(
    ("status", "reason", "code"),
    [
        ("IN_PROGRESS", "NODE_DOWN", None),
        ("DELAYED", "BACK_OFF", None),
        ("WAITING", "UNREACHABLE", None),
        ("WAITING", "CANARY", ExitCode.WAITS_FOR_OPERATOR),
        ("WAITING", "INTERRUPTED", ExitCode.WAITS_FOR_OPERATOR),
        ("ERROR", "FAILED", ExitCode.ENDED_IN_ERROR),
        ("COMPLETE", "DONE", ExitCode.DONE),
    ],
)
def test_plans(status: str, reason: str, code: ExitCode | None) -> None:
    steps = [{"name": "node-0", "status": "PENDING", "reason": reason, "message": "why"}]
    document = {"status": status, "errors": [], "phases": [{"name": "Deploy", "steps": steps}]}
    assert plan_state("deploy", document).code is code


def away(*_: object) -> Reached:
    raise Failure("The API cannot be reached.", ExitCode.NOT_REACHABLE)


def test_an_api_that_comes_back(capsys: pytest.CaptureFixture[str]) -> None:
    answers = [away, away, lambda: Reached([], ExitCode.DONE)]
    assert wait(Session(), lambda: answers.pop(0)(), 1.0, "op watch x") is ExitCode.DONE
    assert capsys.readouterr().err == "The API cannot be reached.\n"


def test_an_api_that_stays_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "PATIENCE_SECONDS", 0.0)
    with pytest.raises(Failure) as raised:
        wait(Session(), away, None, "op watch x")
    assert raised.value.code is ExitCode.NOT_REACHABLE


def test_a_refusal_ends_the_wait() -> None:
    def refuse() -> Reached:
        raise Failure("There is no plan x.", ExitCode.NOT_FOUND)

    with pytest.raises(Failure, match="no plan x"):
        wait(Session(), refuse, None, "plan status x")
