"""The store follows the state, also when nobody knows what became of a write."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from bench import large
from scheduler.core.state import codec, record_kinds
from scheduler.core.state.cluster import ClusterState
from scheduler.core.state.configuration import Override, PlanRecord
from scheduler.core.state.operation import HistoryRecord, OperationRecord, OperationState, StepRecord
from scheduler.errors import StaleWriteError, StoreUnavailableError
from scheduler.storage.port import Writes
from scheduler.storage.saver import Saver
from tests.memory_store import Memory, MemoryStore


class Unreliable(MemoryStore):
    """A store whose next answers are lost: `outcomes` says of each coming commit whether it happens."""

    def __init__(self, memory: Memory) -> None:
        super().__init__(memory)
        self.outcomes: list[bool] = []
        self.transactions: list[Writes] = []
        self.load()

    def commit(self, writes: Writes) -> None:
        self.transactions.append(writes)
        if not self.outcomes:
            super().commit(writes)
            return
        if self.outcomes.pop(0):
            super().commit(writes)
        raise StoreUnavailableError("the answer is lost")


def stored(memory: Memory) -> Mapping[str, bytes]:
    return {path: content for path, (_, content) in memory.records.items()}


def expected(state: ClusterState) -> Mapping[str, bytes]:
    contents: dict[str, bytes] = {}
    for records in (state.nodes, state.plans, state.operations, state.steps, state.history):
        for record in records.values():
            contents[record_kinds.path_of(record)] = codec.encode_record(record)
    if state.framework_id is not None:
        contents[record_kinds.FRAMEWORK_ID] = codec.encode_record(record_kinds.FrameworkId(state.framework_id))
    return contents


def empty() -> ClusterState:
    state = large.fresh(3)
    return ClusterState(state.target, configurations=state.configurations)


def with_node(state: ClusterState, index: int, mode: str = "NORMAL") -> ClusterState:
    node = replace(large.running(index), mode=mode)
    return replace(state, nodes={**state.nodes, node.name: node})


def test_only_what_changed_is_written() -> None:
    memory = Memory()
    store = Unreliable(memory)
    one = with_node(with_node(empty(), 0), 1)
    saver = Saver(store, empty())
    assert saver.save(one) == 2
    two = with_node(replace(one, framework_id="f", plans={"deploy": PlanRecord("deploy", True)}), 1, "LEAVING")
    assert saver.save(two) == 3
    assert saver.save(two) == 0
    assert stored(memory) == expected(two)


@pytest.mark.parametrize("happened", [True, False])
def test_a_write_without_an_answer_is_written_over_by_what_is_wanted_then(happened: bool) -> None:
    memory = Memory()
    store = Unreliable(memory)
    before = with_node(empty(), 0)
    saver = Saver(store, empty())
    saver.save(before)
    store.outcomes = [happened]
    never_true = with_node(with_node(replace(before, plans={"deploy": PlanRecord("deploy", True)}), 0, "LEAVING"), 1)
    with pytest.raises(StoreUnavailableError):
        saver.save(never_true)
    saver.save(before)
    assert stored(memory) == expected(before)
    # And it goes on from there, as if nothing had been.
    after = with_node(before, 1, "JOINING")
    assert saver.save(after) == 1
    assert stored(memory) == expected(after)


def with_operation(state: ClusterState, identifier: str) -> ClusterState:
    operation = OperationRecord("repair", identifier, OperationState.RUNNING, ("node-0",), {}, 7.0, "somebody")
    step = StepRecord("repair", identifier, "Repair", f"node-{identifier}")
    return replace(state, operations={"repair": operation}, steps={step.key: step})


def test_steps_of_the_operation_before_are_removed_and_its_history_is_kept() -> None:
    memory = Memory()
    saver = Saver(Unreliable(memory), empty())
    one = with_operation(empty(), "1")
    assert saver.save(one) == 2
    history = HistoryRecord(one.operations["repair"])
    two = replace(with_operation(empty(), "2"), history={history.key: history})
    assert saver.save(two) == 4
    assert stored(memory) == expected(two)
    assert set(memory.records) == {"plans/repair", "steps/repair.Repair.node-2", "history/repair.7000"}


@pytest.mark.parametrize("happened", [True, False])
def test_a_removal_without_an_answer_is_made_good(happened: bool) -> None:
    memory = Memory()
    store = Unreliable(memory)
    saver = Saver(store, empty())
    one = with_operation(empty(), "1")
    saver.save(one)
    store.outcomes = [happened]
    with pytest.raises(StoreUnavailableError):
        saver.save(empty())
    saver.save(one)
    assert stored(memory) == expected(one)


@pytest.mark.parametrize("happened", [True, False])
def test_a_target_without_an_answer_is_made_good(happened: bool) -> None:
    """And so are the configuration that came with it, and the one that went."""
    memory = Memory()
    store = Unreliable(memory)
    before = empty()
    old = replace(before.target, id="old")
    before = replace(before, configurations={**before.configurations, "old": old})
    store.commit(
        {record_kinds.path_of(record): codec.encode_record(record) for record in codec.contents(before).values()}
    )
    saver = Saver(store, before)
    new = replace(before.target, id="new")
    known = {before.target.id: before.target, "new": new}
    after = replace(before, target=new, configurations=known, previous=before.target.id)
    after = replace(after, overrides={"NODES": Override("4", "3")})
    begun = stored(memory)
    store.outcomes = [happened]
    with pytest.raises(StoreUnavailableError):
        saver.save(after)
    saver.save(before)
    assert stored(memory) == begun
    saver.save(after)
    found = codec.load(stored(memory))
    assert (found.target, found.previous, set(found.configurations)) == ("new", before.target.id, set(known))


def test_doubt_lasts_until_a_write_has_an_answer() -> None:
    memory = Memory()
    store = Unreliable(memory)
    saver = Saver(store, empty())
    store.outcomes = [True, False]
    for index in (0, 1):
        with pytest.raises(StoreUnavailableError):
            saver.save(with_node(empty(), index))
    saver.save(empty())
    assert stored(memory) == {}


def test_a_large_cycle_is_stored_in_parts_and_one_that_breaks_off_is_made_good() -> None:
    memory = Memory()
    store = Unreliable(memory)
    saver = Saver(store, empty())
    all_at_once = replace(empty(), nodes=large.deployed(1500).nodes)
    store.outcomes = [True]
    with pytest.raises(StoreUnavailableError):
        saver.save(all_at_once)
    assert 0 < len(memory.records) < 1500
    saver.save(empty())
    assert memory.records == {}
    saver.save(all_at_once)
    assert stored(memory) == expected(all_at_once)


def test_somebody_elses_write_is_not_written_over() -> None:
    memory = Memory()
    saver = Saver(Unreliable(memory), empty())
    other = MemoryStore(memory)
    other.load()
    other.commit({"nodes/node-0": b"somebody else's"})
    with pytest.raises(StaleWriteError, match="nodes/node-0"):
        saver.save(with_node(empty(), 0))
    assert stored(memory) == {"nodes/node-0": b"somebody else's"}
