"""Limits of the keys of cassandra.yaml in Cassandra 5.0.8: plain data.

Units are the types of the fields of `org.apache.cassandra.config.Config`. The other limits were found by having
`DatabaseDescriptor` load values on both sides of them, each alone beside defaults. Limits that depend on other keys or
on the machine are not here: the config check finds them before a roll-out. A new Cassandra needs a new list.
"""

from __future__ import annotations

from collections.abc import Mapping

_INT, _LONG = 2**31 - 1, 2**63 - 1
# By the smallest unit that a key accepts: its amount in that unit must stay below the largest int or long.
_BY_UNIT: Mapping[tuple[str, int], str] = {
    ("B", _INT): """
        internode_application_receive_queue_capacity
        internode_application_receive_queue_reserve_endpoint_capacity
        internode_application_receive_queue_reserve_global_capacity internode_application_send_queue_capacity
        internode_application_send_queue_reserve_endpoint_capacity
        internode_application_send_queue_reserve_global_capacity internode_max_message_size
        internode_socket_receive_buffer_size internode_socket_send_buffer_size
        native_transport_receive_queue_capacity
    """,
    ("B", _LONG): """
        collection_size_fail_threshold collection_size_warn_threshold column_value_size_fail_threshold
        column_value_size_warn_threshold coordinator_read_size_fail_threshold
        coordinator_read_size_warn_threshold data_disk_usage_max_disk_size local_read_size_fail_threshold
        local_read_size_warn_threshold max_hints_size_per_host min_tracked_partition_size
        native_transport_max_message_size native_transport_max_request_data_in_flight
        native_transport_max_request_data_in_flight_per_ip partition_size_fail_threshold
        partition_size_warn_threshold row_index_read_size_fail_threshold row_index_read_size_warn_threshold
        sai_frozen_term_size_fail_threshold sai_frozen_term_size_warn_threshold
        sai_string_term_size_fail_threshold sai_string_term_size_warn_threshold
        sai_vector_term_size_fail_threshold sai_vector_term_size_warn_threshold streaming_state_size
    """,
    ("B/s", _LONG): """
        compaction_throughput entire_sstable_inter_dc_stream_throughput_outbound
        entire_sstable_stream_throughput_outbound inter_dc_stream_throughput_outbound stream_throughput_outbound
    """,
    ("KiB", _INT): """
        batch_size_fail_threshold batch_size_warn_threshold batchlog_replay_throttle column_index_cache_size
        column_index_size compressed_read_ahead_buffer_size hinted_handoff_throttle max_mutation_size
        trickle_fsync_interval
    """,
    ("MiB", _INT): """
        cdc_total_space commitlog_segment_size commitlog_total_space file_cache_size max_hints_file_size
        max_value_size memtable_heap_space memtable_offheap_space min_free_space_per_drive
        native_transport_max_frame_size networking_cache_size repair_session_space
        sstable_preemptive_open_interval
    """,
    ("MiB", _LONG): """
        counter_cache_size index_summary_capacity key_cache_size paxos_cache_size prepared_statements_cache_size
        row_cache_size
    """,
    ("m", _INT): """
        index_summary_resize_interval
    """,
    ("ms", _INT): """
        cdc_free_space_check_interval commitlog_sync_group_window commitlog_sync_period
        credentials_update_interval credentials_validity dynamic_snitch_reset_interval
        dynamic_snitch_update_interval gc_log_threshold gc_warn_threshold hints_flush_period
        internode_streaming_tcp_user_timeout internode_tcp_connect_timeout internode_tcp_user_timeout
        max_hint_window periodic_commitlog_sync_lag_block permissions_update_interval permissions_validity
        roles_update_interval roles_validity
    """,
    ("ms", _LONG): """
        cas_contention_timeout counter_write_request_timeout native_transport_idle_timeout
        native_transport_max_backoff_on_queue_overload native_transport_min_backoff_on_queue_overload
        native_transport_timeout range_request_timeout read_request_timeout repair_request_timeout
        request_timeout slow_query_log_timeout stream_transfer_task_timeout truncate_request_timeout
        user_defined_functions_fail_timeout user_defined_functions_warn_timeout write_request_timeout
    """,
    ("ns", _LONG): """
        repair_state_expires streaming_state_expires
    """,
    ("s", _INT): """
        auto_snapshot_ttl cache_load_timeout counter_cache_save_period denylist_initial_load_retry
        denylist_refresh key_cache_save_period row_cache_save_period streaming_keep_alive_period
        streaming_slow_events_log_timeout trace_type_query_ttl trace_type_repair_ttl
        validation_preview_purge_head_start
    """,
    ("s", _LONG): """
        paxos_purge_grace_period
    """,
    ("us", _LONG): """
        maximum_timestamp_fail_threshold maximum_timestamp_warn_threshold minimum_timestamp_fail_threshold
        minimum_timestamp_warn_threshold
    """,
}
UNITS: Mapping[str, tuple[str, int]] = {
    key: (unit, largest - 1) for (unit, largest), keys in _BY_UNIT.items() for key in keys.split()
}

