"""What the scheduler and the executor say to each other, as JSON: pure, and the one owner of this format.

The scheduler puts a `NodeLaunch` or a `JobLaunch` into TaskInfo.data; the executor puts a `NodeStatus` into the data
of a node's status updates and a `JobResult` into that of a job's last one. All else is framework messages, which may
get lost: who needs an answer asks again. Fields that a reader does not know are ignored, so that executors and
schedulers of neighbouring versions understand each other.
"""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from executor.json_codec import DocumentError, Reading, decode, encode

PROTOCOL_VERSION = 1

# What Cassandra 5.0.8 makes for itself: the names in org.apache.cassandra.schema.SchemaConstants, whole. A key space of
# users may begin with any of them.
LOCAL_KEY_SPACES = frozenset({"system", "system_schema"})
VIRTUAL_KEY_SPACES = frozenset({"system_views", "system_virtual_schema"})
ROLES_KEY_SPACE = "system_auth"
SHARED_KEY_SPACES = frozenset({ROLES_KEY_SPACE, "system_distributed", "system_traces"})
CASSANDRAS_KEY_SPACES = LOCAL_KEY_SPACES | VIRTUAL_KEY_SPACES | SHARED_KEY_SPACES
# What belongs to a cluster itself, and is never taken from a backup.
NEVER_RESTORED = CASSANDRAS_KEY_SPACES - {ROLES_KEY_SPACE}
# The longest names that it takes: the directory of a table has its name, a dash and its id.
KEY_SPACE_LENGTH, TABLE_LENGTH = 48, 222

T = TypeVar("T")


def is_cassandras(key_space: str) -> bool:
    """Whether nobody can make a key space of this name: Cassandra refuses its local ones in any case of letters."""
    return key_space in SHARED_KEY_SPACES or key_space.lower() in LOCAL_KEY_SPACES | VIRTUAL_KEY_SPACES


class ProtocolError(ValueError):
    """A message that is not of this format; the text says what is wrong with it."""


@dataclass(frozen=True)
class Ports:
    """The fixed ports of one Cassandra node; `jolokia` serves JMX over HTTP to the executor alone."""

    storage: int = 7000
    ssl_storage: int = 7001
    native_transport: int = 9042
    jolokia: int = 7199


@dataclass(frozen=True)
class NodeLaunch:
    """All that an executor needs to run one Cassandra node. Holds no secret: Mesos shows task data.

    `options` are cassandra.yaml keys in their 5.0 spelling; addresses, ports, directories, seeds, snitch and
    cluster name are the executor's to add. `volume` and `bundle` are paths relative to the sandbox.
    """

    node: str
    cluster_name: str
    configuration: str
    data_center: str
    rack: str
    seeds: tuple[str, ...]
    self_seed: bool  # its own address is a seed too: the first node of a cluster, or of a ring that starts again
    heap_mb: int
    ports: Ports = field(default_factory=Ports)
    options: Mapping[str, Any] = field(default_factory=dict)
    gc: str = "G1"  # G1 or SERIAL
    heap_new_mb: int | None = None
    jvm_options: tuple[str, ...] = ()
    replace_address: str | None = None
    java_home: str | None = None
    volume: str = "volume"
    bundle: str = "cassandra"
    drain_seconds: float = 60.0
    paused: bool = False  # Cassandra is not started: the volume is held, and mounted, for an operator
    version: int = PROTOCOL_VERSION


@dataclass(frozen=True)
class NodeStatus:
    """What one Cassandra node says of itself and of its peers, as seen by its executor.

    `mode` is Cassandra's operation mode (STARTING, JOINING, NORMAL, LEAVING, DECOMMISSIONED, …), UNKNOWN while it
    cannot be asked, ISOLATED where it calls itself NORMAL but has stopped its gossip, or PAUSED where it was not
    started on purpose. `error` says what is wrong, in Cassandra's own words if it has any. `live` and `unreachable`
    are the addresses of the members that this node's gossip holds for up, and of those that it holds for down;
    `doubted` those of `live` that it has not heard of for some seconds.
    `load_bytes` is what its SSTables take, `room_bytes` what is free on the disk of its volume; both are only as new
    as the last answer to a query. `most_replicas` is how many a range has at most in this data center, None while not
    known; `disregards_racks` a key space that may have several of a range in one rack, however many racks there are.
    `auth_replicas` is how many system_auth has in this data center.
    """

    mode: str
    joined: bool = False
    native_transport_running: bool = False
    gossip_initialized: bool = False
    gossip_running: bool = False
    host_id: str | None = None
    endpoint: str | None = None
    token_count: int = 0
    data_center: str | None = None
    rack: str | None = None
    version: str | None = None
    schema: str | None = None
    live: tuple[str, ...] = ()
    unreachable: tuple[str, ...] = ()
    pid: int | None = None
    error: str | None = None
    load_bytes: int | None = None
    room_bytes: int | None = None
    most_replicas: int | None = None
    disregards_racks: str | None = None
    auth_replicas: int | None = None
    doubted: tuple[str, ...] = ()


