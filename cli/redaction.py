"""Removal of secrets from documents and, on request, of the names of machines and people."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

HIDDEN = "<hidden>"
_SECRET = re.compile(r"pass(word|wd)?$|secret|token$|access_key|private|credential|_key$", re.IGNORECASE)
# The tokens of Cassandra's ring are none; nor is the path of a file, nor the size of a list.
_HARMLESS = re.compile(r"token_count|num_tokens|_file$|^resource_id$", re.IGNORECASE)
_CREDENTIALS_IN_URL = re.compile(r"(?<=://)[^/\s:@]+:[^/\s@]+(?=@)")
# As in a JVM option: -Djavax.net.ssl.trustStorePassword=…
_ASSIGNED = re.compile(r"(?i)((?:password|passwd|secret|access_?key|token)\w*=)[^\s,;\"']+")
_ADDRESS = re.compile(r"\b\d{1,3}(?:\.\d{1,3}){3}\b")
_NAMED = ("hostname", "address", "endpoint", "principal", "user", "external_location")


def without_secrets(value: Any) -> Any:
    """Return a document with HIDDEN in the place of each value whose name is that of a secret."""
    if isinstance(value, Mapping):
        return {
            name: HIDDEN if _is_secret(str(name)) and item not in (None, "", HIDDEN) else without_secrets(item)
            for name, item in value.items()
        }
    if isinstance(value, list):
        return [without_secrets(item) for item in value]
    return _ASSIGNED.sub(rf"\1{HIDDEN}", _CREDENTIALS_IN_URL.sub(HIDDEN, value)) if isinstance(value, str) else value


class Redaction:
    """Replaces addresses and the values of some fields by names such as host-1, the same everywhere."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}

    def learn(self, value: Any) -> None:
        """Remember the names of machines and people of a document."""
        if isinstance(value, Mapping):
            for name, item in value.items():
                if name in _NAMED and isinstance(item, str) and item:
                    self._name(item, "host" if name == "hostname" else name.replace("external_", ""))
                self.learn(item)
        elif isinstance(value, list):
            for item in value:
                self.learn(item)

    def apply(self, text: str) -> str:
        """Return a text without these names, and without any address."""
        for name in sorted(self._names, key=len, reverse=True):
            text = re.sub(rf"(?<![\w.-]){re.escape(name)}(?![\w-])", self._names[name], text)
        return _ADDRESS.sub(lambda match: self._name(match[0], "address"), text)

    def _name(self, found: str, kind: str) -> str:
        return self._names.setdefault(found, f"{kind}-{len(self._names) + 1}")


def _is_secret(name: str) -> bool:
    return bool(_SECRET.search(name)) and not _HARMLESS.search(name)
