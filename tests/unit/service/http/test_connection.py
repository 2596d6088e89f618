"""By what limits count clients."""

from __future__ import annotations

import pytest

from service.http.connection import origin


@pytest.mark.parametrize(("address", "counted"), [
    ("10.0.0.1", "10.0.0.1"),
    ("::ffff:10.0.0.1", "10.0.0.1"),
    ("2001:db8::1", "2001:db8::/64"),
    ("2001:db8::ffff:1", "2001:db8::/64"),
    ("2001:db8:0:1::1", "2001:db8:0:1::/64"),
    ("fe80::1%eth0", "fe80::/64"),
])  # fmt: skip
def test_an_ipv6_client_counts_by_its_network(address: str, counted: str) -> None:
    assert origin(address) == counted
