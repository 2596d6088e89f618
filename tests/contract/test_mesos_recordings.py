"""localmesos against the recorded traffic of a real Mesos: the same requests get the same answers."""

import base64
import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from localmesos.protocol.executor_tokens import make_token
from tests.contract.conftest import Server
from tests.contract.mesos import client
from tests.contract.mesos.processes import Cluster, get, leads, operator_call
from tests.contract.mesos.recordings import DIRECTORY, Line, needs_recordings, read, snapshot
from tests.contract.mesos.replay import Replay
from tests.contract.mesos.shapes import missing, shape
from tests.ports import free_port
from tests.waiting import patient, wait_for

Json = dict[str, Any]

pytestmark = [pytest.mark.feature, needs_recordings]


def basic(principal: str, secret: str) -> str:
    """The header Authorization of a principal."""
    return f"Basic {base64.b64encode(f'{principal}:{secret}'.encode()).decode()}"


QUICK = ("--allocation-interval", "60ms")
SLOW = ("--allocation-interval", "500ms")
AGENTS = ("--executor-shutdown-grace-period", "500ms")
SUBSCRIPTIONS = sorted(path.stem for path in DIRECTORY.glob("s1_*.jsonl"))


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A master and two agents for the recordings that leave nothing behind."""
    cluster = Cluster(tmp_path_factory.mktemp("mesos"), QUICK, AGENTS)
    try:
        yield cluster.start()
    finally:
        cluster.stop()


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    """A cluster of one test's own, not started."""
    cluster = Cluster(tmp_path, QUICK, AGENTS)
    try:
        yield cluster
    finally:
        cluster.stop()


@pytest.fixture
def replay(cluster: Cluster) -> Iterator[Replay]:
    replay = Replay(cluster.start())
    yield replay
    replay.close()


@pytest.mark.parametrize(
    "name",
    [
        *SUBSCRIPTIONS,
        "s2_reserve_create_launch_full_caps_alloc",
        "s2_reserve_create_launch_full_caps_noalloc",
        "s2_reserve_create_launch_no_caps",
        "s2_operation_feedback",
        "s5_reconcile_full_caps",
        "s5_reconcile_no_caps",
    ],
)
def test_alone(shared: Cluster, name: str) -> None:
    """Subscriptions of every kind; reservations, volumes and tasks on them; reconciliation."""
    replay = Replay(shared)
    try:
        replay.run(read(name))
        replay.finish()
    finally:
        replay.close()


def test_roles_and_teardown(cluster: Cluster) -> None:
    # Which of several frameworks is offered what depends on the time between two allocations.
    cluster.master_options = SLOW
    replay = Replay(cluster.start())
    try:
        replay.run(read("s13_roles_and_teardown"))
        replay.finish()
    finally:
        replay.close()


def test_invalid_operations(cluster: Cluster) -> None:
    replay = Replay(cluster.start())
    try:
        replay.run([line for line in read("s6_invalid") if not _is_of_command_executor(line)])
        replay.schedulers["rec6"].drop_updates_of("i11c")
        replay.finish()
    finally:
        replay.close()


def _is_of_command_executor(line: Line) -> bool:
    """How a command executor tells of a missing program, and health checks: neither is localmesos' affair."""
    status = line.content.get("status", {}) if line.kind == "UPDATE" else {}
    missing = status.get("task_id", {}).get("value") == "i11c" and status["state"] != "TASK_STARTING"
    return missing or status.get("reason") == "REASON_TASK_HEALTH_CHECK_STATUS_UPDATED"


def test_resubscribe(replay: Replay) -> None:
    replay.run(read("s7_resubscribe"))
    replay.finish()


def test_decline_revive_suppress(replay: Replay) -> None:
    replay.run(read("s4_decline_revive_suppress"))
    replay.finish()


def test_http_level(cluster: Cluster) -> None:
    """Requests that are refused, and some that are not, header by header."""
    replay = Replay(cluster.start())
    lines = [line if line.body != "x" else replace(line, body='"x"') for line in read("s9_http_level")]
    try:
        replay.run(_select(lines, lambda line: ":5051" not in line.endpoint and not _wants_protobuf(line)))
        replay.finish()
    finally:
        replay.close()


