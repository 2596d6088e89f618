"""The messages between scheduler and executor, as JSON: pure, and the one owner of this format.

The scheduler puts a `NodeLaunch` or a `JobLaunch` into TaskInfo.data. The executor puts a `NodeStatus` into the data
of a node's status updates and a `JobResult` into that of a job's last one. All other values are framework messages,
which can get lost: a sender that needs an answer repeats its query. A reader ignores fields that it does not know.
"""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from executor.certificate_messages import CertificateCall, CertificateFacts, CertificateQuery, CertificateReply
from executor.figures import Figures
from executor.json_codec import ADDED, DocumentError, Reading, decode, encode
from executor.untrusted import parse_json

PROTOCOL_VERSION = 1

# The secrets of a job or question that are keys of backups, each followed by a dot and its number from 0 on.
BACKUP_SIGNING_KEY, BACKUP_WRAPPING_KEY = "backup_signing_key", "backup_wrapping_key"

T = TypeVar("T")


class ProtocolError(ValueError):
    """A message in another format; the text gives the problem."""


@dataclass(frozen=True)
class Ports:
    """The fixed ports of one Cassandra node; `jolokia` serves JMX over HTTP, to the executor alone."""

    storage: int = 7000
    ssl_storage: int = 7001
    native_transport: int = 9042
    jolokia: int = 7199


@dataclass(frozen=True)
class NodeLaunch:
    """The parameters of one Cassandra node's launch. It holds no secret, since Mesos shows task data.

    `options` are cassandra.yaml keys in their 5.0 spelling; the executor adds addresses, ports, directories, seeds,
    snitch and cluster name. `volume` and `bundle` are paths relative to the sandbox.
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
    paused: bool = False  # Cassandra is not started; the volume is locked and mounted for an operator
    encryption: str = "off"  # of both transports: off, optional or required
    client_certificates: str = field(default="off", metadata=ADDED)  # of CQL: off, optional or required
    client_authorities: str = field(default="", metadata=ADDED)  # of these certificates, as PEM
    version: int = PROTOCOL_VERSION


@dataclass(frozen=True)
class NodeStatus:
    """The state of one Cassandra node and its view of its peers, as its executor sees it.

    `mode` is Cassandra's operation mode (STARTING, JOINING, NORMAL, LEAVING, DECOMMISSIONED, …) or one of ours:

    - UNKNOWN while Cassandra does not answer,
    - ISOLATED if it reports NORMAL but has stopped its gossip,
    - PAUSED if an operator's command keeps it from being started.

    `error` is the cause, in Cassandra's own words if there are any. `live` and `unreachable` are the addresses of the
    members that this node's gossip sees as up, and as down. `doubted` are those of `live` without a gossip message for
    some seconds. `load_bytes` is the size of its SSTables, `room_bytes` the free space on the disk of its volume; both
    are as old as the last answer to a query. `most_replicas` is the largest number of replicas of a range in this data
    center, None while unknown. `disregards_racks` is a keyspace that can have several replicas of a range in one rack,
    however many racks there are. `auth_replicas` is the number of replicas of system_auth in this data center.
    `silent_clients` are clients that sent no credentials when a node asked for them, `refused_clients` those that a
    node with authentication and authorization would refuse; None unless these are transitional. `plain_clients` are
    clients without TLS, `uncertified_clients` those without a certificate; None unless these are optional. `figures`
    are in replies to queries alone, since an agent keeps updates until they are stored.
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
    silent_clients: tuple[str, ...] | None = None
    refused_clients: tuple[str, ...] | None = None
    certificate: CertificateFacts | None = None
    plain_clients: tuple[str, ...] | None = None
    uncertified_clients: tuple[str, ...] | None = field(default=None, metadata=ADDED)
    figures: Figures | None = None


@dataclass(frozen=True)
class StatusQuery:
    """Scheduler to executor: request the node's status. `id` is repeated in the reply."""

    id: str


@dataclass(frozen=True)
class StatusReply:
    """Executor to scheduler: the answer to the query with that id, which is empty for an unsolicited report."""

    id: str
    node: str
    task_id: str
    status: NodeStatus
    clock: float = 0.0  # of the agent's machine, in seconds since the epoch; 0 from earlier versions


@dataclass(frozen=True)
class JobLaunch:
    """One maintenance job, run beside the node's Cassandra by the same executor. It holds no secret: see `SecretQuery`.

    `job` names an entry of the executor's table of jobs, `parameters` are that job's own. `node_task_id` is the task
    of the Cassandra that the job is for: an executor that runs another one refuses it. `operation` is the same for all
    jobs of one operation and for every attempt, so that an attempt continues the earlier ones' work. `tuning` holds
    the values that an operator can change while the job runs.
    """

    job: str
    operation: str
    node: str
    node_task_id: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    tuning: Mapping[str, Any] = field(default_factory=dict)
    secret: bool = False  # true if the scheduler holds secrets for it
    version: int = PROTOCOL_VERSION


