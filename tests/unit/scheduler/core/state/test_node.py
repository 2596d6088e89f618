"""The parts of a record that its caller relies on."""

from __future__ import annotations

import pytest

from scheduler.core.state.node import IncompleteRecordError, NodeRecord
from scheduler.core.state.operation import StepRecord
from tests.unit.scheduler.core.samples import up

PARTS = ("task", "agent", "intent")


@pytest.mark.parametrize("part", PARTS)
def test_a_missing_part_is_named_with_its_node(part: str) -> None:
    with pytest.raises(IncompleteRecordError, match=f"node-4 has no {part}"):
        getattr(NodeRecord(4), f"known_{part}")


@pytest.mark.parametrize("part", [part for part in PARTS if part != "intent"])
def test_a_part_that_is_there_is_returned(part: str) -> None:
    node = up(0)
    assert getattr(node, f"known_{part}") is getattr(node, part)


def test_a_step_without_a_job_is_named() -> None:
    with pytest.raises(IncompleteRecordError, match=r"backup\.Upload\.node-0 has no job"):
        _ = StepRecord("backup", "op", "Upload", "node-0").known_task