@pytest.mark.zookeeper
def test_another_master_leads(cluster: Cluster, running: Server) -> None:
    """A master that does not lead redirects; it leads when the other is gone, and agents and schedulers find it."""
    zk = f"zk://{running.hosts}/recorded"
    cluster.resources, cluster.attributes = "cpus:4;mem:4096;disk:20480;ports:[31000-32000]", ""
    cluster.master_options = (*QUICK, "--zk", zk, "--zk-session-timeout", "4secs")
    cluster.start_master()
    wait_for("the first master leads", lambda: leads(cluster.master_ip, cluster.master_port), 20.0)
    second = "127.0.0.4", free_port("127.0.0.4")
    cluster.start_another_master("master 2", *second)
    cluster.start_agent(1, zk)
    cluster.wait_agents(1)
    replay = Replay(cluster)
    replay.addresses["127.0.0.4:5050"] = second
    lines = [line for line in read("s12_non_leading_master") if line.label != "poll"]
    killed = next(i for i, line in enumerate(lines) if line.note == "leader kill -9")
    asked = next(i for i, line in enumerate(lines) if line.kind == "UPDATE" and "TASK_UNKNOWN" in str(line.body))
    try:
        replay.run(lines[: killed + 2])
        # The agent must not be faster than the question after its task.
        cluster.signal("agent 1", signal.SIGSTOP)
        cluster.kill("master")
        cluster.master_ip, cluster.master_port = second
        wait_for("the second master leads", lambda: leads(*second), 20.0)
        replay.run(lines[killed + 2 : asked + 1])
        cluster.signal("agent 1", signal.SIGCONT)
        replay.run(lines[asked + 1 :])
        # Whether the last acknowledgement reached the agent before the master died is luck, here as there.
        replay.schedulers["rec12"].drop_updates_of("zk1")
        replay.finish()
    finally:
        replay.close()


def _wants_protobuf(line: Line) -> bool:
    """localmesos speaks JSON only."""
    return line.headers.get("Accept") == "application/x-protobuf"


def _select(lines: list[Line], wanted: Callable[[Line], bool]) -> list[Line]:
    """The wanted lines; an answer is kept when its request is."""
    found: list[Line] = []
    kept: dict[str, list[bool]] = {}
    for line in lines:
        if line.direction == "request":
            kept.setdefault(line.label, []).append(wanted(line))
        if kept[line.label].pop(0) if line.direction == "response" else wanted(line):
            found.append(line)
    return found


OPERATOR_ENDPOINTS = {
    "/state": "master_state",
    "/master/state": "master_state",
    "/slaves": "master_slaves",
    "/master/slaves": "master_master_slaves",
    "/frameworks": "master_frameworks",
    "/tasks": "master_tasks",
    "/roles": "master_roles",
    "/state-summary": "master_state-summary",
    "/version": "master_version",
    "/flags": "master_flags",
    "/quota": "master_quota",
    "/weights": "master_weights",
    "/maintenance/status": "master_maintenance_status",
}
AGENT_ENDPOINTS = {
    "/state": "agent_state",
    "/slave(1)/state": "agent_state",
    "/containers": "agent_containers",
    "/monitor/statistics": "agent_monitor_statistics",
    "/flags": "agent_flags",
    "/version": "master_version",
}
OPERATOR_CALLS = ("GET_STATE", "GET_AGENTS", "GET_FRAMEWORKS", "GET_TASKS", "GET_VERSION", "GET_HEALTH", "GET_MASTER")


def test_operator_endpoints(cluster: Cluster) -> None:
    """While the recorded tasks run, each view has all the fields that Mesos' has; and the tasks end as recorded."""
    replay = Replay(cluster.start(), _with_our_executor)
    lines = read("s10_operator_snapshots")
    begin = _index(lines, lambda line: line.direction == "request" and line.endpoint.endswith("/state"))
    end = _index(lines, lambda line: line.kind == "KILL")
    differences = {}
    try:
        replay.run(lines[:begin])
        for path, name in OPERATOR_ENDPOINTS.items():
            ours = get(cluster.master_ip, cluster.master_port, path)
            differences[path] = missing(shape(snapshot(name)), shape(ours))
        for path, name in AGENT_ENDPOINTS.items():
            ours = get("127.0.0.2", cluster.agent_ports[1], path)
            differences[f"agent {path}"] = missing(shape(snapshot(name)), shape(ours))
        for kind in OPERATOR_CALLS:
            ours = operator_call(cluster.master_ip, cluster.master_port, {"type": kind})
            differences[kind] = missing(shape(snapshot(f"v1_{kind}")), shape(ours))
        replay.run(lines[end:])
        replay.finish()
    finally:
        replay.close()
    found = {item for items in differences.values() for item in items}
    assert {item for item in found if not _is_of_the_past(item)} == set()


def _is_of_the_past(path: str) -> bool:
    """The recorded agent had been restarted, and custom executors' tasks had ended before."""
    return "reregistered_time" in path or "completed_tasks" in path


RECORDED_COMMANDS = ("exec python3 /opt/recorder/executor.py", "exec python3 /opt/rec/exec.py")
EXECUTOR = Path(__file__).parent / "mesos" / "recorded_executor.py"


