"""A make-believe Cassandra: processes that start, join and see each other, with the rules that a real ring enforces."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from executor.certificate_messages import CertificateFacts
from executor.jmx.replication import Replication
from executor.jmx.status import with_replication
from executor.protocol import NodeLaunch, NodeStatus
from scheduler.core.nodes import side_by_side

PATIENCE = 3  # steps without a peer until a process gives up


@dataclass
class Data:
    """The content of one volume."""

    host_id: str | None = None
    member: bool = False
    replaced: bool = False  # another node has its tokens
    left: bool = False  # it has handed them to the others
    given_up: bool = False  # nobody wants it any more
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
    unreachable: tuple[str, ...] = ()
    last_words: str = ""
    cut: bool = False  # no peer hears of it
    certificate: CertificateFacts | None = None
    plain_clients: tuple[str, ...] | None = None
    uncertified_clients: tuple[str, ...] | None = None
    # What it said last: of what, and the status.
    said: tuple[tuple[object, ...], NodeStatus] | None = None

    def state(self) -> tuple[object, ...]:
        """Return all that its status is made of."""
        return (
            self.mode, self.native, self.data.host_id, self.address, self.schema, self.view, self.unreachable,
            self.certificate, self.plain_clients, self.uncertified_clients, self.launch,
        )  # fmt: skip

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
            unreachable=self.unreachable,
            load_bytes=100 * 1024 * 1024,
            room_bytes=10 * 1024 * 1024 * 1024,
            certificate=self.certificate,
            plain_clients=self.plain_clients,
            uncertified_clients=self.uncertified_clients,
        )


def stage_of(launch: NodeLaunch) -> str:
    """Return the stage of authentication with which a node was launched."""
    name = str(launch.options.get("authenticator", ""))
    return "transitional" if "Transitional" in name else "on" if name == "PasswordAuthenticator" else "off"


@dataclass
class Ring:
    """All processes, by task id; `violations` are the things that no scheduler may bring about."""

    new_id: Callable[[], str]
    processes: dict[str, Process] = field(default_factory=dict)
    members: set[str] = field(default_factory=set)  # host ids that have ever been NORMAL
    homes: dict[str, Data] = field(default_factory=dict)  # by address: who was NORMAL there last
    owners: dict[str, Data] = field(default_factory=dict)  # by node: whose tokens it has
    violations: list[str] = field(default_factory=list)
    replication: Replication = field(default_factory=lambda: Replication(3, ()))
    silent: tuple[str, ...] = ()  # clients without credentials
    refused: tuple[str, ...] = ()  # clients with wrong ones
    superusers: bool = False  # are made
    sign: Callable[[], CertificateFacts] | None = None  # as the scheduler signs at present

    def status(self, process: Process) -> NodeStatus:
        """Return a process' status of itself and of the schema that all have; the same value while nothing changes."""
        state = (*process.state(), self.replication, self.silent, self.refused)
        if process.said is None or process.said[0] != state:
            process.said = state, self._status(process)
        return process.said[1]

    def _status(self, process: Process) -> NodeStatus:
        status = with_replication(process.status(), self.replication)
        if stage_of(process.launch) != "transitional":
            return status
        return replace(status, silent_clients=self.silent, refused_clients=self.refused)

    def _check_logins(self, process: Process) -> None:
        """Note a node that refuses clients which others let in without a question, or that has no superuser."""
        if stage_of(process.launch) != "on" or not self.members:
            return
        off = [item.launch.node for item in self.processes.values() if stage_of(item.launch) == "off"]
        if off:
            self.violations.append(f"{process.launch.node} enforces authentication, and {off} do not know it")
        if not self.superusers:
            self.violations.append(f"{process.launch.node} enforces authentication without a superuser")

    def start(self, process: Process) -> None:
        self.processes[process.task_id] = process
        self._check_logins(process)
        if process.launch.paused:
            process.mode = "PAUSED"
            return
        if process.launch.encryption != "off":
            self.certify(process)
            process.plain_clients = () if process.launch.encryption == "optional" else None
        if process.launch.client_certificates == "optional":
            process.uncertified_clients = ()
        if process.launch.self_seed and self.members and not process.data.member:
            self.violations.append(f"{process.launch.node} begins a second cluster")
        if process.data.replaced:
            self.violations.append(f"{process.launch.node} is started with data that was replaced")
        owner = self.owners.get(process.launch.node)
        if (
            owner is not None
            and not owner.left
            and owner is not process.data
            and process.launch.replace_address is None
        ):
            self.violations.append(f"{process.launch.node} would join as another node, not as its own replacement")
        if not process.data.member and process.address in process.launch.seeds:
            self.violations.append(f"{process.launch.node} would join without data: it is among its own seeds")

    def certify(self, process: Process) -> None:
        """Give a process the certificate that it would get now, proven on its ports."""
        process.certificate = None if self.sign is None else self.sign()

    def stop(self, task_id: str) -> None:
        self.processes.pop(task_id, None)

    def step(self) -> list[Process]:
        """Let time pass for every process; returns those that died by themselves."""
        died: list[Process] = []
        talking = [
            process for process in self.processes.values() if process.mode in ("JOINING", "NORMAL") and not process.cut
        ]
        view = tuple(sorted(peer.address for peer in talking))
        for process in list(self.processes.values()):
            process.view = (process.address,) if process.cut else view
            gone = (address for address, data in self.homes.items() if data.member and not (data.left or data.replaced))
            process.unreachable = tuple(sorted(set(gone) - {*process.view, process.address}))
            process.age += 1
            if process.data.left and process.mode == "NORMAL":
                self._leave(process)
            if process.mode == "STARTING":
                self._begin(process, died)
            elif process.mode == "JOINING" and process.age >= 2 and not process.cut:
                self._finish(process, died)
            elif process.mode == "NORMAL":
                process.native = True
                process.schema = "common"
        for process in died:
            self.stop(process.task_id)
        return died

    def _leave(self, process: Process) -> None:
        process.mode = "DECOMMISSIONED"
        process.native = False
        self.members.discard(process.data.host_id or "")
        if self.owners.get(process.launch.node) is process.data:
            del self.owners[process.launch.node]

    def _begin(self, process: Process, died: list[Process]) -> None:
        if process.data.left:
            process.last_words = "This node was decommissioned and will not rejoin the ring unless it is overridden"
            died.append(process)
            return
        heard = [peer for peer in self.processes.values() if peer is not process and not peer.cut]
        others = {peer.address for peer in heard if peer.mode == "NORMAL"}
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
        if process.launch.replace_address in others:
            process.last_words = "Cannot replace a live node"
            died.append(process)
            return
        if any(peer.mode == "JOINING" for peer in heard) and not self._may_pair(process):
            self.violations.append(f"{process.launch.node} joins while another node does")
        process.mode = "JOINING"

    def _may_pair(self, process: Process) -> bool:
        """Return whether Cassandra lets it join beside another one, and one member alone can send them data."""
        return set(side_by_side.JVM_OPTIONS) <= set(process.launch.jvm_options) and len(self.members) == 1

    def _finish(self, process: Process, died: list[Process]) -> None:
        gone = self.homes.get(process.launch.replace_address or "")
        if not process.data.member and gone is not None and gone.replaced:
            process.last_words = f"Cannot replace_address {process.launch.replace_address}: it is not in gossip"
            died.append(process)
            return
        process.mode, process.age, process.data.member = "NORMAL", 0, True
        process.data.host_id = process.data.host_id or self.new_id()
        self.members.add(process.data.host_id)
        old = self.owners.get(process.launch.node)
        if old is not None and not old.left and old is not process.data:
            old.replaced = True
            if self.homes.get(process.launch.replace_address or "") is not old:
                self.violations.append(f"{process.launch.node} replaces {process.launch.replace_address}, not itself")
        self.owners[process.launch.node] = self.homes[process.address] = process.data
