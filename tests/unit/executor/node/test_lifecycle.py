"""The state machine with a stand-in for Java, whose behaviour the test chooses."""

from __future__ import annotations

import base64
import errno
import json
import logging
import os
import threading
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from executor.cassandra.volume import VolumeError, lock
from executor.node.events import Kill, Launch, Message, Shutdown
from executor.protocol import (
    StatusQuery,
    StatusReply,
    encode_message,
    parse_status,
)
from tests.unit.executor.node_driver import TERMINAL, Driver
from tests.unit.executor.recorder import no_thread
from tests.unit.executor.sandbox import make_launch, make_sandbox, surroundings


def test_a_node_runs_and_is_killed(driver: Driver) -> None:
    driver.launch(make_launch())
    driver.recorder.wait_for_mode("NORMAL")
    driver.events.put(Kill("t1", 5.0))
    assert driver.end() == ("TASK_KILLED", "killed: drained, ended with exit code 143")
    states = [state for _, state, _, _ in driver.recorder.updates]
    assert states[:2] == ["TASK_STARTING", "TASK_RUNNING"]
    assert states[-1] == "TASK_KILLED"


def test_the_last_status_goes_with_the_end(driver: Driver) -> None:
    driver.launch(make_launch())
    driver.recorder.wait_for_mode("NORMAL")
    driver.events.put(Kill("t1", 5.0))
    driver.end()
    data = driver.recorder.updates[-1][3]
    assert data is not None
    assert parse_status(data).live == ("127.0.2.9",)


def test_a_drain_that_hangs_is_bounded(driver: Driver) -> None:
    driver.launch(make_launch("-Dstandin.drain=hang", drain_seconds=0.4))
    driver.recorder.wait_for_mode("NORMAL")
    begin = time.monotonic()
    driver.events.put(Kill("t1", 5.0))
    state, message = driver.end()
    assert state == "TASK_KILLED"
    assert "not drained" in message
    assert time.monotonic() - begin >= 0.4


def test_a_drain_that_fails_says_why(driver: Driver) -> None:
    driver.launch(make_launch("-Dstandin.drain=fail"))
    driver.recorder.wait_for_mode("NORMAL")
    driver.events.put(Kill("t1", 5.0))
    assert driver.end()[1] == (
        "killed: not drained (java.lang.IllegalStateException : cannot drain), ended with exit code 143"
    )


def test_sigkill_follows_the_grace(driver: Driver) -> None:
    driver.launch(make_launch("-Dstandin.term=ignore"))
    driver.recorder.wait_for_mode("NORMAL")
    begin = time.monotonic()
    driver.events.put(Kill("t1", 0.5))
    assert driver.end() == ("TASK_KILLED", "killed: drained, ended with signal SIGKILL")
    assert time.monotonic() - begin >= 0.5


def test_a_second_kill_can_only_hurry(driver: Driver) -> None:
    driver.launch(make_launch("-Dstandin.term=ignore", "-Dstandin.drain=hang", drain_seconds=1.0))
    driver.recorder.wait_for_mode("NORMAL")
    driver.events.put(Kill("t1", 300.0))
    driver.events.put(Kill("t1", 0.3))
    driver.events.put(Kill("t1", 300.0))
    assert driver.end()[0] == "TASK_KILLED"


def test_a_stuck_drain_blocks_nothing(driver: Driver) -> None:
    driver.launch(make_launch("-Dstandin.drain=hang", drain_seconds=30.0))
    driver.recorder.wait_for_mode("NORMAL")
    driver.events.put(Kill("t1", 5.0))
    driver.events.put(Message(encode_message(StatusQuery("q"))))
    assert driver.recorder.reply().id == "q"
    driver.events.put(Shutdown("hurry", 1.0))
    assert driver.end()[0] == "TASK_KILLED"