@dataclass(frozen=True)
class JobProgress:
    """The progress of a job. `done` and `total` count by unit: bytes, files, tables, ranges, rows, objects.

    `doing` names the current work, `waiting` the reason of a wait, if any. `rate` is in bytes per second.
    """

    doing: str = ""
    waiting: str = ""
    done: Mapping[str, float] = field(default_factory=dict)
    total: Mapping[str, float] = field(default_factory=dict)
    percent: float | None = None
    rate: float | None = None
    seconds_left: float | None = None
    tuning: Mapping[str, Any] = field(default_factory=dict)  # the values in force


@dataclass(frozen=True)
class JobResult:
    """The end of a job: its last progress, its result (small, since ZooKeeper stores it), and the cause of a failure.

    If `hopeless`, another attempt would fail alike: the scheduler makes none until an operator orders it.
    """

    progress: JobProgress = field(default_factory=JobProgress)
    result: Mapping[str, Any] = field(default_factory=dict)
    error: str = ""
    hopeless: bool = False


@dataclass(frozen=True)
class JobReport:
    """Executor to scheduler, unsolicited, every few seconds while a job runs."""

    task_id: str
    progress: JobProgress


@dataclass(frozen=True)
class JobTuning:
    """Scheduler to executor: use these values from now on."""

    task_id: str
    values: Mapping[str, Any]


@dataclass(frozen=True)
class SecretQuery:
    """Executor to scheduler: request the secrets of this job."""

    task_id: str


@dataclass(frozen=True)
class SecretReply:
    """Scheduler to executor: the secrets by name, or the reason for their absence. Never logged."""

    task_id: str
    values: Mapping[str, str] = field(default_factory=dict, repr=False)
    problem: str = ""


@dataclass(frozen=True)
class Question:
    """Scheduler to executor: a query that only a node can answer, such as for the schema or a bucket's content."""

    id: str
    subject: str
    content: Mapping[str, Any] = field(default_factory=dict, repr=False)  # can hold secrets


@dataclass(frozen=True)
class Answer:
    """Executor to scheduler: the answer to the question with that id.

    `problem` is the cause if there is no answer. `kind` is then "unknown" (the requested thing does not exist),
    "invalid" (the question makes no sense, or is refused: bad credentials) or "failed".
    """

    id: str
    node: str
    task_id: str
    content: Mapping[str, Any] = field(default_factory=dict)
    kind: str = ""
    problem: str = ""


Message = (
    StatusQuery | StatusReply | JobReport | JobTuning | SecretQuery | SecretReply | Question | Answer
    | CertificateQuery | CertificateReply | CertificateCall
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
    "certificate?": CertificateQuery,
    "certificate": CertificateReply,
    "certify": CertificateCall,
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
    return _share_texts(_build(NodeStatus, _decode(data), Reading.TYPED))


def encode_message(message: Message) -> str:
    """Return MESSAGE.data: base64 of JSON with the message's kind under `type`."""
    kind = next(name for name, cls in _MESSAGES.items() if isinstance(message, cls))
    # Every node sends a status every half a minute: what has its default is left out.
    return _encode({"type": kind, **encode(message, sparse=isinstance(message, StatusReply))})


def parse_message(data: str) -> Message:
    """Return the message, the reverse of `encode_message`; raise ProtocolError."""
    document = _decode(data)
    cls = _MESSAGES.get(str(document.get("type")))
    if cls is None:
        raise ProtocolError(f"unknown message type {document.get('type')!r}")
    # The progress of jobs is checked where it is used.
    message: Message = _build(cls, document, Reading.TOLERANT if cls is JobReport else Reading.TYPED)
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
    return tuple(map(sys.intern, texts))


def _encode(document: Mapping[str, Any]) -> str:
    return base64.b64encode(json.dumps(document, sort_keys=True).encode()).decode()


def _decode(data: str) -> dict[str, Any]:
    try:
        document = parse_json(base64.b64decode(data, validate=True))
    except ValueError as error:
        raise ProtocolError(f"not base64 of JSON: {error}") from error
    if not isinstance(document, dict):
        raise ProtocolError("not a JSON object")
    return document


def _require_object(document: Mapping[str, Any], key: str) -> None:
    """Raise ProtocolError for a field that has a default, but that every version writes."""
    if not isinstance(document.get(key), dict):
        raise ProtocolError(f"{key} is not an object")


def _build(cls: type[T], document: Mapping[str, Any], reading: Reading = Reading.TOLERANT) -> T:
    try:
        return decode(cls, document, reading=reading)
    except DocumentError as error:
        raise ProtocolError(f"{cls.__name__}: {error}") from error
