from __future__ import annotations

from dataclasses import replace

from executor.node.reporting import SILENCE_SECONDS, Report, begin, believed, fold
from executor.protocol import NodeStatus

NORMAL = NodeStatus(mode="NORMAL", joined=True, live=("a",), pid=1, endpoint="a")
SILENT = NodeStatus(mode="UNKNOWN", error="refused", pid=1, endpoint="a")


def _normal() -> Report:
    report, update = fold(begin(1, "a", 0.0), NORMAL, 1.0)
    assert update == NORMAL
    return report


def test_a_change_is_sent_once() -> None:
    report, update = fold(_normal(), NORMAL, 2.0)
    assert update is None
    changed = replace(NORMAL, live=("a", "b"))
    report, update = fold(report, changed, 3.0)
    assert update == changed
    assert fold(report, changed, 4.0)[1] is None


def test_a_start_is_a_start_however_long_it_takes() -> None:
    report = begin(1, "a", 0.0)
    for now in (1.0, 60.0, 600.0):
        report, update = fold(report, SILENT, now)
        assert update is None
    assert report.sent.mode == "STARTING"


def test_a_short_silence_says_nothing() -> None:
    report = _normal()
    report, update = fold(report, SILENT, 10.0)
    assert update is None
    report, update = fold(report, SILENT, 9.9 + SILENCE_SECONDS)
    assert update is None
    assert fold(report, NORMAL, 30.0)[0].silent_since is None


def test_a_long_silence_is_sent_with_its_cause_and_once() -> None:
    report, _ = fold(_normal(), SILENT, 10.0)
    report, update = fold(report, SILENT, 10.0 + SILENCE_SECONDS)
    assert update == replace(NORMAL, mode="UNKNOWN", error="refused")
    assert fold(report, SILENT, 60.0)[1] is None
    assert fold(report, NORMAL, 61.0)[1] == NORMAL


def test_flapping_peers_are_sent_less_and_less_but_not_forgotten() -> None:
    report, sent = _normal(), 0
    for second in range(600):
        report, update = fold(report, replace(NORMAL, live=("a", str(second))), float(second))
        sent += update is not None
    assert 60 <= sent <= 100
    assert fold(report, NORMAL, 700.0)[1] == NORMAL


def test_a_change_of_mode_always_passes() -> None:
    report = replace(_normal(), budget=0.0)
    leaving = replace(NORMAL, mode="LEAVING")
    report, update = fold(report, leaving, 1.0)
    assert update == leaving


def test_silent_jmx_is_no_dead_cassandra() -> None:
    told = NodeStatus(mode="NORMAL", joined=True, native_transport_running=True, live=("a",))
    report = Report(told)
    silent = NodeStatus(mode="UNKNOWN", native_transport_running=True, error="Jolokia: timed out")
    found = believed(report, silent)
    assert (found.mode, found.live) == ("NORMAL", ("a",))
    assert found.error == (
        "CQL is served, but JMX does not answer, so that all else is as it was before: Jolokia: timed out"
    )
    dead = NodeStatus(mode="UNKNOWN", error="refused")
    assert believed(report, dead) is dead
    assert believed(Report(NodeStatus(mode="JOINING")), silent) is silent
