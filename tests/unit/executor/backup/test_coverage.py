"""What a backup lacks when nodes are absent from it."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from executor.backup.coverage import count, refuse_gaps, sentence
from executor.backup.format.manifest import Coverage
from executor.jobs.context import JobError

THREE = {"[1, 2]": ["10.0.0.1:7000", "10.0.0.2:7000", "10.0.0.3:7000"], "[2, 1]": ["10.0.0.1:7000", "10.0.0.2:7000"]}
ONE = {"[1, 2]": ["10.0.0.1:7000"], "[2, 1]": ["10.0.0.3:7000"]}
ELSEWHERE = {"[1, 2]": ["10.9.0.1:7000"], "[2, 1]": ["10.9.0.2:7000", "10.0.0.3:7000"]}
IPV6 = {"[1, 2]": ["[2001:db8::1]:7000", "[2001:db8::3]:7000"]}


@pytest.mark.parametrize(
    ("ranges", "absent", "expected"),
    [
        pytest.param(THREE, ["10.0.0.3"], Coverage(2, 1, 0), id="replicated"),
        pytest.param(THREE, ["10.0.0.1", "10.0.0.2", "10.0.0.3"], Coverage(2, 0, 2), id="all"),
        pytest.param(ONE, ["10.0.0.3"], Coverage(2, 0, 1), id="one replica"),
        pytest.param(ONE, ["10.0.0.30"], Coverage(2, 0, 0), id="an address that begins alike"),
        pytest.param(ELSEWHERE, ["10.0.0.3"], Coverage(2, 0, 1), id="replicas of another data center are not in it"),
        pytest.param(IPV6, ["2001:db8::3"], Coverage(1, 1, 0), id="IPv6"),
    ],
)
def test_ranges(ranges: Mapping[str, list[str]], absent: list[str], expected: Coverage) -> None:
    nodes = ("10.0.0.1", "10.0.0.2", "10.0.0.3", "2001:db8::1", "2001:db8::3")
    assert count(ranges, [node for node in nodes if node not in absent], absent) == expected


def test_a_range_without_any_replica_is_refused() -> None:
    found = {"shop": Coverage(16, 0, 5), "users": Coverage(16, 9, 0), "system_traces": Coverage(16, 0, 5)}
    words = r"^complete: without node-2 the backup would have no replica of shop \(5 of 16 ranges\); start them, or"
    with pytest.raises(JobError, match=words) as refused:
        refuse_gaps("complete", found, ["node-2"])
    assert refused.value.hopeless
    assert "users" not in str(refused.value)
    del found["shop"]
    refuse_gaps("complete", found, ["node-2"])
    assert sentence(found, ["node-2"]) == "node-2 is not in it, so it has fewer replicas of users (9 of 16 ranges)"
    assert sentence({}, []) == ""
    assert sentence({}, ["node-10", "node-9"]).startswith("node-9, node-10 are not in it")
    with pytest.raises(JobError, match="without node-9, node-10 the backup"):
        refuse_gaps("complete", {"shop": Coverage(16, 0, 5)}, ["node-10", "node-9"])
