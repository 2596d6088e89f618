"""Jobs beside a node whose Java is stood in for."""

from __future__ import annotations

import pytest

from executor.node.events import Kill, Launch, Message, Shutdown
from executor.protocol import (
    Answer,
    JobLaunch,
    JobResult,
    JobTuning,
    Question,
    SecretReply,
    StatusQuery,
    encode_job,
    encode_message,
    parse_message,
    parse_result,
)
from tests.unit.executor.node_driver import TERMINAL, Driver
from tests.unit.executor.sandbox import make_launch
from tests.waiting import patient

HANGS = "-Dstandin.work=hang"


def _run(driver: Driver, *options: str) -> None:
    driver.launch(make_launch(*options))
    driver.recorder.wait_for_mode("NORMAL")


def _start(driver: Driver, task_id: str = "j1", job: str = "flush", node_task_id: str = "t1") -> None:
    launch = JobLaunch(job, "o1", "node-0", node_task_id)
    driver.events.put(Launch(task_id, encode_job(launch)))


def _until(driver: Driver, task_id: str, states: set[str]) -> None:
    with driver.recorder.changed:
        assert driver.recorder.changed.wait_for(
            lambda: bool(states & set(driver.recorder.states(task_id))), patient(10)
        )


def _end(driver: Driver, task_id: str = "j1") -> tuple[str, JobResult]:
    _until(driver, task_id, TERMINAL)
    ((state, data),) = [
        (state, data) for task, state, _, data in driver.recorder.updates if task == task_id and state in TERMINAL
    ]
    assert data is not None
    return state, parse_result(data)


def _answer(driver: Driver, question: Question) -> Answer:
    driver.events.put(Message(encode_message(question)))
    with driver.recorder.changed:
        assert driver.recorder.changed.wait_for(lambda: bool(driver.recorder.messages), patient(10))
        found = parse_message(driver.recorder.messages.pop(0))
    assert isinstance(found, Answer)
    return found


def test_a_job_runs_beside_the_node(driver: Driver) -> None:
    _run(driver)
    _start(driver)
    state, result = _end(driver)
    assert (state, result.result["tables"]) == ("TASK_FINISHED", {"app.users": "done"})
    assert driver.recorder.states("j1") == ["TASK_STARTING", "TASK_RUNNING", "TASK_FINISHED"]
    assert not TERMINAL & set(driver.recorder.states("t1"))


@pytest.mark.parametrize(
    ("job", "node_task_id", "words"),
    [
        ("flush", "t0", "it belongs to t0, but t1 runs here"),
        ("dance", "t1", "this executor does not know the job dance: it is older than the scheduler"),
    ],
)
def test_a_job_that_cannot_run_here_is_refused(driver: Driver, job: str, node_task_id: str, words: str) -> None:
    _run(driver)
    _start(driver, job=job, node_task_id=node_task_id)
    state, result = _end(driver)
    assert (state, result.error) == ("TASK_FAILED", words)
    assert not TERMINAL & set(driver.recorder.states("t1"))


def test_job_data_that_cannot_be_read_ends_nothing_else(driver: Driver) -> None:
    _run(driver)
    driver.events.put(Launch("j1", "no base64"))
    _until(driver, "j1", {"TASK_FAILED"})
    _start(driver, "j2")
    assert _end(driver, "j2")[0] == "TASK_FINISHED"


def test_a_job_for_a_node_that_is_stopping_is_refused(driver: Driver) -> None:
    _run(driver, "-Dstandin.drain=hang")
    driver.events.put(Kill("t1", 5.0))
    _start(driver)
    assert _end(driver)[1].error == "Cassandra of node-0 does not run"
    driver.events.put(Shutdown("hurry", 1.0))
    driver.join()


def test_an_executor_that_gets_a_job_alone_refuses_it_and_ends(driver: Driver) -> None:
    _start(driver)
    driver.join()
    state, result = _end(driver)
    assert (state, result.error) == ("TASK_FAILED", "Cassandra of node-0 does not run")


def test_the_kill_of_a_job_ends_the_job_alone(driver: Driver) -> None:
    _run(driver, HANGS)
    for task in ("j1", "j2"):
        _start(driver, task)
        _until(driver, task, {"TASK_RUNNING"})
    driver.events.put(Kill("j1", 3600.0))  # it may take as long to end
    state, result = _end(driver)
    assert (state, result.error) == ("TASK_KILLED", "killed")
    assert not TERMINAL & {*driver.recorder.states("j2"), *driver.recorder.states("t1")}
    driver.events.put(Message(encode_message(StatusQuery("q"))))
    assert driver.recorder.reply_to("q").status.mode == "NORMAL"


def test_a_second_kill_of_a_job_does_nothing(driver: Driver) -> None:
    _run(driver)
    _start(driver)
    _end(driver)
    driver.events.put(Kill("j1", 1.0))
    driver.events.put(Message(encode_message(StatusQuery("q"))))
    driver.recorder.reply_to("q")
    assert not TERMINAL & set(driver.recorder.states("t1"))
    assert _end(driver)[0] == "TASK_FINISHED"


def test_the_kill_of_the_node_waits_for_no_job_and_ends_each_first(driver: Driver) -> None:
    _run(driver, HANGS)
    for task in ("j1", "j2"):
        _start(driver, task)
        _until(driver, task, {"TASK_RUNNING"})
    driver.events.put(Kill("t1", 3600.0))
    driver.join()
    ends = [(task, state) for task, state, *_ in driver.recorder.updates if state in TERMINAL]
    assert sorted(ends[:2]) == [("j1", "TASK_KILLED"), ("j2", "TASK_KILLED")]
    assert ends[2:] == [("t1", "TASK_KILLED")]
    assert _end(driver)[1].error == "the node stops: killed"


def test_the_end_of_cassandra_ends_its_jobs_first(driver: Driver) -> None:
    _run(driver, HANGS)
    _start(driver)
    _until(driver, "j1", {"TASK_RUNNING"})
    driver.kill_cassandra()
    driver.join()
    ends = [(task, state) for task, state, *_ in driver.recorder.updates if state in TERMINAL]
    assert ends[-1] == ("t1", "TASK_FAILED")
    # The call of the job fails with the connection, a moment before or after the process is seen to be gone.
    assert ends[0] in (("j1", "TASK_KILLED"), ("j1", "TASK_FAILED"))
    assert len(ends) == 2


def test_messages_for_jobs_that_are_gone_are_nothing(driver: Driver) -> None:
    _run(driver)
    driver.events.put(Message(encode_message(JobTuning("j9", {"throttle": 1}))))
    driver.events.put(Message(encode_message(SecretReply("j9", {"s3_secret_key": "x"}))))
    driver.events.put(Message(encode_message(StatusQuery("q"))))
    assert driver.recorder.reply_to("q").status.mode == "NORMAL"


def test_the_schema_is_answered(driver: Driver) -> None:
    _run(driver)
    answer = _answer(driver, Question("q1", "schema"))
    assert (answer.id, answer.node, answer.task_id, answer.problem) == ("q1", "node-0", "t1", "")
    assert answer.content == {
        "key_spaces": {"app": {"local": False, "tables": ["users"]}, "system": {"local": True, "tables": ["users"]}}
    }


def test_a_question_without_cassandra_is_answered(driver: Driver) -> None:
    answer = _answer(driver, Question("q1", "schema"))
    assert (answer.kind, answer.problem) == ("failed", "Cassandra does not run")
