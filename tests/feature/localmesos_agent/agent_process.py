"""A real agent process for tests, and the tasks they give it."""

import base64
import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import psutil

from tests.ports import free_port
from tests.waiting import patient

Json = dict[str, Any]

ROOT = Path(__file__).resolve().parents[3]
EXECUTOR = Path(__file__).with_name("small_executor.py")
FRAMEWORK: Json = {
    "id": {"value": "framework-0000"},
    "name": "test",
    "user": "root",
    "checkpoint": True,
    "roles": ["role"],
    "capabilities": [{"type": "PARTITION_AWARE"}, {"type": "MULTI_ROLE"}, {"type": "RESERVATION_REFINEMENT"}],
}


class AgentProcess:
    """``python -m localmesos.agent.main``; ``stop`` in the end kills its executors, too."""

    def __init__(self, work_dir: Path, master: str, *options: str) -> None:
        self.ip = "127.0.0.2"
        self.port = free_port(self.ip)
        self.work_dir = work_dir
        self.master = master
        self.options = options
        self.process: subprocess.Popen[str] | None = None
        self.start()

    def start(self, *more: str) -> None:
        command = [sys.executable, "-m", "localmesos.agent.main", "--ip", self.ip, "--port", str(self.port)]
        command += ["--master", self.master, "--work-dir", str(self.work_dir), "--attributes", "rack:r1"]
        command += ["--resources", "cpus:4;mem:1024;disk:2048;ports:[31000-31099]"]
        command += ["--executor-shutdown-grace-period", "1", "--status-update-retry", "0.3"]
        if self.process is not None:
            # Mesos' two seconds are not enough for an executor that gets no processor meanwhile.
            command += ["--executor-reregistration-timeout", "20secs"]
        command += [*self.options, *more]
        self.work_dir.mkdir(parents=True, exist_ok=True)
        with (self.work_dir / "agent.log").open("a") as log:
            self.process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=log, text=True)
        assert self.process.stdout is not None
        if not self.process.stdout.readline().startswith("agent ready"):
            raise AssertionError(f"agent ended with status {self.wait()}: {self.log()}")

    def log(self) -> str:
        return (self.work_dir / "agent.log").read_text()

    def signal(self, number: signal.Signals) -> int:
        """Send a signal and wait for the end; exit status."""
        assert self.process is not None
        self.process.send_signal(number)
        return self.wait()

    def wait(self) -> int:
        assert self.process is not None
        assert self.process.stdout is not None
        status = self.process.wait(patient(15))
        self.process.stdout.close()
        return status

    def get(self, path: str) -> Any:
        """JSON answer of a GET, or None for an empty one."""
        status, body = self.request("GET", path)
        assert status == 200, (status, body)
        return json.loads(body) if body else None

    def request(self, method: str, path: str, body: str | None = None, **headers: str) -> tuple[int, str]:
        connection = HTTPConnection(self.ip, self.port, timeout=patient(10))
        try:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, body, named)
            response = connection.getresponse()
            return response.status, response.read().decode()
        finally:
            connection.close()

    def has_clients(self) -> bool:
        """Return whether anybody has a connection to its port, such as an executor."""
        assert self.process is not None
        connections = psutil.Process(self.process.pid).net_connections("tcp")
        return any(item.status != psutil.CONN_LISTEN and item.laddr.port == self.port for item in connections)

    def sandbox(self, executor_id: str = "e1") -> Path:
        executors = self.work_dir / "slaves/agent-S0/frameworks/framework-0000/executors"
        return executors / executor_id / "runs/latest"

    def events(self, kind: str, executor_id: str = "e1") -> list[Json]:
        """Return the small executor's notes of this kind."""
        path = self.sandbox(executor_id) / "events"
        lines = path.read_text().splitlines() if path.exists() else []
        return [event for event in map(json.loads, lines) if event["type"] == kind]

    def stop(self) -> None:
        """Kill agent and executors, whatever state they are in."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.wait()
        kill_below(self.work_dir)


def kill_below(work_dir: Path) -> None:
    """Send SIGKILL to the processes whose sandbox is below the directory; each may end by itself meanwhile."""
    for pid in processes_below(work_dir):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def processes_below(work_dir: Path) -> list[int]:
    """Return the processes whose sandbox is below the directory."""
    marker = f"MESOS_SANDBOX={work_dir}/".encode()
    found = []
    for path in Path("/proc").iterdir():
        try:
            if path.name.isdigit() and marker in (path / "environ").read_bytes():
                found.append(int(path.name))
        except OSError:
            continue
    return found


def base64_text(text: str) -> str:
    """Return a text in Mesos' JSON format of bytes."""
    return base64.b64encode(text.encode()).decode()


def make_volume(role: str = "role", identifier: str = "pv1", path: str = "data", **source: object) -> Json:
    """Return a persistent volume in a dynamic reservation."""
    disk: Json = {"persistence": {"id": identifier}, "volume": {"mode": "RW", "container_path": path}, **source}
    reservations = [{"type": "DYNAMIC", "role": role, "principal": "p"}]
    return {"name": "disk", "type": "SCALAR", "scalar": {"value": 64}, "disk": disk, "reservations": reservations}


def custom_task(task_id: str = "t1", executor_id: str = "e1", **executor: Any) -> Json:
    """RUN_TASK with the small executor; `executor` goes into its ExecutorInfo, `command` into that one's command."""
    command = {"shell": True, "value": f"exec {sys.executable} {EXECUTOR}", **executor.pop("command", {})}
    info = {
        "type": "CUSTOM",
        "executor_id": {"value": executor_id},
        "framework_id": FRAMEWORK["id"],
        "command": command,
        "name": "small",
        **executor,
    }
    task = {
        "name": task_id,
        "task_id": {"value": task_id},
        "agent_id": {"value": "agent-S0"},
        "resources": [{"name": "cpus", "type": "SCALAR", "scalar": {"value": 0.1}}],
        "executor": info,
        "data": "dGFzay1kYXRh",
    }
    return {"framework": FRAMEWORK, "task": task, "executor_info": info, "launch_executor": True}


def command_task(value: str, task_id: str = "c1", **task: Any) -> Json:
    """RUN_TASK of a plain command; `task` goes into its TaskInfo, `command` into its CommandInfo."""
    info = {
        "executor_id": {"value": task_id},
        "framework_id": FRAMEWORK["id"],
        "name": f"Command Executor (Task: {task_id}) (Command: sh -c '{value}')",
        "source": task_id,
        "command": {"shell": True, "value": value},
    }
    described = {
        "name": task_id,
        "task_id": {"value": task_id},
        "agent_id": {"value": "agent-S0"},
        "resources": [{"name": "cpus", "type": "SCALAR", "scalar": {"value": 0.1}}],
        "command": {"shell": True, "value": value, **task.pop("command", {})},
        **task,
    }
    return {"framework": FRAMEWORK, "task": described, "executor_info": info, "launch_executor": True}
