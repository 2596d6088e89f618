"""What a repair is asked with, how its end is read, and what holds a segment up."""

from __future__ import annotations

import pytest

from executor.repair.command import End, Outcome, Style, options, outcome
from executor.repair.plan import Segment
from executor.repair.pressure import Pressure
from executor.repair.replicas import Replicas
from executor.repair.survey import RingState, host
from executor.repair.tokens import Interval
from tests.ports import free_port

HERE, THERE, THIRD = "127.0.43.31:7000", "127.0.43.32:7000", "127.0.43.33:7000"
RANGES = "[(-4991396217816468967,-4847517802107183992], (5828897055743205221,5968427108757973666]]"


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (("COMPLETED", "Repair completed successfully"), Outcome(End.DONE, "Repair completed successfully")),
        (("FAILED",), Outcome(End.FAILED, "FAILED")),
        (
            ("FAILED", f"Repair session x for range {RANGES} failed: Validation failed in /127.0.0.1:7000", "finished"),
            Outcome(End.FAILED, "Repair session x for range its ranges failed: Validation failed in /127.0.0.1:7000;"
                                " finished"),
        ),
        (
            ("FAILED", "Got negative replies from endpoints [127.0.0.2:7000]", "finished"),
            Outcome(End.REFUSED, "Got negative replies from endpoints [127.0.0.2:7000]; finished"),
        ),
        (("FAILED", "x" * 1000), Outcome(End.FAILED, "x" * 500)),
        (("SOMETHING_NEW",), Outcome(End.FAILED, "SOMETHING_NEW")),
    ],
)  # fmt: skip
def test_how_it_ended(status: tuple[str, ...], expected: Outcome) -> None:
    assert outcome(status) == expected


def test_options() -> None:
    segment = Segment("ks", ("a", "b"), (HERE, THERE), (Interval(-5, 3), Interval(9, 12)), 1)
    assert options(segment, Style(True, "dc_parallel", 60)) == {
        "parallelism": "dc_parallel",
        "primaryRange": "false",
        "incremental": "true",
        "ranges": "-5:3,9:12",
        "columnFamilies": "a,b",
        "jobThreads": "1",
        "trace": "false",
    }


@pytest.mark.parametrize(
    ("endpoint", "address"), [("127.0.0.1:7000", "127.0.0.1"), ("[2001:db8::1]:7000", "2001:db8::1")]
)
def test_addresses(endpoint: str, address: str) -> None:
    assert host(endpoint) == address


def _segment(*replicas: str) -> Segment:
    return Segment("ks", (f"t{len(replicas)}{replicas[-1]}",), replicas, (Interval(0, 1),), 0)


@pytest.mark.parametrize(
    ("live", "pending", "expected"),
    [
        ([HERE, THERE, THIRD], 20, []),
        ([HERE, THERE, THIRD], 21, ["127.0.43.31 has 21 pending compactions, more than 20"] * 2),
        ([HERE, THIRD], 0, ["127.0.43.32 is down"]),
        ([THIRD], 0, ["127.0.43.31 and 127.0.43.32 are down", "127.0.43.31 is down"]),
    ],
)
def test_what_holds_segments_up(live: list[str], pending: int, expected: list[str]) -> None:
    state = RingState("f", HERE, frozenset(live), pending)
    queue = [_segment(HERE, THERE), _segment(HERE, THIRD)]
    replicas = Replicas(free_port("127.0.43.32"))
    held_up = Pressure(replicas, 20).survey(queue, state)
    assert list(held_up.values()) == expected
    assert list(held_up) == queue[: len(expected)]


def test_a_replica_that_cannot_be_asked_is_named() -> None:
    replicas = Replicas(free_port("127.0.43.32"))
    assert replicas.pending_compactions(THERE) is None
    assert list(replicas.silent) == ["127.0.43.32"]
    assert "Connection refused" in replicas.silent["127.0.43.32"]
    assert (
        replicas.silent_sentence()
        == f"127.0.43.32 was not asked for pending compactions and progress: {replicas.silent['127.0.43.32']}"
    )


_LOGIN = "Cassandra requires a login; add cassandra_username and cassandra_password"


@pytest.mark.parametrize(
    ("secrets", "why"), [({}, _LOGIN), ({"cassandra_username": "u"}, "AuthenticationFailed")], ids=["none", "wrong"]
)
def test_replicas_that_want_a_login(secrets: dict[str, str], why: str) -> None:
    refused = {f"127.0.43.{index}": "AuthenticationFailed" for index in range(5)}
    told = Replicas(9042, secrets, refused).silent_sentence()
    assert told.startswith("127.0.43.0, 127.0.43.1, 127.0.43.2 and 2 more were not asked for pending compactions and ")
    assert told.endswith(f"progress: {why}")
    assert Replicas(9042, secrets).silent_sentence() == ""