def test_a_shutdown_keeps_to_the_time_that_the_agent_gives(driver: Driver, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    driver.launch(make_launch("-Dstandin.term=ignore", "-Dstandin.drain=hang"))
    driver.recorder.wait_for_mode("NORMAL")
    driver.events.put(Shutdown("the agent requested it", 6.0))
    state, message = driver.end()
    assert (state, message[:35]) == ("TASK_KILLED", "shut down: the agent requested it: ")
    assert message.endswith("ended with signal SIGKILL")
    assert "drain for at most 3.0 s, then 2.1 s to end" in caplog.text, "a seventh is left for the last report"


def test_a_shutdown_without_a_task_just_ends(driver: Driver) -> None:
    driver.events.put(Shutdown("nothing to do", None))
    driver.join()
    assert driver.recorder.updates == []


def test_cassandra_that_dies_is_a_failure_with_its_last_words(driver: Driver) -> None:
    driver.launch(make_launch("-Dstandin.exit=3"))
    state, message = driver.end()
    assert state == "TASK_FAILED"
    assert message == "Cassandra ended with exit code 3:\nERROR [main] now - it broke\njava.io.IOException: disk"


def test_the_kind_of_the_end_goes_before_however_many_words(driver: Driver) -> None:
    driver.launch(make_launch("-Dstandin.exit=3", "-Dstandin.words=1000"))
    _, message = driver.end()
    assert message.startswith("Cassandra ended with exit code 3:\n…")
    assert message.endswith(" of many words")


def test_cassandra_that_is_killed_from_outside_is_a_failure(driver: Driver) -> None:
    driver.launch(make_launch())
    driver.recorder.wait_for_mode("NORMAL")
    data = driver.recorder.updates[-1][3]
    assert data is not None
    pid = parse_status(data).pid
    assert pid is not None
    os.kill(pid, 9)
    sender = "its executor did not send SIGKILL: the kernel sends it if memory runs out"
    words = f"no error was logged in its last minute; {sender}"
    assert driver.end() == ("TASK_FAILED", f"Cassandra ended with signal SIGKILL:\n{words}")


def test_a_join_that_failed_ends_for_another_attempt(driver: Driver) -> None:
    driver.launch(make_launch("-Dstandin.mode=JOINING_FAILED"))
    state, message = driver.end()
    assert (state, message.splitlines()) == (
        "TASK_FAILED",
        [
            "Cassandra was stopped: it could not join the ring:",
            "ERROR [main] now - Bootstrap will have to be restarted.",
        ],
    )
    data = driver.recorder.updates[-1][3]
    assert data is not None
    assert parse_status(data).mode == "JOINING_FAILED"


def test_a_kill_during_the_preparations_needs_no_cassandra(tmp_path: Path) -> None:
    sandbox = make_sandbox(tmp_path)
    taken = lock(sandbox / "volume", 1.0, lambda _text: None)
    driver = Driver(replace(surroundings(sandbox), volume_patience=3.0))
    driver.launch(make_launch())
    driver.events.put(Kill("t1", None))
    driver.join()
    assert driver.recorder.end() == ("TASK_KILLED", "killed before Cassandra was started")
    taken.close()


def test_a_paused_node_holds_its_volume_without_cassandra(tmp_path: Path) -> None:
    sandbox = make_sandbox(tmp_path)
    driver = Driver(surroundings(sandbox))
    driver.launch(make_launch(paused=True, bundle="nowhere"))
    driver.recorder.wait_for_mode("PAUSED")
    with pytest.raises(VolumeError, match="another Cassandra uses the volume"):
        lock(sandbox / "volume", 0.1, lambda _text: None)
    driver.events.put(Message(encode_message(StatusQuery("q1"))))
    assert driver.recorder.reply_to("q1").status.mode == "PAUSED"
    driver.events.put(Kill("t1", None))
    driver.join()
    assert driver.recorder.end() == ("TASK_KILLED", "killed while it was paused")
    lock(sandbox / "volume", 1.0, lambda _text: None).close()


def test_a_launch_that_cannot_start_says_the_step(driver: Driver) -> None:
    driver.launch(make_launch(bundle="nowhere"))
    driver.join()
    state, message = driver.recorder.end()
    assert state == "TASK_FAILED"
    assert message.startswith("bundle: the Cassandra bundle is missing")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ("", "launch data: not base64 of JSON"),
        ("e30=", "launch data: launch data has version None"),
        (base64.b64encode(b"[1]").decode(), "launch data: not a JSON object"),
        (
            base64.b64encode(json.dumps({**asdict(make_launch()), "version": 99}).encode()).decode(),
            "launch data: launch data has version 99, this executor knows 1",
        ),
        (base64.b64encode(b'{"version": 1, "ports": {}}').decode(), "launch data: NodeLaunch: "),
    ],
)
def test_launch_data_that_cannot_be_read(driver: Driver, data: str, words: str) -> None:
    driver.events.put(Launch("t1", data))
    driver.join()
    state, message = driver.recorder.end()
    assert state == "TASK_FAILED"
    assert message.startswith(words)


@pytest.mark.parametrize(
    "changes",
    [{"java_home": "jre\0"}, {"jvm_options": ("-Da=\udce9",)}, {"jvm_options": ("-Da=b\0",)}, {"rack": "a\nb"}],
)
def test_a_launch_with_a_control_character_fails_with_a_sentence(driver: Driver, changes: dict[str, Any]) -> None:
    driver.launch(replace(make_launch(), **changes))
    state, message = driver.end()
    assert state == "TASK_FAILED"
    assert f"launch data: {next(iter(changes))}" in message
    assert "must not hold control characters" in message
    assert message.isprintable()


