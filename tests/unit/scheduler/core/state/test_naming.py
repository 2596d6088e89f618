"""Addresses in sentences become the names of nodes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from scheduler.core.state.naming import named
from scheduler.core.state.node import NodeRecord
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


class Nodes(dict[str, NodeRecord]):
    asked = 0

    def values(self) -> Any:
        self.asked += 1
        return super().values()


def test_a_text_of_an_executor_takes_linear_time() -> None:
    """It can have 100,000 characters, and each cycle names what each node says."""
    nodes = Nodes({"node-0": replace(sample(0), address="10.0.0.1")})
    text = "10.0.0.1 " * 10_000
    assert named(replace(state(), nodes=nodes), text) == "node-0 (10.0.0.1) " * 10_000
    assert nodes.asked == 1


def test_a_name_beside_an_address_is_near_to_it() -> None:
    """What is longer than the name of any node is not looked at: each address would take as long as all before it."""
    known = replace(state(), nodes={"node-0": replace(sample(0), address="10.0.0.1")})
    long = f"node-{'1' * 50} ("
    assert named(known, f"{long}10.0.0.1)") == f"{long}node-0 (10.0.0.1))"


def test_the_texts_of_many_steps_take_linear_time() -> None:
    """In an outage of a thousand nodes, each of their steps names an agent by its address."""
    nodes = Nodes({f"node-{index}": replace(sample(index), address=f"10.0.0.{index}") for index in range(3)})
    known = replace(state(), nodes=nodes)
    assert [named(known, f"10.0.0.{index} is down") for index in range(3)] == [
        f"node-{index} (10.0.0.{index}) is down" for index in range(3)
    ]
    assert nodes.asked == 1
