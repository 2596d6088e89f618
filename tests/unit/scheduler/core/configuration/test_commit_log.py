"""Writes that wait for the commit log."""

from __future__ import annotations

from typing import Any

import pytest

from scheduler.core.configuration.commit_log import slow_writes

PERIODIC = {"commitlog_sync": "periodic", "commitlog_sync_period": "10000ms"}
LAG = "periodic_commitlog_sync_lag_block"
GROUP = {"commitlog_sync": "group", "commitlog_sync_group_window": "15s"}


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({}, ""),
        (PERIODIC, ""),
        (PERIODIC | {LAG: "15s"}, ""),
        (PERIODIC | {LAG: "8s"}, ""),
        (PERIODIC | {LAG: None}, ""),
        (PERIODIC | {LAG: "0ms", "commitlog_sync_period": "100ms"}, ""),
        (PERIODIC | {LAG: "0ms", "write_request_timeout": "20s"}, ""),
        ({"commitlog_sync": "batch", LAG: "0ms"}, ""),
        (GROUP | {"commitlog_sync_group_window": "10ms"}, ""),
        (
            PERIODIC | {LAG: "0ms"},
            "with commitlog_sync_period 10000ms and periodic_commitlog_sync_lag_block 0ms a write waits up to 10 s for "
            "the commit log, longer than write_request_timeout (2000ms): writes fail, and nodes take minutes to start",
        ),
        (PERIODIC | {LAG: "7999ms"}, "up to 2.001 s for"),
        (PERIODIC | {LAG: "1s", "write_request_timeout": "5s"}, "up to 9 s for the commit log, longer than write_requ"),
        (GROUP, "with commitlog_sync_group_window 15s a write waits up to 15 s"),
    ],
)
def test_which_writes_are_slow(options: dict[str, Any], says: str) -> None:
    found = slow_writes(options)
    assert len(found) == bool(says)
    assert says in "".join(found)