# -1 switches these off; any other value is at least 1.
_MINUS_ONE = """
    columns_per_table_fail_threshold columns_per_table_warn_threshold data_disk_usage_percentage_fail_threshold
    data_disk_usage_percentage_warn_threshold fields_per_udt_fail_threshold fields_per_udt_warn_threshold
    in_select_cartesian_product_fail_threshold in_select_cartesian_product_warn_threshold
    items_per_collection_fail_threshold items_per_collection_warn_threshold keyspaces_fail_threshold
    keyspaces_warn_threshold materialized_views_per_table_fail_threshold
    materialized_views_per_table_warn_threshold maximum_replication_factor_fail_threshold
    maximum_replication_factor_warn_threshold minimum_replication_factor_fail_threshold
    minimum_replication_factor_warn_threshold page_size_fail_threshold page_size_warn_threshold
    partition_keys_in_select_fail_threshold partition_keys_in_select_warn_threshold
    partition_tombstones_fail_threshold partition_tombstones_warn_threshold
    sai_sstable_indexes_per_query_fail_threshold sai_sstable_indexes_per_query_warn_threshold
    secondary_indexes_per_table_fail_threshold secondary_indexes_per_table_warn_threshold tables_fail_threshold
    tables_warn_threshold vector_dimensions_fail_threshold vector_dimensions_warn_threshold
"""
MINUS_ONE = frozenset(_MINUS_ONE.split())

# `DatabaseDescriptor` accepts 0 for these, and the start fails later, or the node serves no client. Found by starts.
_NOT_ZERO = """
    concurrent_index_builders concurrent_materialized_view_writes denylist_refresh hints_flush_period
    index_summary_resize_interval internode_application_receive_queue_capacity max_hints_delivery_threads
    native_transport_max_frame_size native_transport_max_requests_per_second native_transport_max_threads
"""

# Inclusive; for a key with a unit in its smallest one.
LEAST: Mapping[str, float] = {
    **dict.fromkeys(MINUS_ONE, 1),
    **dict.fromkeys(_NOT_ZERO.split(), 1),
    "collection_size_fail_threshold": 1,
    "collection_size_warn_threshold": 1,
    "column_value_size_fail_threshold": 1,
    "column_value_size_warn_threshold": 1,
    "commitlog_segment_size": 1,
    "commitlog_sync_period": 1,
    "concurrent_compactors": 1,
    "concurrent_counter_writes": 2,
    "concurrent_materialized_view_builders": 1,
    "concurrent_reads": 2,
    "concurrent_writes": 2,
    "data_disk_usage_max_disk_size": 1,
    "default_keyspace_rf": 1,
    "dynamic_snitch_reset_interval": 1,
    "dynamic_snitch_update_interval": 1,
    "max_concurrent_automatic_sstable_upgrades": 0,
    # With less, a start cannot store the schema of its own tables.
    "max_mutation_size": 3,
    "max_space_usable_for_compactions_in_percentage": 0,
    "max_value_size": 1,
    "memtable_cleanup_threshold": 0.01,
    "memtable_flush_writers": 1,
    "memtable_heap_space": 1,
    "native_transport_min_backoff_on_queue_overload": 1,
    "num_tokens": 1,
    "partition_size_fail_threshold": 1,
    "partition_size_warn_threshold": 1,
    "phi_convict_threshold": 5,
    "prepared_statements_cache_size": 1,
    "repair_session_max_tree_depth": 10,
    "repair_session_space": 1,
    "repair_state_size": 0,
    "snapshot_links_per_second": 0,
}

# Cassandra's own rates are ints, of megabits or MiB a second.
_MEGABITS, _MEBIBYTES = (_INT - 1) * 125_000, (_INT - 1) * 2**20

# Inclusive, where it is less than the largest int or long.
MOST: Mapping[str, float] = {
    "batch_size_warn_threshold": 2097151,
    "column_index_cache_size": 2097151,
    "column_index_size": 2097151,
    "commitlog_segment_size": 2047,
    "compaction_throughput": _MEBIBYTES,
    "data_disk_usage_percentage_fail_threshold": 100,
    "data_disk_usage_percentage_warn_threshold": 100,
    "entire_sstable_inter_dc_stream_throughput_outbound": _MEBIBYTES,
    "entire_sstable_stream_throughput_outbound": _MEBIBYTES,
    "inter_dc_stream_throughput_outbound": _MEGABITS,
    "max_space_usable_for_compactions_in_percentage": 1,
    "max_value_size": 2047,
    "memtable_cleanup_threshold": 0.99,
    "native_transport_max_frame_size": 2047,
    "num_tokens": 1536,
    "phi_convict_threshold": 16,
    "stream_throughput_outbound": _MEGABITS,
}

# Whole numbers that can be as large as a long; all others are ints.
_AS_LONG = """
    min_tracked_partition_tombstone_count native_transport_max_concurrent_connections
    native_transport_max_concurrent_connections_per_ip partition_tombstones_fail_threshold
    partition_tombstones_warn_threshold snapshot_links_per_second
"""
LONG = frozenset(_AS_LONG.split())