def _with_our_executor(body: Json) -> Json:
    text = json.dumps(body)
    for recorded in RECORDED_COMMANDS:
        text = text.replace(recorded, f"exec {sys.executable} {EXECUTOR}")
    found: Json = json.loads(text)
    return found


# The recorded master let three pings fail. An agent that starts on a busy machine takes longer than three seconds.
AS_RECORDED = (*("--allocation-interval", "1secs", "--agent-ping-timeout", "1secs", "--max-agent-ping-timeouts", "7"),)
CUSTOM_EXECUTOR_PARTS = {
    "s3_custom_executor_full": ((0.0, 1.766), (2.079, 2.086), (5.05, 12.0), (34.14, 36.0)),
    "s3_custom_executor_nocaps_slavepath": ((43.0, 45.84), (48.84, 56.2), (78.2, 81.0)),
}
"""Seconds. Without: a kill of a task that is over, which the recorded executor answers in its own way; a connection
that the executor drops; one that does not register for 20 seconds; one that sends what makes no sense."""
DROP_CONNECTION = "ZHJvcA=="
EXECUTOR_SIDES = {
    "s3_custom_executor_full": "s3_executor_side_full",
    "s3_custom_executor_nocaps_slavepath": "s3_executor_side_nocaps_slavepath",
}
"""What the executor saw of it: its environment, and the events of its agent."""


@pytest.mark.parametrize("name", CUSTOM_EXECUTOR_PARTS)
def test_custom_executor(cluster: Cluster, name: str) -> None:
    def wanted(line: Line) -> bool:
        inside = any(begin <= line.seconds < end for begin, end in CUSTOM_EXECUTOR_PARTS[name])
        return inside and line.content.get("data") != DROP_CONNECTION

    replay = Replay(cluster.start(), _with_our_executor)
    try:
        replay.run(_select(read(name), wanted))
        replay.finish()
    finally:
        replay.close()
    recorded = {"env": _recorded_environment(EXECUTOR_SIDES[name])}
    recorded |= {line.kind: line.body for line in read(EXECUTOR_SIDES[name]) if line.direction == "event"}
    ours = {event["type"]: event for file in cluster.directory.rglob("seen.jsonl") for event in _events(file)}
    ours["env"] = dict.fromkeys(ours["env"]["env"], "str")
    assert set(recorded) <= set(ours)
    assert missing(shape(recorded), shape({kind: ours[kind] for kind in recorded})) == []


def _recorded_environment(name: str) -> Json:
    """Return the variables that the agent set, beside those of the recorder and of its shell."""
    (line,) = [json.loads(text) for text in (DIRECTORY / f"{name}.jsonl").read_text().splitlines() if '"env"' in text][
        :1
    ]
    return {variable: "str" for variable in line["env"] if variable.startswith(("MESOS_", "LIBPROCESS_", "MY_"))}


def _events(file: Path) -> list[Json]:
    return [json.loads(text) for text in file.read_text().splitlines()]


def _of_one_scheduler(line: Line) -> Line:
    """These recordings name each request, not the scheduler; what an executor does is not the scheduler's to send."""
    return replace(line, label="one")


def _one_agent(cluster: Cluster) -> Cluster:
    """On 127.0.0.22, as when these were recorded."""
    cluster.resources = "cpus:4;mem:4096;disk:20480;ports:[7000-7001,7199-7199,9042-9042,31000-32000]"
    cluster.attributes = "rack:r1"
    cluster.start_master()
    cluster.start_agent(21)
    cluster.wait_agents(1)
    return cluster


def test_release_in_parts(cluster: Cluster) -> None:
    """What a task held is offered with its last update, what its executor held once that has ended."""
    replay = Replay(_one_agent(cluster), _with_our_executor, in_parts=True)
    try:
        replay.run([_of_one_scheduler(line) for line in read("s14_release_in_parts")])
        replay.finish()
    finally:
        replay.close()


RIGHT = "framework", "secret of the framework"
CREDENTIALS = {
    "Basic <wrong secret>": basic(RIGHT[0], "another"),
    "Basic <unknown principal>": basic("nobody", RIGHT[1]),
    "Bearer <bearer>": "Bearer a.b.c",
}


def _with_credentials(line: Line) -> Line:
    """The recordings do not show what was sent; each label tells what it was."""
    shown = line.headers.get("Authorization")
    if shown is None or line.direction != "request":
        return line
    return replace(line, headers={**line.headers, "Authorization": CREDENTIALS.get(shown, basic(*RIGHT))})


