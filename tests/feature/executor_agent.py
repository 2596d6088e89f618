"""The executor bundle under a real localmesos agent, whose master the test plays."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from devcluster.scheduler_process import jvm_options
from executor.jmx.jolokia import Jolokia
from executor.protocol import (
    NodeLaunch,
    NodeStatus,
    StatusQuery,
    StatusReply,
    encode_launch,
    encode_message,
    parse_message,
    parse_status,
)
from scheduler.core.mesos.executor_command import DEFAULT_COMMAND
from tests.feature.localmesos_agent.agent_process import FRAMEWORK, ROOT, AgentProcess
from tests.feature.localmesos_agent.fake_master import FakeMaster
from tests.ports import free_port
from tests.waiting import wait_for

Json = dict[str, Any]

BUNDLES = ROOT / ".dev" / "bundles" / "artifacts"
# Small and quick to start: only the waiting that a cluster of one machine does not need is left out.
LAUNCH = NodeLaunch(
    node="node-0",
    cluster_name="test",
    configuration="c0",
    data_center="dc1",
    rack="r1",
    seeds=(),
    self_seed=True,
    heap_mb=384,
    gc="SERIAL",
    jvm_options=jvm_options(2000),
)
IDS = {"framework_id": FRAMEWORK["id"], "executor_id": {"value": "e1"}}
VOLUME: Json = {
    "name": "disk",
    "type": "SCALAR",
    "scalar": {"value": 1024},
    "disk": {"persistence": {"id": "pv1"}, "volume": {"mode": "RW", "container_path": "volume"}},
    "reservations": [{"type": "DYNAMIC", "role": "role", "principal": "p"}],
}


def build_bundle(name: str) -> Path:
    """Return the archive of a bundle, built unless it is up to date."""
    command = [sys.executable, "-m", "executor.bundle", name, "--out", str(BUNDLES)]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    return Path(ended.stdout.strip())


class NodeAgent(AgentProcess):
    """An agent with the address of one Cassandra node."""

    def __init__(self, work_dir: Path, master: str, ip: str, *options: str) -> None:
        self.ip = ip
        self.port = free_port(ip)
        self.work_dir = work_dir
        self.master = master
        self.options = ("--resources", "cpus:4;mem:4096;disk:8192;ports:[7000-9999]", *options)
        self.process = None
        self.start()


@dataclass
class Node:
    """One node as its scheduler sees it. `bundles` are what the fetcher gets."""

    agent: NodeAgent
    master: FakeMaster
    bundles: tuple[Path, ...]
    noted: Jolokia | None = None

    def launch(self, launch: NodeLaunch | str, task_id: str, volume: bool = True, **variables: str) -> None:
        """Give the agent the task, with its volume."""
        data = launch if isinstance(launch, str) else encode_launch(launch)
        info = {
            **IDS,
            "type": "CUSTOM",
            "command": {
                "value": DEFAULT_COMMAND,
                "uris": [{"value": str(bundle), "extract": True} for bundle in self.bundles],
                "environment": {"variables": [{"name": name, "value": value} for name, value in variables.items()]},
            },
            "shutdown_grace_period": {"nanoseconds": int(60e9)},
        }
        task = {
            "name": "node-0",
            "task_id": {"value": task_id},
            "agent_id": {"value": "agent-S0"},
            "resources": [{"name": "cpus", "type": "SCALAR", "scalar": {"value": 0.1}}, *([VOLUME] if volume else [])],
            "executor": info,
            "data": data,
        }
        self.master.send("CHECKPOINT_RESOURCES", {"resources": [VOLUME], "operations": []})
        self.master.send(
            "RUN_TASK", {"framework": FRAMEWORK, "task": task, "executor_info": info, "launch_executor": True}
        )

    def next_update(self, task_id: str, seconds: float = 60.0) -> Json:
        """Return the next new status of the task, in order."""
        while True:
            status: Json = self.master.call("STATUS_UPDATE", seconds)["status"]
            if status["task_id"]["value"] == task_id:
                return status

    def until(self, task_id: str, seconds: float = 90.0, **wanted: object) -> NodeStatus:
        """Return the first reported status with these values; fail if the task ends before."""
        while True:
            update = self.next_update(task_id, seconds)
            assert update["state"] in ("TASK_STARTING", "TASK_RUNNING"), update
            self._note_jolokia()
            if "data" not in update:
                continue
            status = parse_status(update["data"])
            if all(getattr(status, name) == value for name, value in wanted.items()):
                return status

    def jolokia(self) -> Jolokia:
        """That of the newest Cassandra, as its executor has it: noted while it started, since the file is gone then."""
        assert self.noted is not None
        return self.noted

    def _note_jolokia(self) -> None:
        path = self.agent.sandbox() / "conf" / "jolokia.properties"
        with suppress(FileNotFoundError):
            given = dict(line.split("=", 1) for line in path.read_text().splitlines())
            self.noted = Jolokia(given["host"], int(given["port"]), given["user"], given["password"])

    def end(self, task_id: str, seconds: float = 90.0) -> Json:
        """Return the task's terminal status."""
        while True:
            update = self.next_update(task_id, seconds)
            if update["state"] not in ("TASK_STARTING", "TASK_RUNNING"):
                return update

    def kill(self, task_id: str, grace: float = 30.0) -> None:
        policy = {"grace_period": {"nanoseconds": int(grace * 1e9)}}
        ids = {"framework_id": FRAMEWORK["id"], "task_id": {"value": task_id}}
        self.master.send("KILL_TASK", {**ids, "kill_policy": policy})

    def query(self, identifier: str) -> StatusReply:
        """Ask the executor and wait for its answer."""
        self.master.send("FRAMEWORK_MESSAGE", {**IDS, "data": encode_message(StatusQuery(identifier))})
        reply = parse_message(self.master.call("EXECUTOR_MESSAGE")["data"])
        assert isinstance(reply, StatusReply)
        return reply

    def exited(self) -> int:
        """Return the raw wait status of the executor."""
        status: int = self.master.call("EXITED_EXECUTOR", 30.0)["status"]
        return status

    def stderr(self) -> str:
        """Return the executor's log."""
        return (self.agent.sandbox() / "stderr").read_text()


@contextmanager
def running_node(directory: Path, address: str) -> Iterator[Node]:
    """Run an agent with the bundles of a Cassandra node, under a master that the test plays."""
    bundles = (build_bundle("executor"), build_bundle("cassandra"))
    master = FakeMaster()
    try:
        agent = start_agent(master, directory / "work", address)
        try:
            yield Node(agent, master, bundles)
        finally:
            agent.stop()
    finally:
        master.close()


def start_agent(master: FakeMaster, work_dir: Path, ip: str, *options: str) -> NodeAgent:
    """Start an agent and wait until it is registered and has its id."""
    agent = NodeAgent(work_dir, master.address, ip, *options)
    try:
        master.registration()
        wait_for("the agent's id", lambda: agent.get("/state")["id"])
    except BaseException:
        agent.stop()
        raise
    return agent
