"""Figures from Jolokia's answers, and how often they are read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from executor.figures import Figures, Requests
from executor.jmx.access import ALLOWED
from executor.jmx.figures import WANTED, Gatherer, interpret
from executor.jmx.jolokia import STORAGE_SERVICE, Attribute, Jolokia, NotReachableError

_METRICS = "org.apache.cassandra.metrics"
_READ = f"{_METRICS}:type=ClientRequest,scope=Read,name="
VALUES: dict[Attribute, Any] = {
    Attribute(STORAGE_SERVICE, "OwnershipWithPort"): {"/10.0.0.1:7000": 0.25, "/10.0.0.2:7000": 0.75},
    Attribute(f"{_METRICS}:type=Compaction,name=PendingTasks", "Value"): 3,
    Attribute("org.apache.cassandra.net:type=MessagingService", "DroppedMessages"): {"READ_REQ": 0, "MUTATION_REQ": 5},
    Attribute(f"{_METRICS}:type=Storage,name=TotalHints", "Count"): 8,
    Attribute("org.apache.cassandra.hints:type=HintsService", "PendingHints"): [{"host": "x"}],
    Attribute("java.lang:type=Memory", "HeapMemoryUsage"): {"used": 100, "max": 400, "init": 1, "committed": 2},
    Attribute("java.lang:type=GarbageCollector,*", "CollectionCount"): {
        "java.lang:name=Copy,type=GarbageCollector": {"CollectionCount": 7},
        "java.lang:name=MarkSweepCompact,type=GarbageCollector": {"CollectionCount": 2},
    },
    Attribute("java.lang:type=GarbageCollector,*", "CollectionTime"): {
        "java.lang:name=Copy,type=GarbageCollector": {"CollectionTime": 454},
        "java.lang:name=Odd,type=GarbageCollector": {"CollectionTime": -1},
    },
    Attribute(f"{_METRICS}:type=Streaming,name=TotalIncomingBytes", "Count"): 11,
    Attribute(f"{_READ}Latency", "Count"): 20,
    Attribute(f"{_READ}TotalLatency", "Count"): 4000,
    Attribute(f"{_READ}Latency", "50thPercentile"): 150.5,
    Attribute(f"{_READ}Latency", "99thPercentile"): "NaN",
    Attribute(f"{_READ}Timeouts", "Count"): 1,
    Attribute(f"{_READ}Failures", "Count"): 2,
}
EXPECTED = Figures(
    owns=0.25,
    pending_compactions=3,
    dropped={"MUTATION_REQ": 5},
    hints=8,
    hinted_peers=1,
    heap_used_bytes=100,
    heap_max_bytes=400,
    gc_count=9,
    gc_millis=454,
    received=11,
    disk_bytes=1000,
    read=Requests(20, 4000, 150.5, 0.0, 3),
)


def test_figures_of_a_node_that_has_served_reads_alone() -> None:
    assert interpret(VALUES, "10.0.0.1", 1000) == EXPECTED


@pytest.mark.parametrize("value", [None, "text", -1, [], {"a": "b"}, {"a": {"b": []}}, True])
def test_values_of_another_form_are_no_figures(value: Any) -> None:
    found = interpret(dict.fromkeys(WANTED, value), "10.0.0.1", None)
    assert found.owns is None
    assert found.dropped == {}


@pytest.mark.parametrize(
    ("name", "address", "share"),
    [
        ("/10.0.0.1:7000", "10.0.0.1", 0.5),
        ("host.example/10.0.0.1:7000", "10.0.0.1", 0.5),
        ("/[0:0:0:0:0:0:0:1]:7000", "::1", 0.5),
        ("/10.0.0.10:7000", "10.0.0.1", None),
        ("nothing", "10.0.0.1", None),
    ],
)
def test_the_own_share_of_the_ring(name: str, address: str, share: float | None) -> None:
    shares = {Attribute(STORAGE_SERVICE, "OwnershipWithPort"): {name: 0.5}}
    assert interpret(shares, address, None).owns == share


@pytest.mark.parametrize("share", [1.0000011, 0.999999])
def test_the_share_of_a_single_node_is_one(share: float) -> None:
    shares = {Attribute(STORAGE_SERVICE, "OwnershipWithPort"): {"/10.0.0.1:7000": share}}
    assert interpret(shares, "10.0.0.1", None).owns == 1.0


def test_each_attribute_is_allowed() -> None:
    for item in WANTED:
        assert item.name in ALLOWED[item.mbean].attributes


class _Answers(Jolokia):
    """A Jolokia that counts its reads, and answers none while it is `silent`."""

    reads = 0
    silent = False

    def read(self, wanted: Any, timeout: float) -> dict[Attribute, Any]:
        _Answers.reads += 1
        if _Answers.silent:
            raise NotReachableError("no answer")
        return VALUES


def test_figures_are_read_at_most_every_ten_seconds(tmp_path: Path) -> None:
    times = iter((100.0, 109.9, 110.0, 115.0, 120.0))
    gatherer = Gatherer(_Answers("10.0.0.1", 7199, "", ""), "10.0.0.1", tmp_path, lambda: next(times))
    for reads in (1, 1, 2, 2):
        found = gatherer.gather()
        assert found is not None
        assert (found.owns, _Answers.reads) == (0.25, reads)
    _Answers.silent = True
    assert gatherer.gather() is None