@dataclass(frozen=True)
class StatusQuery:
    """Scheduler to executor: tell me your status now. `id` comes back in the reply."""

    id: str


@dataclass(frozen=True)
class StatusReply:
    """Executor to scheduler: the answer to the query of that id (empty: unasked)."""

    id: str
    node: str
    task_id: str
    status: NodeStatus


@dataclass(frozen=True)
class JobLaunch:
    """One maintenance job, run beside the node's Cassandra by the same executor. Holds no secret: see `SecretQuery`.

    `job` names an entry of the executor's table of jobs, `parameters` are that job's own. `node_task_id` is the task
    of the Cassandra that it is meant for: an executor that runs another one refuses. `operation` is the same for all
    jobs of one operation and for every attempt, so that an attempt takes up what an earlier one did. `tuning` holds
    what may be changed while the job runs.
    """

    job: str
    operation: str
    node: str
    node_task_id: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    tuning: Mapping[str, Any] = field(default_factory=dict)
    secret: bool = False  # whether the scheduler holds secrets for it
    version: int = PROTOCOL_VERSION


@dataclass(frozen=True)
class JobProgress:
    """How far a job is. `done` and `total` count by unit: bytes, files, tables, ranges, rows, objects.

    `doing` says what it is at and `waiting` why it does not go on, if so. `rate` is in bytes per second.
    """

    doing: str = ""
    waiting: str = ""
    done: Mapping[str, float] = field(default_factory=dict)
    total: Mapping[str, float] = field(default_factory=dict)
    percent: float | None = None
    rate: float | None = None
    seconds_left: float | None = None
    tuning: Mapping[str, Any] = field(default_factory=dict)  # as in force


@dataclass(frozen=True)
class JobResult:
    """How a job ended: its last progress, what it found (small: it is stored in ZooKeeper), and why it failed.

    `hopeless` says that another attempt would fail alike, so that none is made until an operator asks for it.
    """

    progress: JobProgress = field(default_factory=JobProgress)
    result: Mapping[str, Any] = field(default_factory=dict)
    error: str = ""
    hopeless: bool = False


@dataclass(frozen=True)
class JobReport:
    """Executor to scheduler, unasked, every few seconds while a job runs."""

    task_id: str
    progress: JobProgress


@dataclass(frozen=True)
class JobTuning:
    """Scheduler to executor: use these values from now on."""

    task_id: str
    values: Mapping[str, Any]


@dataclass(frozen=True)
class SecretQuery:
    """Executor to scheduler: give me the secrets of this job."""

    task_id: str


@dataclass(frozen=True)
class SecretReply:
    """Scheduler to executor: the secrets by name, or the reason why there are none. Never logged."""

    task_id: str
    values: Mapping[str, str] = field(default_factory=dict, repr=False)
    problem: str = ""


@dataclass(frozen=True)
class Question:
    """Scheduler to executor: something that only a node can find out, such as the schema or what a bucket holds."""

    id: str
    subject: str
    content: Mapping[str, Any] = field(default_factory=dict, repr=False)  # may hold secrets


@dataclass(frozen=True)
class Answer:
    """Executor to scheduler: the answer to the question of that id.

    `problem` says why there is none; `kind` is then "unknown" (what was asked for does not exist), "invalid" (the
    question makes no sense, or is refused: bad credentials) or "failed".
    """

    id: str
    node: str
    task_id: str
    content: Mapping[str, Any] = field(default_factory=dict)
    kind: str = ""
    problem: str = ""


