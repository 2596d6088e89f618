"""The settings that become keys of cassandra.yaml: the original service's names, Cassandra 5.0's keys and units.

An unset option without a default is left to Cassandra. Keys that this service writes itself are in `OWNED`, with
the reason and, where there is one, the setting to use instead; settings of options that Cassandra 5.0 no longer has
are in `REMOVED`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from executor.number_text import parse_number, parse_whole
from scheduler.settings.cassandra_keys import KINDS, RENAMED
from scheduler.settings.cassandra_values import check_value

PREFIX = "CASSANDRA_"

_UNIT_WORDS = {
    "ms": "milliseconds",
    "s": "seconds",
    "m": "minutes",
    "B": "bytes",
    "KiB": "KiB",
    "MiB": "MiB",
    "MiB/s": "MiB a second",
    "Mbit/s": "megabits a second",
}
_MEGABIT = 125_000  # bytes


@dataclass(frozen=True)
class Option:
    """One setting `CASSANDRA_<suffix>` for one key; with a unit the setting is a whole number of that unit."""

    suffix: str
    key: str
    unit: str = ""
    default: str = ""

    @property
    def name(self) -> str:
        """The environment variable."""
        return PREFIX + self.suffix

    @property
    def sentence(self) -> str:
        """The sentence for docs/configuration.md."""
        form = f" in {_UNIT_WORDS[self.unit]}" if self.unit else ""
        return f"cassandra.yaml `{self.key}`{form}."

    def render(self, text: str) -> Any:
        """Return the value for cassandra.yaml, None for unset. Raises ValueError with the rule that the text breaks."""
        kind = "integer" if self.unit else KINDS[self.key]
        value = _read(kind, self.key, text)
        if not self.unit:
            if (rule := check_value(self.key, value)) is not None:
                raise ValueError(rule)
            return value
        if value < 0:
            if value == -1 and self.key in _SWITCHED_OFF_BY_MINUS_ONE:
                return None
            raise ValueError("must not be negative")
        found = f"{value * _MEGABIT}B/s" if self.unit == "Mbit/s" else f"{value}{self.unit}"
        if (rule := check_value(self.key, found)) is not None:
            raise ValueError(rule)
        return found


_SWITCHED_OFF_BY_MINUS_ONE = {
    "sstable_preemptive_open_interval",
    "roles_update_interval",
    "permissions_update_interval",
}

OPTIONS: tuple[Option, ...] = (
    Option("AUTO_SNAPSHOT", "auto_snapshot", default="true"),
    Option("AUTHENTICATOR", "authenticator", default="AllowAllAuthenticator"),
    Option("AUTHORIZER", "authorizer", default="AllowAllAuthorizer"),
    Option("ENABLE_USER_DEFINED_FUNCTIONS", "user_defined_functions_enabled"),
    Option("NUM_TOKENS", "num_tokens", default="16"),
    Option("HINTED_HANDOFF_ENABLED", "hinted_handoff_enabled", default="true"),
    Option("MAX_HINT_WINDOW_IN_MS", "max_hint_window", unit="ms"),
    Option("HINTED_HANDOFF_THROTTLE_IN_KB", "hinted_handoff_throttle", unit="KiB"),
    Option("MAX_HINTS_DELIVERY_THREADS", "max_hints_delivery_threads"),
    Option("BATCHLOG_REPLAY_THROTTLE_IN_KB", "batchlog_replay_throttle", unit="KiB"),
    Option("PARTITIONER", "partitioner", default="org.apache.cassandra.dht.Murmur3Partitioner"),
    Option("DISK_FAILURE_POLICY", "disk_failure_policy", default="stop"),
    Option("COMMIT_FAILURE_POLICY", "commit_failure_policy", default="stop"),
    Option("KEY_CACHE_SIZE_IN_MB", "key_cache_size", unit="MiB"),
    Option("KEY_CACHE_SAVE_PERIOD", "key_cache_save_period", unit="s"),
    Option("ROW_CACHE_SIZE_IN_MB", "row_cache_size", unit="MiB"),
    Option("ROW_CACHE_SAVE_PERIOD", "row_cache_save_period", unit="s"),
    Option("COUNTER_CACHE_SIZE_IN_MB", "counter_cache_size", unit="MiB"),
    Option("COUNTER_CACHE_SAVE_PERIOD", "counter_cache_save_period", unit="s"),
    Option("COMMITLOG_SYNC", "commitlog_sync", default="periodic"),
    Option("COMMITLOG_SYNC_PERIOD_IN_MS", "commitlog_sync_period", unit="ms", default="10000"),
    Option("COMMITLOG_SEGMENT_SIZE_IN_MB", "commitlog_segment_size", unit="MiB"),
    Option("CONCURRENT_READS", "concurrent_reads"),
    Option("CONCURRENT_WRITES", "concurrent_writes"),
    Option("CONCURRENT_COUNTER_WRITES", "concurrent_counter_writes"),
    Option("MEMTABLE_ALLOCATION_TYPE", "memtable_allocation_type"),
    Option("INDEX_SUMMARY_CAPACITY_IN_MB", "index_summary_capacity", unit="MiB"),
    Option("INDEX_SUMMARY_RESIZE_INTERVAL_IN_MINUTES", "index_summary_resize_interval", unit="m"),
    Option("TRICKLE_FSYNC", "trickle_fsync"),
    Option("TRICKLE_FSYNC_INTERVAL_IN_KB", "trickle_fsync_interval", unit="KiB"),
    Option("RPC_KEEPALIVE", "rpc_keepalive"),
    Option("TOMBSTONE_WARN_THRESHOLD", "tombstone_warn_threshold"),
    Option("TOMBSTONE_FAILURE_THRESHOLD", "tombstone_failure_threshold"),
    Option("COLUMN_INDEX_SIZE_IN_KB", "column_index_size", unit="KiB"),
    Option("BATCH_SIZE_WARN_THRESHOLD_IN_KB", "batch_size_warn_threshold", unit="KiB"),
    Option("BATCH_SIZE_FAIL_THRESHOLD_IN_KB", "batch_size_fail_threshold", unit="KiB"),
    Option("COMPACTION_THROUGHPUT_MB_PER_SEC", "compaction_throughput", unit="MiB/s"),
    Option("COMPACTION_LARGE_PARTITION_WARNING_THRESHOLD_MB", "partition_size_warn_threshold", unit="MiB"),
    Option("SSTABLE_PREEMPTIVE_OPEN_INTERVAL_IN_MB", "sstable_preemptive_open_interval", unit="MiB"),
    Option("READ_REQUEST_TIMEOUT_IN_MS", "read_request_timeout", unit="ms"),
    Option("RANGE_REQUEST_TIMEOUT_IN_MS", "range_request_timeout", unit="ms"),
    Option("WRITE_REQUEST_TIMEOUT_IN_MS", "write_request_timeout", unit="ms"),
    Option("COUNTER_WRITE_REQUEST_TIMEOUT_IN_MS", "counter_write_request_timeout", unit="ms"),
    Option("CAS_CONTENTION_TIMEOUT_IN_MS", "cas_contention_timeout", unit="ms"),
    Option("TRUNCATE_REQUEST_TIMEOUT_IN_MS", "truncate_request_timeout", unit="ms"),
    Option("REQUEST_TIMEOUT_IN_MS", "request_timeout", unit="ms"),
    Option("CROSS_NODE_TIMEOUT", "internode_timeout"),
    Option("DYNAMIC_SNITCH_UPDATE_INTERVAL_IN_MS", "dynamic_snitch_update_interval", unit="ms"),
    Option("DYNAMIC_SNITCH_RESET_INTERVAL_IN_MS", "dynamic_snitch_reset_interval", unit="ms"),
    Option("DYNAMIC_SNITCH_BADNESS_THRESHOLD", "dynamic_snitch_badness_threshold"),
    Option("INTERNODE_COMPRESSION", "internode_compression"),
    Option("INTER_DC_TCP_NODELAY", "inter_dc_tcp_nodelay"),
    Option("TRACETYPE_QUERY_TTL", "trace_type_query_ttl", unit="s"),
    Option("TRACETYPE_REPAIR_TTL", "trace_type_repair_ttl", unit="s"),
    Option("WINDOWS_TIMER_INTERVAL", "windows_timer_interval"),
    Option("MAX_HINTS_FILE_SIZE_IN_MB", "max_hints_file_size", unit="MiB"),
    Option("HINTS_FLUSH_PERIOD_IN_MS", "hints_flush_period", unit="ms"),
    Option("MATERIALIZED_VIEW_WRITES", "concurrent_materialized_view_writes"),
    Option("COMMITLOG_TOTAL_SPACE_IN_MB", "commitlog_total_space", unit="MiB"),
    Option("ROLES_UPDATE_INTERVAL_IN_MS", "roles_update_interval", unit="ms"),
    Option("PERMISSIONS_UPDATE_INTERVAL_IN_MS", "permissions_update_interval", unit="ms"),
    Option("KEY_CACHE_KEYS_TO_SAVE", "key_cache_keys_to_save"),
    Option("ROW_CACHE_KEYS_TO_SAVE", "row_cache_keys_to_save"),
    Option("COUNTER_CACHE_KEYS_TO_SAVE", "counter_cache_keys_to_save"),
    Option("FILE_CACHE_SIZE_IN_MB", "file_cache_size", unit="MiB"),
    Option("MEMTABLE_HEAP_SPACE_IN_MB", "memtable_heap_space", unit="MiB"),
    Option("MEMTABLE_OFFHEAP_SPACE_IN_MB", "memtable_offheap_space", unit="MiB"),
    Option("MEMTABLE_CLEANUP_THRESHOLD", "memtable_cleanup_threshold"),
    Option("MEMTABLE_FLUSH_WRITERS", "memtable_flush_writers"),
    Option("INTERNODE_AUTHENTICATOR", "internode_authenticator"),
    Option("NATIVE_TRANSPORT_MAX_THREADS", "native_transport_max_threads"),
    Option("NATIVE_TRANSPORT_MAX_FRAME_SIZE_IN_MB", "native_transport_max_frame_size", unit="MiB"),
    Option("NATIVE_TRANSPORT_MAX_CONCURRENT_CONNECTIONS", "native_transport_max_concurrent_connections"),
    Option("NATIVE_TRANSPORT_MAX_CONCURRENT_CONNECTIONS_PER_IP", "native_transport_max_concurrent_connections_per_ip"),
    Option("CONCURRENT_COMPACTORS", "concurrent_compactors"),
    Option("STREAM_THROUGHPUT_OUTBOUND_MEGABITS_PER_SEC", "stream_throughput_outbound", unit="Mbit/s"),
    Option(
        "INTER_DC_STREAM_THROUGHPUT_OUTBOUND_MEGABITS_PER_SEC", "inter_dc_stream_throughput_outbound", unit="Mbit/s"
    ),
    Option("PHI_CONVICT_THRESHOLD", "phi_convict_threshold"),
    Option("GC_WARN_THRESHOLD_IN_MS", "gc_warn_threshold", unit="ms"),
    Option("BUFFER_POOL_USE_HEAP_IF_EXHAUSTED", "buffer_pool_use_heap_if_exhausted"),
    Option("DISK_OPTIMIZATION_STRATEGY", "disk_optimization_strategy"),
    Option("UNLOGGED_BATCH_ACROSS_PARTITIONS_WARN_THRESHOLD", "unlogged_batch_across_partitions_warn_threshold"),
    Option("ENABLE_SCRIPTED_USER_DEFINED_FUNCTIONS", "scripted_user_defined_functions_enabled"),
    Option("MAX_VALUE_SIZE_IN_MB", "max_value_size", unit="MiB"),
    Option("OTC_COALESCING_STRATEGY", "otc_coalescing_strategy"),
)

# Options of the original that Cassandra 5.0 no longer has: the accepted values, and the reason.
REMOVED: Mapping[str, tuple[tuple[str, ...], str]] = {
    "CASSANDRA_START_RPC": (("false",), "Cassandra has no Thrift server any more"),
    "CASSANDRA_RPC_PORT": (("9160",), "Cassandra has no Thrift server any more"),
    "CASSANDRA_RPC_SERVER_TYPE": (("sync",), "Cassandra has no Thrift server any more"),
    "CASSANDRA_RPC_MIN_THREADS": (("16",), "Cassandra has no Thrift server any more"),
    "CASSANDRA_RPC_MAX_THREADS": (("2048",), "Cassandra has no Thrift server any more"),
    "CASSANDRA_RPC_SEND_BUFF_SIZE_IN_BYTES": (("16384",), "Cassandra has no Thrift server any more"),
    "CASSANDRA_RPC_RECV_BUFF_SIZE_IN_BYTES": (("16384",), "Cassandra has no Thrift server any more"),
    "CASSANDRA_THRIFT_FRAMED_TRANSPORT_SIZE_IN_MB": (("15",), "Cassandra has no Thrift server any more"),
    "CASSANDRA_REQUEST_SCHEDULER": (
        ("org.apache.cassandra.scheduler.NoScheduler",),
        "Cassandra has no request schedulers any more",
    ),
    "CASSANDRA_STREAMING_SOCKET_TIMEOUT_IN_MS": (
        ("3600000", "86400000"),
        "streams are watched by streaming_keep_alive_period",
    ),
    "CASSANDRA_STREAMING_SOCKET_TIMOUT_IN_MS": (
        ("86400000", "3600000"),
        "streams are watched by streaming_keep_alive_period",
    ),
    "CASSANDRA_START_NATIVE_TRANSPORT": (("true",), "every node serves CQL; a node that does not is never ready"),
    "CASSANDRA_LISTEN_ON_BROADCAST_ADDRESS": (("false",), "a node listens on its agent's address only"),
}

_ADDRESS = "a node's addresses are its agent's"
_DIRECTORY = "all of a node's files are on its persistent volume"
_SNITCH = "data center and rack come from CASSANDRA_LOCATION_DATA_CENTER, CASSANDRA_LOCATION_RACK and RACK_ATTRIBUTE"

OWNED: Mapping[str, str] = {
    "cluster_name": "use CASSANDRA_CLUSTER_NAME",
    "seed_provider": "the scheduler chooses the seeds; their number is SEED_NODES",
    "storage_port": "use CASSANDRA_STORAGE_PORT",
    "ssl_storage_port": "use CASSANDRA_SSL_STORAGE_PORT",
    "native_transport_port": "use CASSANDRA_NATIVE_TRANSPORT_PORT",
    "native_transport_port_ssl": "a node reserves one CQL port, CASSANDRA_NATIVE_TRANSPORT_PORT",
    "start_native_transport": "every node serves CQL; a node that does not is never ready",
    "endpoint_snitch": _SNITCH,
    "initial_token": "tokens belong to one node, and this file is for all of them",
    "auto_bootstrap": "a node that joins without its data would return empty reads",
    **dict.fromkeys(
        (
            "listen_address",
            "listen_interface",
            "listen_interface_prefer_ipv6",
            "listen_on_broadcast_address",
            "broadcast_address",
            "rpc_address",
            "rpc_interface",
            "rpc_interface_prefer_ipv6",
            "broadcast_rpc_address",
        ),
        _ADDRESS,
    ),
    **dict.fromkeys(
        (
            "data_file_directories",
            "local_system_data_file_directory",
            "commitlog_directory",
            "saved_caches_directory",
            "hints_directory",
            "cdc_raw_directory",
        ),
        _DIRECTORY,
    ),
}


def check_key(key: str) -> str | None:
    """Return why a key of a free-form cassandra.yaml is refused, as the end of a sentence; None if it is allowed."""
    if key in OWNED:
        return f"is set by this service: {OWNED[key]}"
    if key in RENAMED:
        return f"is called {RENAMED[key]} in Cassandra 5.0"
    if key not in KINDS:
        return "is not a key of Cassandra 5.0's cassandra.yaml"
    return None


def _read(kind: str, key: str, text: str) -> Any:
    """Parse an environment variable's text as a value of that kind."""
    if kind == "boolean":
        if text.lower() not in ("true", "false"):
            raise ValueError("must be true or false")
        return text.lower() == "true"
    if kind == "integer":
        return parse_whole(text)
    if kind == "number":
        return parse_number(text)
    rule = check_value(key, text)
    if rule:
        raise ValueError(rule)
    return text
