"""The driver's errors as sentences."""

from __future__ import annotations

import pytest
from cassandra import ConsistencyLevel, DriverException, InvalidRequest
from cassandra.cluster import NoHostAvailable
from cassandra.protocol import SyntaxException

from executor.cql.session import ConnectError, open_session, words
from tests.ports import free_port

REFUSED = 'Error from server: code=2200 [Invalid query] message="Resource <table held.t> doesn\'t exist"'

FEW = (
    'Error from server: code=1000 [Unavailable exception] message="Cannot do it"'
    " info={'consistency': 'LOCAL_QUORUM', 'required_replicas': 2, 'alive_replicas': 1}"
)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (InvalidRequest(REFUSED), "Resource <table held.t> doesn't exist"),
        (NoHostAvailable("none", {"127.0.0.1": InvalidRequest(REFUSED)}), "Resource <table held.t> doesn't exist"),
        (SyntaxException(0x2000, 'line 1:84 "x"', None), 'line 1:84 "x"'),
        (InvalidRequest("Failed to authenticate"), "Failed to authenticate"),
        (
            DriverException(FEW),
            "Cannot do it (consistency: LOCAL_QUORUM, required_replicas: 2, alive_replicas: 1)",
        ),
    ],
)
def test_words(error: Exception, expected: str) -> None:
    assert words(error).startswith(expected)


@pytest.mark.parametrize("problem", ["certificate is not yet valid", "certificate has expired"])
def test_a_certificate_at_a_wrong_time_points_to_the_clock(problem: str) -> None:
    error = NoHostAvailable("none", {"10.0.0.1": OSError(1, f"Last error: certificate verify failed: {problem}")})
    assert words(error).endswith("if its node renewed it in time, this agent's clock is wrong")


def test_a_refused_connection_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    """A repair asks each of its replicas for every segment: the log must not fill with the driver's stacks."""
    port = free_port("127.0.43.71")
    with (
        pytest.raises(ConnectError, match=f"CQL on 127.0.43.71:{port}: .*Connection refused"),
        open_session("127.0.43.71", port, {}, ConsistencyLevel.ONE, 5.0),
    ):
        pass
    assert caplog.records == []
