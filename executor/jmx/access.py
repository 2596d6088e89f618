"""What may be called through Jolokia: exactly what this executor calls, and nothing else of JMX. Pure.

Jolokia reads the policy when Cassandra starts. A request for anything else is answered with 403, also with the right
password. Names may be searched for, and notifications be listened to; no attribute may be written.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from xml.sax.saxutils import escape

from executor.jmx.jolokia import ENDPOINT_SNITCH, STORAGE_SERVICE

_DB, _METRICS, _NET = "org.apache.cassandra.db", "org.apache.cassandra.metrics", "org.apache.cassandra.net"
_STRINGS = "[Ljava.lang.String;"
_STRING = "java.lang.String"
# A search only tells names; the notifications are of repairs.
_REQUESTS = {
    "Latency": ("Count", "50thPercentile", "99thPercentile"),
    **dict.fromkeys(("TotalLatency", "Timeouts", "Unavailables", "Failures"), ("Count",)),
}
_COMMANDS = ("search", "notification")


@dataclass(frozen=True)
class Allowed:
    """What may be read and executed of the MBeans of one name or pattern; operations in the form of a request."""

    attributes: tuple[str, ...] = ()
    operations: tuple[str, ...] = ()


ALLOWED: Mapping[str, Allowed] = {
    STORAGE_SERVICE: Allowed(
        attributes=(
            "OperationMode", "Joined", "NativeTransportRunning", "Initialized", "GossipRunning", "LocalHostId",
            "Tokens", "ReleaseVersion", "SchemaVersion", "LiveNodes", "UnreachableNodes", "JoiningNodes", "Keyspaces",
            "NonLocalStrategyKeyspaces", "EndpointToHostId", "PartitionerName", "AllDataFileLocations",
            "TokenToEndpointWithPortMap", "LiveNodesWithPort", "HostIdToEndpointWithPort", "JoiningNodesWithPort",
            "LeavingNodesWithPort", "MovingNodesWithPort", "OwnershipWithPort",
        ),
        operations=(
            "drain", "getKeyspaceReplicationInfo", "getTablesForKeyspace", "getRangeToEndpointMap",
            "getRangeToEndpointWithPortMap", "repairAsync", "getParentRepairStatus", "decommission(boolean)",
            f"takeSnapshot({_STRING},java.util.Map,{_STRINGS})", f"clearSnapshot({_STRING},{_STRINGS})",
            f"bulkLoad({_STRING})", f"forceKeyspaceCleanup(int,{_STRING},{_STRINGS})",
            f"upgradeSSTables({_STRING},boolean,int,{_STRINGS})",
            f"forceKeyspaceCompaction(boolean,{_STRING},{_STRINGS})",
            f"scrub(boolean,boolean,boolean,boolean,int,{_STRING},{_STRINGS})",
            f"verify(boolean,boolean,boolean,boolean,boolean,boolean,{_STRING},{_STRINGS})",
            f"garbageCollect({_STRING},int,{_STRING},{_STRINGS})", f"forceKeyspaceFlush({_STRING},{_STRINGS})",
        ),
    ),
    ENDPOINT_SNITCH: Allowed(attributes=("Datacenter", "Rack")),
    f"{_DB}:type=StorageProxy": Allowed(attributes=("SchemaVersions",)),
    f"{_DB}:type=CompactionManager": Allowed(attributes=("Compactions",), operations=("stopCompactionById",)),
    f"{_DB}:type=RepairService": Allowed(operations=("getSessions",)),
    f"{_DB}:type=Tables,*": Allowed(attributes=("DataPaths",)),
    f"{_METRICS}:type=Storage,name=Load": Allowed(attributes=("Count",)),
    f"{_METRICS}:type=Storage,name=TotalHints": Allowed(attributes=("Count",)),
    **{
        f"{_METRICS}:type=ClientRequest,scope={scope},name={name}": Allowed(attributes=found)
        for scope in ("Read", "Write")
        for name, found in _REQUESTS.items()
    },
    f"{_METRICS}:type=Streaming,name=TotalIncomingBytes": Allowed(attributes=("Count",)),
    f"{_METRICS}:type=Streaming,name=TotalOutgoingBytes": Allowed(attributes=("Count",)),
    f"{_METRICS}:type=Compaction,name=PendingTasks": Allowed(attributes=("Value",)),
    f"{_METRICS}:type=Table,name=LiveDiskSpaceUsed,*": Allowed(attributes=("Count",)),
    f"{_METRICS}:type=Table,name=LiveSSTableCount,*": Allowed(attributes=("Value",)),
    f"{_METRICS}:type=Table,name=MemtableColumnsCount,*": Allowed(attributes=("Value",)),
    f"{_NET}:type=FailureDetector": Allowed(attributes=("PhiValues", "SimpleStates")),
    f"{_METRICS}:type=Client,name=Connections": Allowed(attributes=("Value",)),
    f"{_NET}:type=MessagingService": Allowed(attributes=("DroppedMessages",), operations=("reloadSslCertificates",)),
    "org.apache.cassandra.hints:type=HintsService": Allowed(attributes=("PendingHints",)),
    f"{_NET}:type=StreamManager": Allowed(attributes=("CurrentStreams",)),
    "java.lang:type=Runtime": Allowed(attributes=("ClassPath",)),
    "java.lang:type=Memory": Allowed(attributes=("HeapMemoryUsage",)),
    "java.lang:type=GarbageCollector,*": Allowed(attributes=("CollectionCount", "CollectionTime")),
    # It loads our own agent, whose MBeans are the last line.
    "com.sun.management:type=DiagnosticCommand": Allowed(operations=("jvmtiAgentLoad",)),
    "jolokia:type=NotificationStore,*": Allowed(operations=("pull",)),
    "mesos.cassandra:*": Allowed(operations=("*",)),
}  # fmt: skip


def policy(allowed: Mapping[str, Allowed] = ALLOWED) -> str:
    """Render the policy in Jolokia's format."""
    commands = "".join(f"<command>{name}</command>" for name in _COMMANDS)
    beans = "\n".join(_bean(name, found) for name, found in allowed.items())
    methods = "<http><method>post</method></http>"
    return f"<restrict>\n{methods}\n<commands>{commands}</commands>\n<allow>\n{beans}\n</allow>\n</restrict>\n"


def _bean(name: str, allowed: Allowed) -> str:
    attributes = "".join(f'<attribute mode="read">{escape(item)}</attribute>' for item in allowed.attributes)
    operations = "".join(f"<operation>{escape(item)}</operation>" for item in allowed.operations)
    return f"<mbean><name>{escape(name)}</name>{attributes}{operations}</mbean>"
