"""The plans as a person sees them."""

from __future__ import annotations

import io
from typing import Any

from devcluster.progress import Printer, Progress, parse


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def plan(*nodes: tuple[str, str], status: str = "IN_PROGRESS") -> dict[str, Any]:
    steps = [{"id": "1", "name": f"node-{n}", "status": word, "message": text} for n, (word, text) in enumerate(nodes)]
    return {"phases": [{"id": "1", "name": "Deploy", "steps": steps, "status": status}], "errors": [], "status": status}


def lines(*documents: dict[str, Any]) -> list[str]:
    clock, out = Clock(), io.StringIO()
    progress = Progress(Printer(out, clock))
    for document in documents:
        progress.show(parse("deploy", document))
        clock.now += 1.5
    return [" ".join(line.split()) for line in out.getvalue().splitlines()]


def test_one_line_for_every_change() -> None:
    assert lines(
        plan(("PENDING", ""), ("PENDING", "")),
        plan(("STARTING", "Cassandra is STARTING"), ("PENDING", "")),
        plan(("STARTING", "Cassandra is STARTING"), ("PENDING", "")),
        plan(("STARTED", "Cassandra is JOINING"), ("PENDING", "")),
        plan(("COMPLETE", "done"), ("PENDING", "")),
        plan(("COMPLETE", "all done"), ("STARTING", "launched")),
    ) == [
        "1.5 s Deploy node-0 STARTING Cassandra is STARTING",
        "4.5 s Deploy node-0 STARTED Cassandra is JOINING",
        "6.0 s Deploy node-0 COMPLETE",
        "7.5 s Deploy node-1 STARTING launched",
    ]


def test_a_new_reason_for_waiting_is_news() -> None:
    assert lines(
        plan(("WAITING", "no offer fits")),
        plan(("WAITING", "no offer fits")),
        plan(("WAITING", "interrupted")),
    ) == ["0.0 s Deploy node-0 WAITING no offer fits", "3.0 s Deploy node-0 WAITING interrupted"]


def test_a_message_of_many_lines_becomes_one() -> None:
    (line,) = lines(plan(("ERROR", "ended with exit code 3:\nERROR [main] disk\n" + "at java " * 100)))
    assert line.startswith("0.0 s Deploy node-0 ERROR ended with exit code 3: ERROR [main] disk at java")
    assert line.endswith(" …")
    assert len(line) < 300


def test_counting_down_is_no_news() -> None:
    assert lines(
        plan(("DELAYED", "next attempt in 5 s, after 2 failures: out of disk")),
        plan(("DELAYED", "next attempt in 4 s, after 2 failures: out of disk")),
        plan(("DELAYED", "next attempt in 9 s, after 3 failures: out of disk")),
    ) == [
        "0.0 s Deploy node-0 DELAYED next attempt in 5 s, after 2 failures: out of disk",
        "3.0 s Deploy node-0 DELAYED next attempt in 9 s, after 3 failures: out of disk",
    ]


def test_a_plan_that_is_complete_already_says_so_at_once() -> None:
    assert lines(plan(("COMPLETE", ""), status="COMPLETE")) == ["0.0 s Deploy node-0 COMPLETE"]


def test_a_step_that_its_plan_drops_was_done() -> None:
    empty = {"phases": [], "errors": [], "status": "COMPLETE"}
    assert lines(plan(("STARTED", "in mode STARTING")), empty, empty) == [
        "0.0 s Deploy node-0 STARTED in mode STARTING",
        "1.5 s Deploy node-0 COMPLETE",
    ]


def test_when_something_last_changed() -> None:
    clock = Clock()
    progress = Progress(Printer(io.StringIO(), clock))
    for now, document in ((101.0, plan(("STARTING", "a"))), (102.0, plan(("STARTING", "a")))):
        clock.now = now
        progress.show(parse("deploy", document))
    assert progress.changed_at == 101.0


def test_a_terminal_gets_colours_and_a_last_line_that_lives_on() -> None:
    out = Terminal()
    printer = Printer(out, Clock())
    progress = Progress(printer)
    progress.show(parse("deploy", plan(("COMPLETE", ""), ("STARTING", "x"))))
    assert "\033[32mCOMPLETE" in out.getvalue()
    assert out.getvalue().endswith("plan deploy: IN_PROGRESS, 1 of 2 steps done")
    printer.plain("end")
    assert out.getvalue().endswith("\r\033[Kend\n")


def test_a_log_gets_neither() -> None:
    out = io.StringIO()
    Progress(Printer(out, Clock())).show(parse("deploy", plan(("COMPLETE", ""))))
    assert "\033" not in out.getvalue()
    assert "\r" not in out.getvalue()


def test_what_every_message_says_is_left_out() -> None:
    text = "Deploying Cassandra node node-0 mode: UNKNOWN; node-0: its agent fetches and starts its executor"
    (step,) = parse("deploy", plan(("STARTING", text))).steps
    assert step.message == "its agent fetches and starts its executor"


def test_errors_of_a_plan_are_read() -> None:
    assert parse("deploy", {"status": "ERROR", "errors": ["cannot shrink"], "phases": []}).errors == ("cannot shrink",)
