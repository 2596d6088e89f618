"""The addresses at which machines in clouds ask for their credentials. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import Any

# What machines in clouds ask for their credentials: link-local addresses, and those of Amazon, Google, Alibaba, Oracle
# and Azure beside them.
_METADATA = tuple(
    map(
        ipaddress.ip_network,
        (
            "169.254.0.0/16",
            "fe80::/10",
            "fd00:ec2::/32",
            "fd20:ce::/32",
            "100.100.100.200",
            "192.0.0.192",
            "168.63.129.16",
        ),
    )
)
# Of IPv4 addresses in IPv6: mapped, compatible, translated, and of 6to4 and Teredo.
_TRANSLATED = (
    ipaddress.ip_network("64:ff9b::/96"),
    ipaddress.ip_network("64:ff9b:1::/48"),
    ipaddress.ip_network("::/96"),
)


def is_metadata(text: str) -> bool:
    """Tell whether an address is link-local or of a metadata service, however it is written.

    Raises:
        ValueError: The text is no address.
    """
    address = ipaddress.ip_address(text.partition("%")[0])
    return any(found in network for found in _meant(address) for network in _METADATA)


def _meant(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> Iterable[Any]:
    yield address
    if isinstance(address, ipaddress.IPv6Address):
        yield from filter(None, (address.ipv4_mapped, address.sixtofour, *(address.teredo or ())))
        if any(address in network for network in _TRANSLATED):
            yield ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
