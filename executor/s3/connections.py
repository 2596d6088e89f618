"""Connections of the HTTP library, which has no settings for what is added to them here."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any


def extend(pools: MutableMapping[str, Any], part: type[Any], **attributes: Any) -> None:
    """Have each connection be of a class that begins with this part.

    Args:
        pools: urllib3's classes of pools by scheme.
        part: A class whose methods call those of urllib3's connections.
        attributes: What the class of the connections has beside it.
    """
    for scheme, pool in pools.items():
        # With their names, which are a part of the library's errors.
        plain = pool.ConnectionCls
        connection = type(plain.__name__, (part, plain), attributes)
        pools[scheme] = type(pool.__name__, (pool,), {"ConnectionCls": connection})
