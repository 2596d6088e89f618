"""How a start turns stored records and settings into the state to begin with."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from scheduler.core.commands.apply import apply_command
from scheduler.core.commands.command import SetTarget
from scheduler.core.configuration.target import KEPT
from scheduler.core.state import codec, record_kinds
from scheduler.core.state.authority import Authority, AuthorityRecord
from scheduler.core.state.cluster import ClusterState
from scheduler.core.state.configuration import Canary, Override, PlanRecord
from scheduler.core.state.logins import Login, LoginsRecord
from scheduler.errors import Exit, FatalError
from scheduler.loop.run import Sources
from scheduler.security.zookeeper import Credentials
from scheduler.settings import Settings, parse
from scheduler.settings.effective import wanted
from scheduler.storage.saver import Saver
from service.startup import access, begin, framework
from tests.memory_store import Memory, MemoryStore


def settings(directory: Path, **more: str) -> Settings:
    for name in ("executor.tar.gz", "cassandra-5.0.8.tar.gz"):
        (directory / name).write_bytes(b"")
    return parse({"ARTIFACTS_DIR": str(directory), "MESOS_MASTER": "127.0.0.1:5050", **more})


_CLOCK = count(1000)


def sources(prefix: str = "id") -> Sources:
    numbers = count()
    return Sources(now=lambda: float(next(_CLOCK)), new_id=lambda: f"{prefix}-{next(numbers)}")


def settled(memory: Memory) -> dict[str, tuple[int, bytes]]:
    """The records but for the journal, which tells of every start."""
    return {path: record for path, record in memory.records.items() if not path.startswith("events/")}


def test_a_first_start_stores_its_configuration_and_makes_it_the_target(tmp_path: Path) -> None:
    memory = Memory()
    state = begin(MemoryStore(memory), settings(tmp_path), sources())
    assert state.target.id == "id-0"
    assert set(memory.records) == {"configurations/id-0", "target", "cluster-id", "events/000000000001"}
    assert state.cluster_id == "id-1"


def test_the_same_settings_again_change_nothing(tmp_path: Path) -> None:
    memory = Memory()
    begin(MemoryStore(memory), settings(tmp_path), sources())
    before = settled(memory)
    state = begin(MemoryStore(memory), settings(tmp_path), sources())
    assert settled(memory) == before
    assert state.target.id == "id-0"


def test_a_cluster_of_an_earlier_version_gets_an_id_once(tmp_path: Path) -> None:
    memory = Memory()
    begin(MemoryStore(memory), settings(tmp_path), sources())
    del memory.records["cluster-id"]
    assert begin(MemoryStore(memory), settings(tmp_path), sources()).cluster_id == "id-0"
    numbers = count(7)
    later = Sources(now=lambda: 2000.0, new_id=lambda: f"id-{next(numbers)}")
    assert begin(MemoryStore(memory), settings(tmp_path), later).cluster_id == "id-0"


def test_an_allowed_change_becomes_the_target_and_the_old_one_stays(tmp_path: Path) -> None:
    memory = Memory()
    begin(MemoryStore(memory), settings(tmp_path), sources())
    numbers = count(1)
    later = Sources(now=lambda: 2000.0, new_id=lambda: f"id-{next(numbers)}")
    state = begin(MemoryStore(memory), settings(tmp_path, NODES="5"), later)
    assert state.target.id == "id-1"
    assert set(state.configurations) == {"id-0", "id-1"}


def test_a_refused_change_keeps_the_cluster_and_says_why(tmp_path: Path) -> None:
    memory = Memory()
    begin(MemoryStore(memory), settings(tmp_path), sources())
    before = settled(memory)
    state = begin(
        MemoryStore(memory),
        settings(tmp_path, CASSANDRA_DISK_MB="20480", SERVICE_ROLE="other"),
        sources(),
    )
    assert settled(memory) == before
    assert len(state.configuration_errors) == 2
    assert any("disk size" in error for error in state.configuration_errors)


@pytest.mark.parametrize(
    ("path", "content"),
    [
        pytest.param("nodes/node-0", b"{", id="not JSON"),
        pytest.param("nodes/node-0", b'{"index": 0, "schema_version": 99}', id="newer"),
        pytest.param("target", json.dumps({"configuration": "gone", "schema_version": 1}).encode(), id="dangling"),
        pytest.param("plans/deploy", b'{"name": "other", "schema_version": 1}', id="at a wrong place"),
    ],
)
def test_a_record_that_cannot_be_read_stops_the_start_and_names_it(tmp_path: Path, path: str, content: bytes) -> None:
    memory = Memory()
    begin(MemoryStore(memory), settings(tmp_path), sources())
    memory.records[path] = (0, content)
    before = dict(memory.records)
    with pytest.raises(FatalError, match=path) as raised:
        begin(MemoryStore(memory), settings(tmp_path), sources())
    assert raised.value.code is Exit.STATE
    assert memory.records == before


def test_the_framework_id_that_was_stored_is_used_again(tmp_path: Path) -> None:
    memory = Memory()
    begin(MemoryStore(memory), settings(tmp_path), sources())
    memory.records[record_kinds.FRAMEWORK_ID] = (0, codec.encode_record(record_kinds.FrameworkId("framework-7")))
    assert begin(MemoryStore(memory), settings(tmp_path), sources()).framework_id == "framework-7"


def test_the_secret_is_read_from_its_file_and_never_shown(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("top-secret\n")
    made = framework(settings(tmp_path, SERVICE_SECRET_FILE=str(secret)))
    assert made.secret == "top-secret"
    assert "top-secret" not in json.dumps(made.info(None))
    assert "top-secret" not in repr(made)


@pytest.mark.parametrize("content", [None, b"\xff"])
@pytest.mark.parametrize("name", ["SERVICE_SECRET_FILE", "SERVICE_ACCOUNT_FILE"])
def test_a_file_for_mesos_that_was_lost_since_the_check_is_a_setting_to_correct(
    tmp_path: Path, name: str, content: bytes | None
) -> None:
    """The lock and ZooKeeper can be waited for as long as it takes to replace a file."""
    file = tmp_path / "secret"
    if content is not None:
        file.write_bytes(content)
    given = settings(tmp_path)
    if name == "SERVICE_SECRET_FILE":
        given = replace(given, service_secret_file=str(file))
    else:
        given = replace(given, service_account_file=str(file))
    with pytest.raises(FatalError, match=f"{name} {file} cannot be used any more: ") as raised:
        framework(given)
    assert raised.value.code is Exit.SETTINGS


HEAP = "CASSANDRA_HEAP_SIZE_MB"


def given(memory: Memory, before: Settings, **texts: str) -> ClusterState:
    """The settings of the API, given to a scheduler that had begun with `before`."""
    store = MemoryStore(memory)
    state = begin(store, before, sources())
    overrides = {name: Override(text, before.given.get(name, "")) for name, text in texts.items()}
    found = wanted(before.given, {**state.overrides, **overrides})
    command = SetTarget("given", found, state.target.id, state.overrides)
    after = apply_command(state, command, 1500.0)
    assert isinstance(after, ClusterState), after
    Saver(store, state).save(after)
    return after


def heap(state: ClusterState) -> int:
    return state.target.spec.cassandra.heap_mb


def sentences(state: ClusterState) -> str:
    return "\n".join(f"{entry.sentence}: {entry.cause}" for kept in state.journal.values() for entry in kept.entries)


def test_settings_of_the_api_hold_over_a_restart(tmp_path: Path) -> None:
    memory = Memory()
    environment = settings(tmp_path, CASSANDRA_HEAP_SIZE_MB="1024", REPLACE_AFTER_S="600")
    before = given(memory, environment, CASSANDRA_HEAP_SIZE_MB="512", REPLACE_AFTER_S="")
    kept = settled(memory)
    state = begin(MemoryStore(memory), environment, sources("again"))
    assert settled(memory) == kept
    assert (state.target, state.previous, state.overrides) == (before.target, "id-0", before.overrides)
    assert heap(state) == 512
    assert state.policy.replace_after_seconds is None
    assert state.target.settings is not None
    assert state.target.settings[HEAP] == "512"


@pytest.mark.parametrize("text", ["300", "512", "", None])
def test_a_setting_whose_environment_was_changed_since_is_the_environments(
    tmp_path: Path, text: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    memory = Memory()
    given(memory, settings(tmp_path, CASSANDRA_HEAP_SIZE_MB="1024"), CASSANDRA_HEAP_SIZE_MB="512", NODES="4")
    changed = settings(tmp_path) if text is None else settings(tmp_path, CASSANDRA_HEAP_SIZE_MB=text)
    state = begin(MemoryStore(memory), changed, sources("again"))
    assert heap(state) == int(text or "2048")
    assert state.overrides == {"NODES": Override("4", "")}
    assert state.target.spec.nodes == 4
    words = f"{HEAP} follows the environment again: {text or 'unset'}; the API had set 512"
    assert f"{words}: the environment has changed since" in sentences(state)
    assert words in caplog.text
    assert begin(MemoryStore(memory), changed, sources("thrice")).overrides == state.overrides


def test_a_secret_that_lapses_is_not_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    memory = Memory()
    text = "audit_logging_options: {included_users: %s@x}"
    given(memory, settings(tmp_path), CASSANDRA_YAML=text % "abcde")
    state = begin(MemoryStore(memory), settings(tmp_path, CASSANDRA_YAML=text % "fghij"), sources("again"))
    assert "the API had set (not shown)" in sentences(state)
    assert "abcde" not in sentences(state) + caplog.text
    assert "fghij" not in sentences(state) + caplog.text


@pytest.mark.parametrize(
    ("name", "text"),
    [("EXECUTOR_COMMAND", "evil"), ("SERVICE_USER", "root"), ("CASSANDRA_JVM_OPTIONS", "-XX:OnError=evil")],
)
def test_code_that_the_api_gave_before_is_passed_over(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str, text: str
) -> None:
    memory = Memory()
    given(memory, settings(tmp_path), **{name: text, "NODES": "4"})
    state = begin(MemoryStore(memory), settings(tmp_path), sources("again"))
    assert state.overrides == {"NODES": Override("4", "")}
    assert state.target.spec.executor.command == settings(tmp_path).executor_command
    assert (state.target.spec.user, state.target.spec.cassandra.jvm_options) == (settings(tmp_path).service_user, ())
    assert f"{name} follows the environment again" in caplog.text
    assert "the API cannot set this" in caplog.text


def test_environment_and_api_that_do_not_fit_together_keep_the_cluster(tmp_path: Path) -> None:
    memory = Memory()
    environment = settings(tmp_path, REPLACE_AFTER_S="600")
    given(memory, environment, CASSANDRA_HEAP_SIZE_MB="3000", REPLACE_AFTER_S="900")
    kept = settled(memory)
    less = settings(tmp_path, CASSANDRA_MEMORY_MB="3000", REPLACE_AFTER_S="600")
    state = begin(MemoryStore(memory), less, sources("again"))
    assert settled(memory) == kept
    assert heap(state) == 3000
    assert state.configuration_errors == (
        "CASSANDRA_HEAP_SIZE_MB must be less than CASSANDRA_MEMORY_MB, which is 3000, not 3000.",
        f'{HEAP} was set through the API: PUT /v1/config with {{"{HEAP}": null}} removes it.',
    )
    assert state.policy.replace_after_seconds == 900.0


def test_settings_of_the_api_that_an_earlier_version_took_keep_the_cluster(tmp_path: Path) -> None:
    memory = Memory()
    given(memory, settings(tmp_path), NODES="4", CASSANDRA_CPUS="1.5")
    stored = {
        "NODES": Override("1_0", ""),
        "CASSANDRA_CPUS": Override("1.5", ""),
        "GARBAGE_GRACE_S": Override("+60", ""),
    }
    target = record_kinds.Target("given", "id-0", stored)
    memory.records[record_kinds.TARGET] = (memory.records[record_kinds.TARGET][0], codec.encode_record(target))
    state = begin(MemoryStore(memory), settings(tmp_path), sources("again"))
    assert (state.target.spec.nodes, state.overrides) == (4, stored)
    assert state.configuration_errors == (
        "NODES must be a whole number, not '1_0'.",
        "GARBAGE_GRACE_S must be a number, not '+60'.",
        "GARBAGE_GRACE_S, NODES were set through the API: "
        'PUT /v1/config with {"GARBAGE_GRACE_S": null, "NODES": null} removes them.',
    )


def test_a_change_that_is_refused_lets_nothing_lapse(tmp_path: Path) -> None:
    memory = Memory()
    environment = settings(tmp_path)
    given(memory, environment, CASSANDRA_HEAP_SIZE_MB="512")
    other = settings(tmp_path, CASSANDRA_HEAP_SIZE_MB="1024", CASSANDRA_DISK_MB="20480")
    refused = begin(MemoryStore(memory), other, sources("again"))
    assert (heap(refused), len(refused.configuration_errors)) == (512, 1)
    state = begin(MemoryStore(memory), environment, sources("thrice"))
    assert (heap(state), state.configuration_errors) == (512, ())


def test_a_setting_that_is_none_any_more_lapses(tmp_path: Path) -> None:
    memory = Memory()
    begin(MemoryStore(memory), settings(tmp_path), sources())
    target = record_kinds.Target("id-0", None, {"CASSANDRA_OLD": Override("1", "")})
    memory.records[record_kinds.TARGET] = (0, codec.encode_record(target))
    state = begin(MemoryStore(memory), settings(tmp_path), sources("again"))
    assert (state.overrides, state.configuration_errors) == ({}, ())
    assert "CASSANDRA_OLD" in sentences(state)


def test_a_canary_ends_with_a_new_target_of_the_environment(tmp_path: Path) -> None:
    memory = Memory()
    begin(MemoryStore(memory), settings(tmp_path), sources())
    plan = PlanRecord("deploy", completed=True, canary=Canary("id-0", "node-0"))
    memory.records["plans/deploy"] = (0, codec.encode_record(plan))
    begin(MemoryStore(memory), settings(tmp_path), sources("again"))
    assert codec.load(MemoryStore(memory).load()).plans["deploy"] == plan
    begin(MemoryStore(memory), settings(tmp_path, CASSANDRA_HEAP_SIZE_MB="512"), sources("thrice"))
    assert codec.load(MemoryStore(memory).load()).plans["deploy"] == PlanRecord("deploy", completed=True)


def test_old_configurations_are_removed_when_another_is_stored(tmp_path: Path) -> None:
    memory = Memory()
    for number in range(KEPT + 5):
        begin(MemoryStore(memory), settings(tmp_path, NODES=str(3 + number)), sources(f"start-{number}"))
    stored = codec.load(MemoryStore(memory).load())
    newest = [f"start-{number}-0" for number in range(3, KEPT + 5)]
    assert sorted(stored.configurations) == sorted(newest)
    assert (stored.target, stored.previous) == (newest[-1], newest[-2])


def test_credentials_that_changed_since_the_settings_were_checked_end_it_without_being_shown(tmp_path: Path) -> None:
    file = tmp_path / "credentials"
    file.write_text("alice:correct-horse\n")
    found = settings(tmp_path, ZOOKEEPER_CREDENTIALS_FILE=str(file))
    assert access(found).credentials == (Credentials("alice", "correct-horse"),)
    file.write_text("alice;correct-horse\n")
    with pytest.raises(FatalError, match=f"ZOOKEEPER_CREDENTIALS_FILE {file} cannot be used: line 1") as raised:
        access(found)
    assert raised.value.code is Exit.SETTINGS
    assert "horse" not in str(raised.value)
    file.unlink()
    with pytest.raises(FatalError, match="No such file"):
        access(found)


A, B = Login("a", "", ""), Login("b", "", "")
CERTIFICATE = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"


@pytest.mark.parametrize(
    ("path", "record", "words"),
    [
        pytest.param(
            "authority", AuthorityRecord(Authority("garbage")), "it holds what is no certificate", id="no PEM"
        ),
        pytest.param(
            "authority", AuthorityRecord(Authority(CERTIFICATE)), "it holds what is no certificate", id="no X.509"
        ),
        pytest.param(
            "authority",
            AuthorityRecord(Authority("a"), Authority("b")),
            "a following authority and a phase",
            id="phase",
        ),
        pytest.param("logins", LoginsRecord((), "a", made=True), "it must have two users", id="no users"),
        pytest.param(
            "logins",
            LoginsRecord((Login("a", "", ""), Login("b", "", "")), "c"),
            "it must have two users",
            id="current",
        ),
    ],
)
def test_a_record_that_no_cycle_could_use_is_named(tmp_path: Path, path: str, record: Any, words: str) -> None:
    memory = Memory()
    begin(MemoryStore(memory), settings(tmp_path), sources())
    memory.records[path] = (1, codec.encode_record(record))
    with pytest.raises(FatalError, match=f"the stored record {path} cannot be read: .*{words}") as caught:
        begin(MemoryStore(memory), settings(tmp_path), sources())
    assert caught.value.code is Exit.STATE


def test_an_authority_of_clients_that_is_no_certificate_is_named(tmp_path: Path) -> None:
    memory = Memory()
    state = begin(MemoryStore(memory), settings(tmp_path), sources())
    cassandra = replace(state.target.spec.cassandra, client_authorities=CERTIFICATE)
    changed = replace(state.target, spec=replace(state.target.spec, cassandra=cassandra))
    memory.records["configurations/id-0"] = (1, codec.encode_record(changed))
    with pytest.raises(FatalError, match="the stored record configurations/id-0 cannot be read: it holds what is no"):
        begin(MemoryStore(memory), settings(tmp_path), sources())
