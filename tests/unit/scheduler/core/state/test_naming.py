"""Addresses in sentences become the names of nodes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from scheduler.core.state.naming import named
from tests.unit.scheduler.core.samples import node as sample
from tests.unit.scheduler.core.samples import state


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("10.0.0.3 is down", "node-2 (10.0.0.3) is down"),
        ("10.0.0.3 and 10.0.0.2 are down", "node-2 (10.0.0.3) and node-1 (10.0.0.2) are down"),
        ("waits for 10.0.0.3.", "waits for node-2 (10.0.0.3)."),
        ("endpoint /10.0.0.3:7000 died", "endpoint node-2 (10.0.0.3:7000) died"),
        ("CQL on 10.0.0.3:9042: refused", "CQL on node-2 (10.0.0.3:9042): refused"),
        (
            "[2001:db8::7]:9042 is silent, 2001:db8::7 is",
            "node-3 ([2001:db8::7]:9042) is silent, node-3 (2001:db8::7) is",
        ),
        ("10.0.0.33, 110.0.0.3, 10.0.0.3.1 and 10.0.0.9", "10.0.0.33, 110.0.0.3, 10.0.0.3.1 and 10.0.0.9"),
        ("http://10.0.0.3:9000/x at 12:30:45", "http://10.0.0.3:9000/x at 12:30:45"),
        ("node-2 (10.0.0.3) is down", "node-2 (10.0.0.3) is down"),
        ("", ""),
    ],
)
def test_named(text: str, told: str) -> None:
    addresses = ("10.0.0.1", "10.0.0.2", "10.0.0.3", "2001:db8::7")
    nodes = [replace(sample(index), address=address) for index, address in enumerate(addresses)]
    known = replace(state(), nodes={item.name: item for item in nodes})
    assert named(known, text) == told
