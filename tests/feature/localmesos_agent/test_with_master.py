"""Agent and master of localmesos together, with a scheduler that speaks plain HTTP: what Cassandra will rely on."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from http.client import HTTPException
from pathlib import Path
from typing import Any

import pytest

from tests.feature.localmesos_agent.agent_process import EXECUTOR, ROOT, AgentProcess, kill_below, processes_below
from tests.feature.localmesos_agent.scheduler_client import SchedulerClient
from tests.ports import free_port
from tests.waiting import wait_for

Json = dict[str, Any]

pytestmark = pytest.mark.feature

ROLE = "cassandra-role"
PRINCIPAL = "cassandra-principal"
CAPABILITIES = ("MULTI_ROLE", "RESERVATION_REFINEMENT", "PARTITION_AWARE")
RESERVATION = {"type": "DYNAMIC", "role": ROLE, "principal": PRINCIPAL}


class MasterProcess:
    """``python -m localmesos master``."""

    def __init__(self, work_dir: Path, missed_pings: int) -> None:
        self.port = free_port("127.0.0.1")
        self.address = f"127.0.0.1:{self.port}"
        self.work_dir = work_dir
        self.missed_pings = missed_pings
        self.start()

    def start(self) -> None:
        command = [sys.executable, "-m", "localmesos", "master", "--port", str(self.port)]
        command += ["--work-dir", str(self.work_dir), "--allocation-interval", "200ms"]
        command += ["--agent-ping-timeout", "1secs", "--max-agent-ping-timeouts", str(self.missed_pings)]
        self.work_dir.mkdir(parents=True, exist_ok=True)
        with (self.work_dir / "master.log").open("a") as log:
            self.process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=log, text=True)
        assert self.process.stdout is not None
        assert self.process.stdout.readline().startswith("master ready"), (self.work_dir / "master.log").read_text()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()


@pytest.fixture
def missed_pings() -> int:
    """Return after how many unanswered pings the master gives up an agent: one that starts again needs a while."""
    return 60


@pytest.fixture
def master_process(tmp_path: Path, missed_pings: int) -> Iterator[MasterProcess]:
    master = MasterProcess(tmp_path / "master", missed_pings)
    yield master
    master.kill()


@pytest.fixture
def node(master_process: MasterProcess, tmp_path: Path) -> Iterator[AgentProcess]:
    agent = AgentProcess(tmp_path / "work", master_process.address)
    yield agent
    agent.stop()


@pytest.fixture
def scheduler(master_process: MasterProcess, node: AgentProcess) -> Iterator[SchedulerClient]:
    info = {
        "user": "root",
        "name": "test",
        "roles": [ROLE],
        "principal": PRINCIPAL,
        "checkpoint": True,
        "failover_timeout": 600.0,
        "capabilities": [{"type": name} for name in CAPABILITIES],
    }
    client = SchedulerClient(master_process.address, info)
    client.subscribe()
    yield client
    client.close()


def scalar(name: str, value: float, **more: Any) -> Json:
    return {"name": name, "type": "SCALAR", "scalar": {"value": value}, **more}


def reserved(name: str, value: float, **more: Any) -> Json:
    return scalar(name, value, reservations=[RESERVATION], **more)


DISK = {"persistence": {"id": "pv", "principal": PRINCIPAL}, "volume": {"mode": "RW", "container_path": "data"}}
VOLUME = reserved("disk", 64, disk=DISK)


def task(client: SchedulerClient, offer: Json, name: str, *resources: Json) -> Json:
    command = {"shell": True, "value": f"exec {sys.executable} {EXECUTOR}"}
    executor = {
        "type": "CUSTOM",
        "executor_id": {"value": f"executor-{name}"},
        "framework_id": client.info["id"],
        "command": command,
        "resources": [reserved("cpus", 0.1), reserved("mem", 32)],
    }
    return {
        "name": name,
        "task_id": {"value": name},
        "agent_id": offer["agent_id"],
        "resources": [reserved("cpus", 0.2), *resources],
        "executor": executor,
    }


def offer_with(client: SchedulerClient, volume: bool = False) -> Json:
    """An offer with all CPUs, and with the volume if that is asked for."""

    def wanted(offer: Json) -> bool:
        cpus = sum(r["scalar"]["value"] for r in offer["resources"] if r["name"] == "cpus")
        has_volume = any(r.get("disk", {}).get("persistence") for r in offer["resources"])
        return cpus > 3.9 and (has_volume or not volume)

    return client.offer(wanted)


def launch(client: SchedulerClient, name: str = "t1") -> Json:
    """Reserve, create the volume, launch with it; the offer that was taken."""
    offer = offer_with(client)
    operations = [
        {"type": "RESERVE", "reserve": {"resources": [reserved("cpus", 1), reserved("mem", 64), reserved("disk", 64)]}},
        {"type": "CREATE", "create": {"volumes": [VOLUME]}},
        {"type": "LAUNCH", "launch": {"task_infos": [task(client, offer, name, VOLUME)]}},
    ]
    client.call("ACCEPT", {"offer_ids": [offer["id"]], "operations": operations, "filters": {"refuse_seconds": 0.0}})
    return offer


def directory(agent: AgentProcess, client: SchedulerClient, name: str = "t1") -> Path:
    frameworks = next((agent.work_dir / "slaves").iterdir()) / "frameworks"
    framework_id: str = client.info["id"]["value"]
    return frameworks / framework_id / "executors" / f"executor-{name}" / "runs/latest"


def test_task_with_a_volume_from_offer_to_end(node: AgentProcess, scheduler: SchedulerClient) -> None:
    offer = launch(scheduler)
    running = scheduler.update("TASK_RUNNING", "t1")
    assert running["agent_id"] == offer["agent_id"]
    sandbox = directory(node, scheduler)
    assert (sandbox / "data").resolve() == node.work_dir / f"volumes/roles/{ROLE}/pv"

    ids = {"executor_id": {"value": "executor-t1"}, "agent_id": offer["agent_id"]}
    scheduler.call("MESSAGE", {**ids, "data": "aGk="})
    assert scheduler.event("MESSAGE") == {**ids, "data": "ZWNobzpoaQ=="}

    scheduler.call("KILL", {"task_id": {"value": "t1"}, "agent_id": offer["agent_id"]})
    assert scheduler.update("TASK_KILLED", "t1")["message"] == "killed by executor"
    scheduler.call("SHUTDOWN", ids)
    assert scheduler.event("FAILURE") == {**ids, "status": 0}
    assert offer_with(scheduler, volume=True)["agent_id"] == offer["agent_id"]


def test_executor_exit_reaches_the_scheduler(node: AgentProcess, scheduler: SchedulerClient) -> None:
    offer = launch(scheduler)
    scheduler.update("TASK_RUNNING", "t1")
    ids = {"executor_id": {"value": "executor-t1"}, "agent_id": offer["agent_id"]}
    scheduler.call("MESSAGE", {**ids, "data": "ZXhpdDM="})
    assert scheduler.event("FAILURE")["status"] == 768
    assert scheduler.update("TASK_FAILED", "t1")["reason"] == "REASON_EXECUTOR_TERMINATED"


def test_task_outlives_agent_and_master(
    node: AgentProcess, master_process: MasterProcess, scheduler: SchedulerClient
) -> None:
    offer = launch(scheduler)
    pid = scheduler.update("TASK_RUNNING", "t1")["container_status"]["executor_pid"]
    node.signal(signal.SIGKILL)
    node.start()
    master_process.kill()
    scheduler.close()
    master_process.start()

    def subscribed() -> bool:
        try:
            scheduler.subscribe()
        except (OSError, HTTPException):
            return False
        return True

    wait_for("the new subscription", subscribed)
    ids = {"task_id": {"value": "t1"}, "agent_id": offer["agent_id"]}

    while not scheduler.events.empty():
        scheduler.events.get()

    def reconciled() -> bool:
        # A master that has just started does not answer before the agent is back.
        scheduler.call("RECONCILE", {"tasks": [ids]})
        return "REASON_RECONCILIATION" in str(list(scheduler.events.queue))

    wait_for("an answer about the task", reconciled, 30)
    answer = scheduler.event("UPDATE", lambda u: u["status"].get("reason") == "REASON_RECONCILIATION")["status"]
    assert (answer["task_id"], answer["state"]) == ({"value": "t1"}, "TASK_RUNNING")
    scheduler.call("KILL", ids)
    killed = scheduler.event("UPDATE", lambda u: bool(u["status"]["state"] == "TASK_KILLED"))["status"]
    assert killed["container_status"]["executor_pid"] == pid


def test_reboot_of_the_machine_keeps_the_volume_for_the_next_task(
    node: AgentProcess, scheduler: SchedulerClient
) -> None:
    offer = launch(scheduler)
    scheduler.update("TASK_RUNNING", "t1")
    (directory(node, scheduler) / "data/file").write_text("kept")
    node.signal(signal.SIGKILL)
    kill_below(node.work_dir)
    node.start()
    assert scheduler.update("TASK_FAILED", "t1")["reason"] == "REASON_EXECUTOR_TERMINATED"

    again = offer_with(scheduler, volume=True)
    assert again["agent_id"] == offer["agent_id"]
    operations = [{"type": "LAUNCH", "launch": {"task_infos": [task(scheduler, again, "t2", VOLUME)]}}]
    scheduler.call("ACCEPT", {"offer_ids": [again["id"]], "operations": operations})
    scheduler.update("TASK_RUNNING", "t2")
    assert (directory(node, scheduler, "t2") / "data/file").read_text() == "kept"


def test_destroyed_volume_is_gone_from_the_disk(node: AgentProcess, scheduler: SchedulerClient) -> None:
    offer = offer_with(scheduler)
    operations = [
        {"type": "RESERVE", "reserve": {"resources": [reserved("disk", 64)]}},
        {"type": "CREATE", "create": {"volumes": [VOLUME]}},
    ]
    scheduler.call("ACCEPT", {"offer_ids": [offer["id"]], "operations": operations, "filters": {"refuse_seconds": 0.0}})
    host = node.work_dir / f"volumes/roles/{ROLE}/pv"
    wait_for("the volume", host.is_dir)
    offer = offer_with(scheduler, volume=True)
    operations = [
        {"type": "DESTROY", "destroy": {"volumes": [VOLUME]}},
        {"type": "UNRESERVE", "unreserve": {"resources": [reserved("disk", 64)]}},
    ]
    scheduler.call("ACCEPT", {"offer_ids": [offer["id"]], "operations": operations})
    wait_for("the volume's end", lambda: not host.exists())


def test_teardown_leaves_no_process(node: AgentProcess, scheduler: SchedulerClient) -> None:
    launch(scheduler)
    scheduler.update("TASK_RUNNING", "t1")
    scheduler.call("TEARDOWN", {})
    wait_for("the executor's end", lambda: not processes_below(node.work_dir))


def test_agent_that_leaves_is_unregistered(node: AgentProcess, scheduler: SchedulerClient) -> None:
    launch(scheduler)
    scheduler.update("TASK_RUNNING", "t1")
    assert node.signal(signal.SIGUSR1) == 0
    lost = scheduler.update("TASK_LOST", "t1")
    assert lost["reason"] == "REASON_AGENT_REMOVED"
    assert not processes_below(node.work_dir)


@pytest.mark.parametrize("missed_pings", [3])
def test_agent_given_up_for_lost_returns_with_its_task(node: AgentProcess, scheduler: SchedulerClient) -> None:
    launch(scheduler)
    pid = scheduler.update("TASK_RUNNING", "t1")["container_status"]["executor_pid"]
    node.signal(signal.SIGKILL)
    unreachable = scheduler.event("UPDATE", lambda u: bool(u["status"]["state"] == "TASK_UNREACHABLE"))["status"]
    assert unreachable["task_id"] == {"value": "t1"}
    node.start()
    running = scheduler.event("UPDATE", lambda u: bool(u["status"]["state"] == "TASK_RUNNING"))["status"]
    assert running["reason"] == "REASON_AGENT_REREGISTERED"
    assert Path(f"/proc/{pid}").exists()
