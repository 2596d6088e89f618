"""A make-believe Cassandra: processes that start, join and see each other, with the rules that a real ring enforces."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from executor.protocol import NodeLaunch, NodeStatus

PATIENCE = 3  # steps without a peer until a process gives up


@dataclass
class Data:
    """What lies on one volume."""

    host_id: str | None = None
    member: bool = False
    snapshots: set[str] = field(default_factory=set)


@dataclass
class Process:
    """One running Cassandra; `view` is what its gossip holds, one step behind the truth."""

    task_id: str
    address: str
    launch: NodeLaunch
    data: Data
    mode: str = "STARTING"
    age: int = 0
    native: bool = False
    schema: str = "new"
    view: tuple[str, ...] = ()
    last_words: str = ""

    def status(self) -> NodeStatus:
        return NodeStatus(
            mode=self.mode,
            joined=self.mode == "NORMAL",
            native_transport_running=self.native,
            gossip_initialized=self.mode != "STARTING",
            gossip_running=self.mode != "STARTING",
            host_id=self.data.host_id,
            endpoint=self.address,
            schema=self.schema,
            live=self.view,
        )


@dataclass
class Ring:
    """All processes, by task id; `violations` are the things that no scheduler may bring about."""

    new_id: Callable[[], str]
    processes: dict[str, Process] = field(default_factory=dict)
    members: set[str] = field(default_factory=set)  # host ids that have ever been NORMAL
    violations: list[str] = field(default_factory=list)

    def start(self, process: Process) -> None:
        self.processes[process.task_id] = process
        if process.launch.self_seed and self.members and not process.data.member:
            self.violations.append(f"{process.launch.node} begins a second cluster")
        if not process.data.member and process.address in process.launch.seeds:
            self.violations.append(f"{process.launch.node} would join without data: it is among its own seeds")

    def stop(self, task_id: str) -> None:
        self.processes.pop(task_id, None)

    def step(self) -> list[Process]:
        """Let time pass for every process; returns those that died by themselves."""
        died: list[Process] = []
        talking = [process for process in self.processes.values() if process.mode in ("JOINING", "NORMAL")]
        for process in list(self.processes.values()):
            process.view = tuple(sorted(peer.address for peer in talking))
            process.age += 1
            if process.mode == "STARTING":
                self._begin(process, died)
            elif process.mode == "JOINING" and process.age >= 2:
                self._finish(process)
            elif process.mode == "NORMAL":
                process.native = True
                process.schema = "common"
        for process in died:
            self.stop(process.task_id)
        return died

    def _begin(self, process: Process, died: list[Process]) -> None:
        others = {peer.address for peer in self.processes.values() if peer is not process and peer.mode == "NORMAL"}
        alone = process.launch.self_seed or (process.data.member and process.address in process.launch.seeds)
        meets = others if process.data.member else others & set(process.launch.seeds)
        if not alone and not meets:
            if process.age >= PATIENCE:
                process.last_words = "Unable to gossip with any peers"
                died.append(process)
            return
        process.age = 0
        if process.data.member:
            process.mode = "NORMAL"
            return
        if any(peer.mode == "JOINING" for peer in self.processes.values()):
            self.violations.append(f"{process.launch.node} joins while another node does")
        process.mode = "JOINING"

    def _finish(self, process: Process) -> None:
        process.mode, process.age, process.data.member = "NORMAL", 0, True
        process.data.host_id = process.data.host_id or self.new_id()
        self.members.add(process.data.host_id)