def test_an_installation_that_breaks_is_reported(driver: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_arguments: object) -> None:
        raise ZeroDivisionError("something\nnobody thought of")

    monkeypatch.setattr("executor.node.lifecycle.install", broken)
    driver.launch(make_launch())
    assert driver.end() == ("TASK_FAILED", "installation: ZeroDivisionError: 'something\\nnobody thought of'")


def test_one_executor_runs_one_task(driver: Driver) -> None:
    driver.launch(make_launch())
    driver.recorder.wait_for_mode("NORMAL")
    driver.launch(make_launch(), "t2")
    driver.events.put(Kill("t9", 0.1))
    driver.events.put(Kill("t1", 5.0))
    driver.join()
    ends = {task: (state, message) for task, state, message, _ in driver.recorder.updates if state in TERMINAL}
    assert ends["t2"] == ("TASK_FAILED", "launch: this executor already runs t1")
    assert ends["t1"][0] == "TASK_KILLED"


def test_status_queries(driver: Driver) -> None:
    driver.events.put(Message("not base64"))
    driver.events.put(Message(encode_message(StatusReply("x", "n", "t", parse_status("eyJtb2RlIjogIk5PUk1BTCJ9")))))
    driver.events.put(Message(encode_message(StatusQuery("q0"))))
    early = driver.recorder.reply()
    assert (early.id, early.task_id, early.status.mode) == ("q0", "", "UNKNOWN")
    assert early.status.error == "Cassandra does not run"
    driver.launch(make_launch())
    driver.recorder.wait_for_mode("NORMAL")
    for name in ("q1", "q2"):
        driver.events.put(Message(encode_message(StatusQuery(name))))
    replies = {driver.recorder.reply().id for _ in range(2)}
    assert replies == {"q1", "q2"}


def test_details_that_cannot_be_read_hide_no_mode(driver: Driver) -> None:
    driver.launch(make_launch("-Dstandin.schema=1"))
    driver.recorder.wait_for_mode("NORMAL")
    driver.events.put(Message(encode_message(StatusQuery("q"))))
    status = driver.recorder.reply_to("q").status
    assert status.mode == "NORMAL"
    assert status.error is not None
    assert status.error.startswith("what Cassandra says over JMX cannot be read: TypeError: ")


@pytest.mark.parametrize(
    "message",
    [
        pytest.param({"type": "tune", "task_id": {}, "values": {}}, id="tune"),
        pytest.param({"type": "secret", "task_id": {}, "values": {}}, id="secret"),
        pytest.param({"type": "status?", "id": ["q1"]}, id="query"),
    ],
)
def test_a_message_with_values_of_other_types_ends_nothing(driver: Driver, message: dict[str, Any]) -> None:
    driver.launch(make_launch())
    driver.recorder.wait_for_mode("NORMAL")
    driver.events.put(Message(base64.b64encode(json.dumps(message).encode()).decode()))
    driver.events.put(Message(encode_message(StatusQuery("q"))))
    assert driver.recorder.reply_to("q").status.mode == "NORMAL"


def test_a_status_that_nobody_acknowledges_is_not_waited_for_for_ever(tmp_path: Path) -> None:
    driver = Driver(surroundings(make_sandbox(tmp_path)))
    driver.recorder.acknowledges = driver.recorder.subscribed = False
    begin = time.monotonic()
    driver.launch(make_launch(bundle="nowhere"))
    driver.join()
    assert time.monotonic() - begin >= 0.5


def test_a_stop_without_a_thread_for_the_drain_goes_on(driver: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    driver.launch(make_launch())
    driver.recorder.wait_for_mode("NORMAL")
    monkeypatch.setattr(threading.Thread, "start", no_thread)
    driver.events.put(Kill("t1", 5.0))
    assert driver.end() == ("TASK_KILLED", "killed: not drained (can't start new thread), ended with exit code 143")


def test_a_launch_that_comes_again_changes_nothing(driver: Driver) -> None:
    launch = make_launch()
    driver.launch(launch)
    driver.recorder.wait_for_mode("NORMAL")
    driver.launch(launch)
    driver.launch(launch, "t2")
    driver.recorder.until_ended("t2")
    assert not TERMINAL & set(driver.recorder.states("t1"))


def test_a_disk_that_fills_up_as_cassandra_starts_ends_neither(
    driver: Driver, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_: Any) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "pwrite", full)
    driver.launch(make_launch())
    driver.recorder.wait_for_mode("NORMAL")
    assert "the holder of the volume's lock cannot be written: [Errno 28] No space left on device" in caplog.text


def test_a_start_removes_what_checks_of_settings_left(driver: Driver) -> None:
    left = driver.where.sandbox / "volume/maintenance/settings-abc"
    left.mkdir(parents=True)
    driver.launch(make_launch())
    driver.recorder.wait_for_mode("NORMAL")
    assert not left.exists()
