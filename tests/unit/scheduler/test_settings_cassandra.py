"""Settings that become keys of cassandra.yaml, and free-form keys."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from scheduler.settings import InvalidSettings, Settings, cassandra_yaml, parse
from scheduler.settings.cassandra_keys import KINDS, RENAMED, WORDS
from scheduler.settings.cassandra_options import OPTIONS, OWNED, REMOVED, check_key
from scheduler.settings.cassandra_values import check_value

ELSEWHERE = {"ARTIFACTS_URL": "https://files.example/"}


def settings(**environ: str) -> Settings:
    return parse({**ELSEWHERE, **environ})


def problems(**environ: str) -> tuple[str, ...]:
    with pytest.raises(InvalidSettings) as caught:
        settings(**environ)
    return caught.value.problems


# Name, value as the original took it, key and value of Cassandra 5.0.
MAPPED: list[tuple[str, str, str, Any]] = [
    ("AUTHENTICATOR", "PasswordAuthenticator", "authenticator", "PasswordAuthenticator"),
    ("AUTO_SNAPSHOT", "false", "auto_snapshot", False),
    ("BATCH_SIZE_WARN_THRESHOLD_IN_KB", "5", "batch_size_warn_threshold", "5KiB"),
    ("COLUMN_INDEX_SIZE_IN_KB", "64", "column_index_size", "64KiB"),
    ("COMMITLOG_SEGMENT_SIZE_IN_MB", "32", "commitlog_segment_size", "32MiB"),
    ("COMMITLOG_SYNC", "batch", "commitlog_sync", "batch"),
    ("COMPACTION_LARGE_PARTITION_WARNING_THRESHOLD_MB", "100", "partition_size_warn_threshold", "100MiB"),
    ("COMPACTION_THROUGHPUT_MB_PER_SEC", "16", "compaction_throughput", "16MiB/s"),
    ("CONCURRENT_READS", "16", "concurrent_reads", 16),
    ("CROSS_NODE_TIMEOUT", "true", "internode_timeout", True),
    ("DYNAMIC_SNITCH_BADNESS_THRESHOLD", "0.1", "dynamic_snitch_badness_threshold", 0.1),
    ("ENABLE_USER_DEFINED_FUNCTIONS", "TRUE", "user_defined_functions_enabled", True),
    ("HINTED_HANDOFF_THROTTLE_IN_KB", "1024", "hinted_handoff_throttle", "1024KiB"),
    ("INDEX_SUMMARY_RESIZE_INTERVAL_IN_MINUTES", "60", "index_summary_resize_interval", "60m"),
    ("KEY_CACHE_SAVE_PERIOD", "14400", "key_cache_save_period", "14400s"),
    ("MATERIALIZED_VIEW_WRITES", "32", "concurrent_materialized_view_writes", 32),
    ("MAX_HINT_WINDOW_IN_MS", "10800000", "max_hint_window", "10800000ms"),
    ("MEMTABLE_ALLOCATION_TYPE", "offheap_objects", "memtable_allocation_type", "offheap_objects"),
    ("NUM_TOKENS", "256", "num_tokens", 256),
    ("READ_REQUEST_TIMEOUT_IN_MS", "5000", "read_request_timeout", "5000ms"),
    ("NATIVE_TRANSPORT_MAX_CONCURRENT_CONNECTIONS", "-1", "native_transport_max_concurrent_connections", -1),
    ("STREAM_THROUGHPUT_OUTBOUND_MEGABITS_PER_SEC", "200", "stream_throughput_outbound", "25000000B/s"),
    ("TRACETYPE_QUERY_TTL", "86400", "trace_type_query_ttl", "86400s"),
]


@pytest.mark.parametrize(("suffix", "text", "key", "value"), MAPPED, ids=[row[0] for row in MAPPED])
def test_names_of_the_original_become_keys_and_units_of_5_0(suffix: str, text: str, key: str, value: Any) -> None:
    assert settings(**{f"CASSANDRA_{suffix}": text}).cassandra_options[key] == value


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: str(option.name))
def test_every_option_gives_a_value_that_its_key_takes(option: Any) -> None:
    kind = "integer" if option.unit else KINDS[option.key]
    number = "8" if option.key == "phi_convict_threshold" else "0.5"
    sample = {"boolean": "true", "integer": "7", "number": number, "text": "a", "class": "a.B"}.get(kind)
    text = sample if sample is not None else WORDS[option.key][0]
    assert check_value(option.key, option.render(text)) is None
    assert option.key not in OWNED


@pytest.mark.parametrize(
    ("key", "value", "rule"),
    [
        ("phi_convict_threshold", 4, "must be at least 5"),
        ("phi_convict_threshold", 5, None),
        ("phi_convict_threshold", 16.5, "must be at most 16"),
        ("concurrent_reads", -5, "must be at least 2"),
        ("concurrent_reads", 2, None),
        ("index_summary_resize_interval", "0m", "must be at least 1m"),
        ("denylist_refresh", "0h", "must be at least 1s"),
        ("concurrent_reads", 99999999999, "must be at most 2147483647"),
        ("native_transport_max_concurrent_connections", 99999999999, None),
        ("snapshot_links_per_second", -1, "must be at least 0"),
        ("num_tokens", 0, "must be at least 1"),
        ("num_tokens", 1537, "must be at most 1536"),
        ("tables_warn_threshold", -1, None),
        ("tables_warn_threshold", 0, "must be -1 or at least 1"),
        ("tables_warn_threshold", -2, "must be -1 or at least 1"),
        ("data_disk_usage_percentage_warn_threshold", 101, "must be at most 100"),
        ("auto_snapshot_ttl", 30, "must be a duration in s, m, h or d, such as 10m"),
        ("auto_snapshot_ttl", "30d", None),
        ("auto_snapshot_ttl", "30ms", "must be a duration in s, m, h or d, such as 10m"),
        ("key_cache_save_period", "100ms", "must be a duration in s, m, h or d, such as 10m"),
        ("key_cache_save_period", "24856d", "must be at most 2147483646s"),
        ("key_cache_save_period", "24855d", None),
        ("commitlog_sync_period", "0ms", "must be at least 1ms"),
        ("commitlog_sync_period", "100d", "must be at most 2147483646ms"),
        ("commitlog_total_space", "64KiB", "must be a size in MiB or GiB, such as 32MiB"),
        ("commitlog_segment_size", "2GiB", "must be at most 2047MiB"),
        ("commitlog_segment_size", "1GiB", None),
        ("max_value_size", "2048MiB", "must be at most 2047MiB"),
        ("collection_size_warn_threshold", "0B", "must be at least 1B"),
        ("native_transport_idle_timeout", "5", "must be a duration in ms, s, m, h or d, such as 10m"),
        ("compaction_throughput", "0.5MiB/s", "must be a rate in B/s, KiB/s or MiB/s, such as 64MiB/s"),
        ("compaction_throughput", "64MiB/s", None),
        ("memtable_cleanup_threshold", 1.0, "must be at most 0.99"),
        ("max_space_usable_for_compactions_in_percentage", 1.5, "must be at most 1"),
        ("cdc_free_space_check_interval", "9" * 400 + "ms", "must be a duration in ms, s, m, h or d, such as 10m"),
    ],
    ids=str,
)
def test_limits_are_those_of_cassandras_own_classes(key: str, value: Any, rule: str | None) -> None:
    assert check_value(key, value) == rule


@pytest.mark.parametrize(
    ("name", "text", "rule"),
    [
        ("PHI_CONVICT_THRESHOLD", "4", "must be at least 5"),
        ("CONCURRENT_READS", "-5", "must be at least 2"),
        ("MAX_VALUE_SIZE_IN_MB", "4096", "must be at most 2047MiB"),
        ("YAML", "{auto_snapshot_ttl: 30}", "auto_snapshot_ttl must be a duration in s, m, h or d, such as 10m"),
    ],
)
def test_limits_hold_for_settings(name: str, text: str, rule: str) -> None:
    [problem] = problems(**{f"CASSANDRA_{name}": text})
    assert rule in problem


@pytest.mark.parametrize("suffix", ["SSTABLE_PREEMPTIVE_OPEN_INTERVAL_IN_MB", "ROLES_UPDATE_INTERVAL_IN_MS"])
def test_minus_one_switches_off(suffix: str) -> None:
    assert settings(**{f"CASSANDRA_{suffix}": "-1"}).cassandra_options == settings().cassandra_options


@pytest.mark.parametrize(
    ("name", "value", "rule"),
    [
        ("CASSANDRA_NUM_TOKENS", "many", "must be a whole number"),
        ("CASSANDRA_READ_REQUEST_TIMEOUT_IN_MS", "5s", "must be a whole number"),
        ("CASSANDRA_READ_REQUEST_TIMEOUT_IN_MS", "-1", "must not be negative"),
        ("CASSANDRA_NUM_TOKENS", "1_6", "must be a whole number"),
        ("CASSANDRA_NUM_TOKENS", "١٦", "must be a whole number"),
        ("CASSANDRA_READ_REQUEST_TIMEOUT_IN_MS", "5_000", "must be a whole number"),
        ("CASSANDRA_PHI_CONVICT_THRESHOLD", "inf", "must be a number"),
        ("CASSANDRA_PHI_CONVICT_THRESHOLD", "1e400", "must be a number"),
        ("CASSANDRA_PHI_CONVICT_THRESHOLD", "8_0", "must be a number"),
        ("CASSANDRA_AUTO_SNAPSHOT", "1", "must be true or false"),
        ("CASSANDRA_COMMITLOG_SYNC", "never", "must be one of periodic, batch, group"),
        ("CASSANDRA_MAX_HINTS_DELIVERY_THREADS", "0", "must be at least 1"),
        ("CASSANDRA_STREAM_THROUGHPUT_OUTBOUND_MEGABITS_PER_SEC", "2147483647", "must be at most 268435455750000B/s"),
        ("CASSANDRA_MAX_VALUE_SIZE_IN_MB", "0", "must be at least 1MiB"),
        ("CASSANDRA_NATIVE_TRANSPORT_MAX_FRAME_SIZE_IN_MB", "0", "must be at least 1MiB"),
        # Cassandra's own words tell capital letters from others.
        ("CASSANDRA_COMMITLOG_SYNC", "Periodic", "must be one of periodic, batch, group"),
    ],
)
def test_wrong_values(name: str, value: str, rule: str) -> None:
    assert problems(**{name: value}) == (f"{name} {rule}, not {value!r}.",)


@pytest.mark.parametrize("name", sorted(REMOVED))
def test_removed_options(name: str) -> None:
    accepted, reason = REMOVED[name]
    for value in accepted:
        found = settings(**{name: value})
        assert found.warnings == (f"{name} has no effect: {reason}.",)
        assert found.cassandra_options == settings().cassandra_options
    assert problems(**{name: "other"}) == (f"{name} must be {' or '.join(accepted)}: {reason}.",)


class TestYaml:
    def test_keys_are_added_and_override_defaults(self) -> None:
        text = "num_tokens: 4\naudit_logging_options:\n  enabled: true\nmax_hint_window: 1h\n"
        found = settings(CASSANDRA_YAML=text).cassandra_options
        assert found["num_tokens"] == 4
        assert found["audit_logging_options"] == {"enabled": True}
        assert found["max_hint_window"] == "1h"

    def test_a_file_and_a_text_together(self, tmp_path: Path) -> None:
        file = tmp_path / "more.yaml"
        file.write_text("# ours\n\nnum_tokens: 8\n")
        found = settings(CASSANDRA_YAML_FILE=str(file), CASSANDRA_YAML="max_hint_window: 1h").cassandra_options
        assert (found["num_tokens"], found["max_hint_window"]) == (8, "1h")

    def test_one_key_in_two_places(self, tmp_path: Path) -> None:
        file = tmp_path / "more.yaml"
        file.write_text("num_tokens: 8\n")
        assert problems(CASSANDRA_YAML_FILE=str(file), CASSANDRA_YAML="num_tokens: 4") == (
            "CASSANDRA_YAML must not set num_tokens, which CASSANDRA_YAML_FILE sets too.",
        )
        assert problems(CASSANDRA_NUM_TOKENS="16", CASSANDRA_YAML="num_tokens: 4") == (
            "CASSANDRA_YAML must not set num_tokens, which CASSANDRA_NUM_TOKENS sets too.",
        )

    @pytest.mark.parametrize(
        ("text", "sentence"),
        [
            ("a: 1\n", "F line 1: a is not a key of Cassandra 5.0's cassandra.yaml."),
            ("\n# x\nthrift_prepared_statements_cache_size_mb: 1", None),
            (
                "auto_snapshot: true\nread_request_timeout_in_ms: 1\n",
                "F line 2: read_request_timeout_in_ms is called read_request_timeout in Cassandra 5.0.",
            ),
            ("storage_port: 1\n", "F line 1: storage_port is set by this service: use CASSANDRA_STORAGE_PORT."),
            ("num_tokens: 1\nnum_tokens: 2\n", "F line 2: num_tokens is there twice."),
            ("num_tokens: 1.5", "F line 1: num_tokens must be a whole number."),
            ("num_tokens: true", "F line 1: num_tokens must be a whole number."),
            ("auto_snapshot: 1", "F line 1: auto_snapshot must be true or false."),
            ("max_hint_window: 3", "F line 1: max_hint_window must be a duration in ms, s, m, h or d, such as 10m."),
            ("column_index_size: 4kb", "F line 1: column_index_size must be a size in KiB, MiB or GiB, such as 32MiB."),
            (
                "compaction_throughput: 64MiB",
                "F line 1: compaction_throughput must be a rate in B/s, KiB/s or MiB/s, such as 64MiB/s.",
            ),
            ("commitlog_sync: later", "F line 1: commitlog_sync must be one of periodic, batch, group."),
            (
                "storage_compatibility_mode: none",
                "F line 1: storage_compatibility_mode must be one of CASSANDRA_4, UPGRADING, NONE.",
            ),
            ("audit_logging_options: on", "F line 1: audit_logging_options must be a mapping."),
            ("table_properties_warned: a", "F line 1: table_properties_warned must be a list."),
            ("authenticator: 5", None),
            ("- a\n- b\n", "F line 1: must be keys with values."),
            ("text", "F line 1: must be keys with values."),
            ("num_tokens: [1\n", None),
            ("num_tokens: 1\n  bad: 2\n", None),
            ("repair: {since: 2020-13-45}", "F line 1: repair holds a date or number that does not exist."),
            ("repair: &a {b: 1}\nsstable: *a\n", "F line 2: aliases are not supported."),
            ("repair: " + "[" * 2_000, "F is nested too deeply."),
            ("num_tokens: \x00", "F is not YAML: it has a character that is not allowed."),
            ("a: !!python/object/apply:os.system [id]", None),
            (
                "audit_logging_options: {since: 2020-01-01}",
                "F line 1: audit_logging_options holds a value that is not a text, number, truth value, list or "
                "mapping.",
            ),
            (
                "server_encryption_options:\n  keystore_password: hunter2\n",
                "F line 1: server_encryption_options must not hold a keystore_password: a launch can be read in Mesos; "
                "use PEM files on the agents.",
            ),
        ],
    )
    def test_problems_name_the_line(self, text: str, sentence: str | None) -> None:
        options, found = cassandra_yaml.parse(text, "F")
        assert set(options) <= {"num_tokens", "auto_snapshot"}
        assert len(found) == 1
        assert found[0].startswith("F")
        assert "hunter2" not in found[0]
        if sentence is not None:
            assert found == [sentence]

    @pytest.mark.parametrize("text", ["", "# nothing\n", "num_tokens:\n", "num_tokens: null\n"])
    def test_nothing_is_nothing(self, text: str) -> None:
        assert cassandra_yaml.parse(text, "F") == ({}, [])

    def test_too_large(self) -> None:
        assert cassandra_yaml.parse("#" * 100_001, "F") == ({}, ["F is larger than 100000 bytes."])

    @pytest.mark.parametrize("key", sorted(OWNED))
    def test_keys_of_this_service_are_refused_with_the_reason(self, key: str) -> None:
        options, found = cassandra_yaml.parse(f"{key}: x\n", "F")
        assert options == {}
        assert found == [f"F line 1: {key} is set by this service: {OWNED[key]}."]


def test_the_list_of_keys() -> None:
    assert len(KINDS) == 409
    assert set(OWNED) <= set(KINDS)
    assert set(WORDS) <= set(KINDS)
    assert set(RENAMED.values()) <= set(KINDS)
    assert not set(RENAMED) & set(KINDS)
    assert check_key("cluster_name") is not None
    assert check_key("num_tokens") is None