def test_authentication(cluster: Cluster) -> None:
    """A master asks schedulers and readers who they are, an agent its executors: refusals, and a right subscription."""
    file = cluster.directory / "credentials.json"
    file.write_text(json.dumps({"credentials": [{"principal": RIGHT[0], "secret": RIGHT[1]}]}))
    cluster.master_options = (*QUICK, "--credentials", str(file))
    cluster.agent_options = (*AGENTS, "--authenticate-http-executors")
    cluster.headers = {"Authorization": basic(*RIGHT)}
    replay = Replay(_one_agent(cluster), _with_our_executor, in_parts=True)
    try:
        replay.run([_with_credentials(_of_one_scheduler(line)) for line in read("s15_authentication")])
        replay.finish()
    finally:
        replay.close()


def test_authentication_of_executors(cluster: Cluster) -> None:
    """An executor without a token, with a wrong one, with a password: answers to the letter. A right one is taken."""
    cluster.agent_options = (*AGENTS, "--authenticate-http-executors")
    _one_agent(cluster)
    where = "127.0.0.22", cluster.agent_ports[21]
    lines = read("s15_authentication-executor")
    refused = [index for index, line in enumerate(lines) if line.status == 401]
    assert len(refused) == 3
    for index in refused:
        sent, recorded, words = lines[index - 1], lines[index], lines[index + 1].body
        answer = client.request("POST", *where, "/api/v1/executor", sent.headers, sent.body)
        assert (answer.status, answer.text) == (401, words)
        for name in ("WWW-Authenticate", "Content-Type", "Content-Length"):
            assert answer.headers[name] == recorded.headers[name]
    key = (cluster.directory / "agent-21" / "executor-token-key").read_bytes()
    sent = lines[refused[0] - 1]
    headers = {**sent.headers, "Authorization": f"Bearer {make_token(key, 'f', 'my', 'c')}"}
    answer = client.request("POST", *where, "/api/v1/executor", headers, sent.body)
    assert (answer.status, answer.text) == (400, "Framework cannot be found")


class AgentScript:
    """The actions on agents that a recording notes."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self.replay = Replay(cluster, _with_our_executor, self.act)

    def act(self, note: str) -> None:
        words = note.split()
        if note.startswith("agent 2 killed -9, its meta"):
            self._cluster.kill("agent 2")
            (self._cluster.directory / "agent-2" / "meta" / "slaves" / "latest").unlink()
        elif words[:3] == ["$", "cluster.sh", "agent"]:
            self._agent(int(words[3]), words[4])
        elif note.startswith("kill -9 of the executor process"):
            processes = self.replay.schedulers["P(partition aware, checkpoint)"].processes
            for task_id in ("cD", "xD"):
                os.kill(processes[task_id], signal.SIGKILL)

    def _agent(self, number: int, what: str) -> None:
        name = f"agent {number}"
        if what == "start":
            self._cluster.start_agent(number)
        elif what == "usr1":
            self._cluster.signal(name, signal.SIGUSR1)
            self._cluster.processes.pop(name).wait(patient(20))
        elif name in self._cluster.processes:
            wait_for("acknowledgements arrive", lambda: not self._has_unacknowledged_ends(number), 10.0)
            self._cluster.kill(name)

    def _has_unacknowledged_ends(self, number: int) -> bool:
        state = get(f"127.0.0.{number + 1}", self._cluster.agent_ports[number], "/state")
        return any(e["completed_tasks"] for framework in state["frameworks"] for e in framework["executors"])


def test_agents_lost_and_back(cluster: Cluster) -> None:
    cluster.master_options = AS_RECORDED
    script = AgentScript(cluster.start())
    try:
        script.replay.run(read("s8_agent_restart"))
        script.replay.finish()
    finally:
        script.replay.close()


def test_master_restarted_and_agent_unreachable(cluster: Cluster) -> None:
    cluster.master_options = AS_RECORDED
    replay = Replay(cluster.start(), _with_our_executor)
    lines = read("s8b_master_restart_and_unreachable")
    restart = _index(lines, lambda line: line.note == "master kill -9")
    back = _index(lines, lambda line: line.kind == "OFFERS" and line.seconds > lines[restart].seconds)
    down = _index(lines, lambda line: line.note.startswith("agent 1 down"))
    up = _index(lines, lambda line: "Unreachable agent re-reregistered" in str(line.body))
    try:
        replay.run(lines[:restart])
        for agent in ("agent 1", "agent 2"):
            cluster.signal(agent, signal.SIGSTOP)
        cluster.kill("master")
        cluster.start_master()
        replay.run(lines[restart:back])
        for agent in ("agent 1", "agent 2"):
            cluster.signal(agent, signal.SIGCONT)
        replay.run(lines[back:down])
        cluster.kill("agent 1")
        replay.run(lines[down:up])
        cluster.start_agent(1)
        replay.run(lines[up:])
        replay.finish()
    finally:
        replay.close()


def _index(lines: list[Line], wanted: Callable[[Line], bool]) -> int:
    return next(index for index, line in enumerate(lines) if wanted(line))
