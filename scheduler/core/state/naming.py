"""Names of nodes for the addresses in the texts of executors and Cassandra."""

from __future__ import annotations

import re

from scheduler.core.state.cluster import ClusterState

_V4 = r"\d{1,3}(?:\.\d{1,3}){3}"
_V6 = r"[0-9a-fA-F]{0,4}(?::[0-9a-fA-F]{0,4}){1,6}:[0-9a-fA-F]{1,4}"
# As Java writes it too: /10.0.0.1:7000.
_ADDRESS = re.compile(rf"(?<![\w.:/\[-])/?(?P<whole>(?:{_V4}|\[{_V6}\])(?::\d+)?|{_V6})(?![.:]?\w)")
_NAMED = re.compile(r"node-\d+ \(/?\Z")
# No longer is what stands before an address with a name.
_BEFORE = 32


def named(state: ClusterState, text: str) -> str:
    """Return the text with `node-2 (10.0.0.3)` for each address of a node that has no name beside it yet.

    It takes linear time: a text of an executor can have ten thousand addresses, and each cycle asks again.
    """

    if text.count(".") < 3 and text.count(":") < 2:  # no address is shorter, and each cycle asks for every step
        return text

    def name(match: re.Match[str]) -> str:
        found = state.names_by_address.get(_bare(match["whole"]))
        if found is None or _NAMED.search(text, max(0, match.start() - _BEFORE), match.start()):
            return match[0]
        return f"{found} ({match['whole']})"

    return _ADDRESS.sub(name, text)


def _bare(text: str) -> str:
    """Return an address without its port, and without the brackets of IPv6."""
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0] if text.count(":") == 1 else text
