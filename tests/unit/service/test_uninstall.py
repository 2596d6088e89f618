"""What an uninstall begins with, how far it has come, and what it leaves to be read."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from scheduler.core.configuration.target import Adoption, adopt
from scheduler.core.plans.plan import Status
from scheduler.core.state.cluster import Stored, UninstallRecord
from scheduler.core.state.codec import StateCorruptError, contents, encode_record, load
from scheduler.core.state.record_kinds import FrameworkId, Record
from scheduler.core.state.spec import ClusterSpec
from scheduler.errors import Exit, FatalError
from service import __main__
from service.uninstall import begin_removal, is_over, last_snapshot
from tests.memory_store import Memory, MemoryStore
from tests.simulation.engine.samples import Ids, spec, wanted

FRAMEWORK = FrameworkId("framework-1")
BEGUN = UninstallRecord(7.0, "alice")
RELEASED = replace(BEGUN, released=True)


def stored(*singles: tuple[str, Record]) -> Memory:
    """A cluster's records, and these."""
    memory = Memory()
    adoption = adopt(Stored(), wanted(spec()), 1.0, Ids())
    assert isinstance(adoption, Adoption)
    records = {**contents(adoption.state), **dict(singles)}
    memory.records = {path: (0, encode_record(record)) for path, record in records.items()}
    return memory


@pytest.mark.parametrize(
    ("records", "over"),
    [
        pytest.param({}, True, id="nothing at all"),
        pytest.param({"uninstall": RELEASED}, True, id="all released, and the framework's id has gone"),
        pytest.param({"uninstall": RELEASED, "framework-id": FRAMEWORK}, False, id="may still be known to Mesos"),
        pytest.param({"uninstall": BEGUN}, False, id="never registered"),
        pytest.param({"nodes/node-0": BEGUN}, False, id="nodes without a target: not ours to judge"),
    ],
)
def test_how_far_it_has_come(records: dict[str, Record], over: bool) -> None:
    assert is_over({path: encode_record(record) for path, record in records.items()}) is over


def test_a_record_of_it_that_cannot_be_read_is_never_taken_for_absent() -> None:
    with pytest.raises(StateCorruptError, match="uninstall"):
        is_over({"uninstall": b"{"})


def test_it_begins_once_and_goes_on() -> None:
    memory = stored(("framework-id", FRAMEWORK))
    store = MemoryStore(memory)
    first = begin_removal(store, store.load(), spec(), 7.0, "alice")
    assert first.uninstall == BEGUN
    assert load({path: content for path, (_, content) in memory.records.items()}).uninstall == BEGUN
    (entry,) = [entry for kept in first.journal.values() for entry in kept.entries if entry.kind == "UNINSTALL"]
    assert entry.principal == "alice"
    again = begin_removal(store, store.load(), spec(), 9.0, "bob")
    assert (again.uninstall, again.framework_id) == (BEGUN, "framework-1")


@pytest.mark.parametrize(
    ("wanted", "says"),
    [
        pytest.param(spec(role="other-role"), "SERVICE_ROLE is other-role, but", id="role"),
        pytest.param(spec(principal="nobody"), "SERVICE_PRINCIPAL is nobody, but", id="principal"),
    ],
)
def test_settings_of_another_service_change_nothing(wanted: ClusterSpec, says: str) -> None:
    memory = stored()
    before = dict(memory.records)
    store = MemoryStore(memory)
    with pytest.raises(FatalError, match=says) as raised:
        begin_removal(store, store.load(), wanted, 7.0, "alice")
    assert (raised.value.code, memory.records) == (Exit.SETTINGS, before)


def test_records_without_a_target_are_corrupt() -> None:
    memory = stored()
    del memory.records["target"]
    store = MemoryStore(memory)
    with pytest.raises(StateCorruptError, match="target"):
        begin_removal(store, store.load(), spec(), 7.0, "alice")


def test_what_is_to_be_read_once_nothing_is_left() -> None:
    memory = stored()
    store = MemoryStore(memory)
    state = begin_removal(store, store.load(), spec(), 7.0, "alice")
    for known in (None, state):
        last = last_snapshot(known, spec(), 100.0)
        assert {plan.status for plan in last.plans.values()} == {Status.COMPLETE}
        assert (last.at, last.connected, last.state.registered) == (100.0, False, False)


@pytest.mark.parametrize("typed", ["", "other", "CASSANDRA"])
def test_without_the_services_name_nothing_is_done(
    typed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("executor.tar.gz", "cassandra-5.0.8.tar.gz"):
        (tmp_path / name).write_bytes(b"")
    monkeypatch.setenv("ARTIFACTS_DIR", str(tmp_path))
    assert __main__.main(["uninstall", "--service", typed]) == Exit.SETTINGS
    assert f"Uninstall refused: {typed!r} is not the service's name, cassandra." in capsys.readouterr().err
