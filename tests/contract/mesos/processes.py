"""localmesos' own processes as the recordings' cluster had them: a master on 127.0.0.1, agents on 127.0.0.2 and .3."""

import json
import os
import signal
import socket
import subprocess
import sys
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from tests.ports import free_port
from tests.waiting import patient, wait_for

ROOT = Path(__file__).parents[3]
RESOURCES = "cpus:4;mem:4096;disk:20480;ports:[7000-7001,7199-7199,9042-9042,9160-9160,31000-32000]"
READY_SECONDS = 20.0


def get(host: str, port: int, path: str, headers: dict[str, str] | None = None) -> Any:
    """JSON of a GET."""
    connection = HTTPConnection(host, port, timeout=patient(10))
    try:
        connection.request("GET", path, headers=headers or {})
        return json.loads(connection.getresponse().read())
    finally:
        connection.close()


def operator_call(host: str, port: int, call: object) -> Any:
    """JSON of a call of the operator API."""
    connection = HTTPConnection(host, port, timeout=patient(10))
    try:
        connection.request("POST", "/api/v1", json.dumps(call), {"Content-Type": "application/json"})
        return json.loads(connection.getresponse().read())
    finally:
        connection.close()


def answers(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), patient(1)).close()
    except OSError:
        return False
    return True


def leads(host: str, port: int) -> bool:
    """Return whether the master there answers for itself."""
    connection = HTTPConnection(host, port, timeout=patient(10))
    try:
        connection.request("GET", "/state")
        return connection.getresponse().status == 200
    finally:
        connection.close()


@dataclass
class Cluster:
    """Processes by name: ``master``, ``agent 1`` and so on; the options are more of their command lines.

    `headers` say who reads, where a master asks for that.
    """

    directory: Path
    master_options: tuple[str, ...] = ()
    agent_options: tuple[str, ...] = ()
    master_ip: str = "127.0.0.1"
    master_port: int = field(default_factory=lambda: free_port("127.0.0.1"))
    resources: str = RESOURCES
    attributes: str = "rack:r{0};zone:z{0}"
    headers: dict[str, str] = field(default_factory=dict)
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    agent_ports: dict[int, int] = field(default_factory=dict)

    def _start(self, name: str, *arguments: str) -> None:
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        with (self.directory / f"{name.replace(' ', '-')}.log").open("ab") as log:
            command = [sys.executable, "-m", "localmesos", *arguments]
            self.processes[name] = subprocess.Popen(command, stdout=log, stderr=log, env=environment)

    def start_master(self) -> None:
        self.start_another_master("master", self.master_ip, self.master_port)

    def start_another_master(self, name: str, ip: str, port: int) -> None:
        where = ("--ip", ip, "--port", str(port), "--work-dir", str(self.directory / name.replace(" ", "-")))
        self._start(name, "master", *where, *self.master_options)
        wait_for("the master listens", lambda: answers(ip, port), READY_SECONDS)

    def start_agent(self, number: int, master: str | None = None) -> None:
        ip = f"127.0.0.{number + 1}"
        port = self.agent_ports.setdefault(number, free_port(ip))
        self._start(
            f"agent {number}",
            *("agent", "--ip", ip, "--port", str(port), "--hostname", ip, "--resources", self.resources),
            *("--master", master or f"{self.master_ip}:{self.master_port}"),
            *("--work-dir", str(self.directory / f"agent-{number}")),
            *("--attributes", self.attributes.format(number)),
            *self.agent_options,
        )

    def agent_ids(self) -> dict[str, str]:
        """Ids of the registered, connected agents by hostname."""
        agents = get(self.master_ip, self.master_port, "/slaves", self.headers)["slaves"]
        return {agent["hostname"]: agent["id"] for agent in agents if agent["active"]}

    def ending_executors(self) -> set[str]:
        """Ids of executors whose tasks have all ended while they have not."""
        states = [get(f"127.0.0.{number + 1}", port, "/state") for number, port in self.agent_ports.items()]
        executors = [executor for state in states for item in state["frameworks"] for executor in item["executors"]]
        return {one["id"] for one in executors if not one["tasks"] and not one["queued_tasks"]}

    def wait_agents(self, count: int) -> None:
        wait_for(f"{count} agents are registered", lambda: len(self.agent_ids()) == count, READY_SECONDS)

    def start(self, agents: int = 2) -> "Cluster":
        """All, agents one after the other, so that their ids are in order."""
        self.start_master()
        for number in range(1, agents + 1):
            self.start_agent(number)
            self.wait_agents(number)
        return self

    def signal(self, name: str, number: int) -> None:
        self.processes[name].send_signal(number)

    def kill(self, name: str) -> None:
        """Send SIGKILL and wait."""
        process = self.processes.pop(name)
        process.kill()
        process.wait(patient(10))

    def stop(self) -> None:
        """End agents with their executors, then the master; and executors that lost their agent."""
        for name, process in self.processes.items():
            if not name.startswith("master") and process.poll() is None:
                process.send_signal(signal.SIGUSR1)
        for name in sorted(self.processes):
            process = self.processes[name]
            if name.startswith("master"):
                process.terminate()
            try:
                process.wait(patient(10))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(patient(10))
        for pid in self._in_sandboxes():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass

    def _in_sandboxes(self) -> list[int]:
        """Return the processes whose working directory is below this cluster's directory."""
        found = []
        for entry in Path("/proc").iterdir():
            try:
                inside = entry.name.isdigit() and (entry / "cwd").readlink().is_relative_to(self.directory)
            except OSError:
                continue
            if inside:
                found.append(int(entry.name))
        return found