Message = (
    StatusQuery | StatusReply | JobReport | JobTuning | SecretQuery | SecretReply | Question | Answer
)  # fmt: skip

_MESSAGES: dict[str, type[Any]] = {
    "status?": StatusQuery,
    "status": StatusReply,
    "job": JobReport,
    "tune": JobTuning,
    "secret?": SecretQuery,
    "secret": SecretReply,
    "question": Question,
    "answer": Answer,
}


def encode_launch(launch: NodeLaunch) -> str:
    """Return TaskInfo.data of a node: base64 of JSON."""
    return _encode(encode(launch))


def parse_launch(data: str) -> NodeLaunch:
    """Return the launch of a node, the reverse of `encode_launch`; raise ProtocolError also for another version."""
    return _node_launch(_versioned(data))


def encode_job(launch: JobLaunch) -> str:
    """Return TaskInfo.data of a job: base64 of JSON."""
    return _encode(encode(launch))


def parse_task(data: str) -> NodeLaunch | JobLaunch:
    """Return the launch in TaskInfo.data, the reverse of `encode_launch` and `encode_job`; raise ProtocolError."""
    document = _versioned(data)
    return _build(JobLaunch, document) if "job" in document else _node_launch(document)


def encode_result(result: JobResult) -> str:
    """Return TaskStatus.data of a job's last update: base64 of JSON."""
    return _encode(encode(result))


def parse_result(data: str) -> JobResult:
    """Return the result of a job, the reverse of `encode_result`; raise ProtocolError."""
    document = _decode(data)
    _require_object(document, "progress")
    return _build(JobResult, document)


def encode_status(status: NodeStatus) -> str:
    """Return TaskStatus.data of a node: base64 of JSON."""
    return _encode(encode(status))


def parse_status(data: str) -> NodeStatus:
    """Return the status of a node, the reverse of `encode_status`; raise ProtocolError."""
    return _share_texts(_build(NodeStatus, _decode(data)))


def encode_message(message: Message) -> str:
    """Return MESSAGE.data: base64 of JSON with the message's kind under `type`."""
    kind = next(name for name, cls in _MESSAGES.items() if isinstance(message, cls))
    return _encode({"type": kind, **encode(message)})


def parse_message(data: str) -> Message:
    """Return the message, the reverse of `encode_message`; raise ProtocolError."""
    document = _decode(data)
    cls = _MESSAGES.get(str(document.get("type")))
    if cls is None:
        raise ProtocolError(f"unknown message type {document.get('type')!r}")
    message: Message = _build(cls, document)
    return replace(message, status=_share_texts(message.status)) if isinstance(message, StatusReply) else message


def _versioned(data: str) -> dict[str, Any]:
    document = _decode(data)
    version = document.get("version")
    if version != PROTOCOL_VERSION:
        raise ProtocolError(f"launch data has version {version!r}, this executor knows {PROTOCOL_VERSION}")
    return document


def _node_launch(document: Mapping[str, Any]) -> NodeLaunch:
    _require_object(document, "ports")
    return _build(NodeLaunch, document)


def _share_texts(status: NodeStatus) -> NodeStatus:
    """Return the status with one copy of each address: every node of a ring names every other."""
    return replace(status, live=_shared(status.live), unreachable=_shared(status.unreachable))


def _shared(texts: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sys.intern(str(text)) for text in texts)


def _encode(document: Mapping[str, Any]) -> str:
    return base64.b64encode(json.dumps(document, sort_keys=True).encode()).decode()


def _decode(data: str) -> dict[str, Any]:
    try:
        document = json.loads(base64.b64decode(data, validate=True))
    except ValueError as error:
        raise ProtocolError(f"not base64 of JSON: {error}") from error
    if not isinstance(document, dict):
        raise ProtocolError("not a JSON object")
    return document


def _require_object(document: Mapping[str, Any], key: str) -> None:
    """Raise ProtocolError for a field that has a default, but that every version writes."""
    if not isinstance(document.get(key), dict):
        raise ProtocolError(f"{key} is not an object")


def _build(cls: type[T], document: Mapping[str, Any]) -> T:
    try:
        return decode(cls, document, reading=Reading.TOLERANT)
    except DocumentError as error:
        raise ProtocolError(f"{cls.__name__}: {error}") from error
