"""Removal of secrets from documents and, on request, of the names of machines and people."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from itertools import chain
from typing import Any

HIDDEN = "<hidden>"
_SECRET = re.compile(r"pass(word|wd)?$|secret|token$|access_key|private|credential|_key$", re.IGNORECASE)
# The tokens of Cassandra's ring are none; nor is the path of a file, nor the size of a list.
_HARMLESS = re.compile(r"token_count|num_tokens|_file$|^resource_id$", re.IGNORECASE)
_CREDENTIALS_IN_URL = re.compile(r"(?<=://)[^/\s:@]+:[^/\s@]+(?=@)")
# As in a JVM option: -Djavax.net.ssl.trustStorePassword=… A word without an end would be read again from each begin.
_ASSIGNED = re.compile(r"(?i)((?:password|passwd|secret|access_?key|token)\w{0,64}=)[^\s,;\"']+")
_ADDRESS = re.compile(r"\b\d{1,3}(?:\.\d{1,3}){3}\b")
# Times and fingerprints have colons too, so that a match is read as an address first.
_IPV6 = re.compile(r"(?<![\w:.])(?:[0-9A-Fa-f]{0,4}:){2,7}(?:(?:\d{1,3}\.){3}\d{1,3}|[0-9A-Fa-f]{1,4})?(?![\w:])")
# That of a URL: s3://bucket, zk://a:2181,b:2181.
_AUTHORITY = re.compile(r"(?<=://)[^/\s\"'?#\\)]+(?<![.,;:])")
# The holder of a token in the sentence of a refusal, whom no field names unless a command of theirs was accepted.
_HOLDER = re.compile(
    r"the token of (.{1,80}?) has (?:read|operate|configure|admin)\b"
    r"|(?:\b40\d for|refused with 40\d:) ([^(),]{1,80}?) at |client certificate of (.{1,80}?) has "
)
_PORT = re.compile(r":\d+$")
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
    """Replaces addresses, the hosts of URLs and the values of some fields by names as host-1, the same everywhere."""

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
        elif isinstance(value, str):
            for holder in filter(None, chain.from_iterable(_HOLDER.findall(value))):
                self._name(holder, "principal")
            for found in _AUTHORITY.findall(value):
                for _, host, _ in map(_split_host, found.split(",")):
                    # A single word such as `master` is also a word of the documents: it is replaced in URLs alone.
                    if "." in host and not _ADDRESS.fullmatch(host):
                        self._name(host, "host")

    def apply(self, text: str) -> str:
        """Return a text without these names, without any address, and without the host of any URL."""
        known = "|".join(re.escape(name) for name in sorted(self._names, key=len, reverse=True))
        names = rf"(?P<name>(?<![\w.-])(?:{known})(?![\w-]))|" if known else ""
        others = f"(?P<authority>{_AUTHORITY.pattern})|(?P<address>{_ADDRESS.pattern})|(?P<ipv6>{_IPV6.pattern})"
        return re.sub(names + others, self._replace, text)

    def _replace(self, match: re.Match[str]) -> str:
        found = match[0]
        match match.lastgroup:
            case "name":
                return self._names[found]
            case "authority":
                return ",".join(map(self._hide_host, found.split(",")))
            case "ipv6" if not _is_ipv6(found):
                return found
        return self._name(found, "address")

    def _hide_host(self, text: str) -> str:
        login, host, port = _split_host(text)
        return f"{HIDDEN + '@' if login else ''}{self._name(host, 'host') if host else ''}{port}"

    def _name(self, found: str, kind: str) -> str:
        return self._names.setdefault(found, f"{kind}-{len(self._names) + 1}")


def _split_host(text: str) -> tuple[str, str, str]:
    """Return the login, the host, and the port with its colon, of `user:password@host:80`."""
    login, _, place = text.rpartition("@")
    found = _PORT.search(place)
    return (login, place, "") if found is None else (login, place[: found.start()], found[0])


def _is_ipv6(text: str) -> bool:
    try:
        return bool(ipaddress.IPv6Address(text)) and text.strip(":") != ""
    except ValueError:
        return False


def _is_secret(name: str) -> bool:
    return bool(_SECRET.search(name)) and not _HARMLESS.search(name)
