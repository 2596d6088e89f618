"""One line a minute in the log, with counts."""

from __future__ import annotations

import pytest

from service.http.tally import Cause, Tally


def test_one_line_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    tally = Tally(0.0)
    for _ in range(300):
        tally.add(Cause.CROWD)
    tally.add(Cause.LATE)
    tally.report(59.0)
    assert not caplog.messages
    tally.report(60.0)
    tally.report(120.0)
    assert caplog.messages == [
        "the API closed connections in the last 60 s: 300 for too many connections, "
        "1 for a request that did not arrive in time"
    ]
