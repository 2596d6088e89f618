"""Where a request comes from: its address, the Host that it names, and whether a page of another site sent it.

A browser lets any page send a POST to any address. It names the page's site in Origin and Sec-Fetch-Site, which no page
can change. A page whose own name leads to this API (DNS rebinding) has the right Origin, but a Host that is foreign.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from functools import cached_property
from urllib.parse import urlsplit

from flask import Request

from scheduler.settings import Settings

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
# A page's own requests, and what a person types or a program sends.
_OWN_SITE = frozenset({"same-origin", "none"})
# What a router adds. A page of another site cannot: its browser asks for leave first, which this API does not give.
_ROUTERS = ("X-Forwarded-Host", "X-Forwarded-For", "X-Forwarded-Proto", "X-Real-IP", "Forwarded")
# No stranger can register a name below these.
_PRIVATE = (".mesos", ".localhost", ".thisdcos.directory")
_PORTS = {"http": 80, "https": 443}
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^:\[\]/@\s,]+)(?::([0-9]{1,5}))?")


class Hosts:
    """The names by which this API is reached."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._given = frozenset(settings.api_hosts.lower().split(",")) - {""}

    def problem(self, request: Request) -> str | None:
        """Return what is wrong with the Host of a request that no token vouches for; None if nothing is."""
        headers = request.headers
        host = headers.get("Host")
        if not host or self.knows(host):
            return None
        if not self._given and any(name in headers for name in _ROUTERS) and not self._is_direct(host, request):
            return None
        return f"The Host {host[:80]} is not a name of this API: add it to API_HOSTS if it is."

    def knows(self, host: str) -> bool:
        """Return whether this is an address, or a name that is given or can be ours alone."""
        found = _HOST.fullmatch(host.strip())
        if found is None:
            return False
        name = found[1].lower().rstrip(".")
        if _is_address(name.strip("[]")) or "." not in name or name.endswith(_PRIVATE):
            return True
        return name in self._given or name in self._own

    def _is_direct(self, host: str, request: Request) -> bool:
        """Return whether this Host leads to our own port: a page that rebinds its name has to be served there too.

        A browser leaves out the port of the scheme.
        """
        found = _pair(host, _PORTS["https" if request.is_secure else "http"])
        return found is None or found[1] == self._settings.api_port

    @cached_property
    def _own(self) -> frozenset[str]:
        settings = self._settings
        urls = (urlsplit(url).hostname or "" for url in (settings.artifacts_url, settings.dc_url))
        names = (settings.api_host, socket.gethostname(), socket.getfqdn(), *urls, *_masters(settings.mesos_master))
        return frozenset(name.lower().rstrip(".") for name in names)

    def is_foreign(self, request: Request, trusting: bool) -> str | None:
        """Return the sentence with which a command of another site's page is refused; None for any other request."""
        if request.method in SAFE:
            return None
        site = request.headers.get("Sec-Fetch-Site", "none").strip().lower()
        origin = request.headers.get("Origin")
        if site in _OWN_SITE and (origin is None or self._is_own(origin, request, trusting)):
            return None
        shown = f"the Origin {origin[:80]}" if origin is not None else f"Sec-Fetch-Site {site[:20]}"
        return f"A page of another site cannot command this cluster: the request has {shown}."

    def _is_own(self, origin: str, request: Request, trusting: bool) -> bool:
        scheme, separator, place = origin.strip().lower().partition("://")
        if not separator or scheme not in _PORTS:
            return False
        asked = [request.headers.get("Host", "")]
        if trusting:
            asked += request.headers.get("X-Forwarded-Host", "").split(",")
        port = _PORTS[scheme]
        own = _pair(place, port)
        if own is None:
            return False
        return own[0] in self._given or any(_pair(host, port) == own for host in asked)


def address_of(request: Request, trusting: bool) -> str:
    """Return the client's address: that of the connection, or, with a trusted router, the last that it forwards."""
    if trusting:
        forwarded = request.headers.get("X-Forwarded-For", "").rpartition(",")[2].strip()
        if _is_address(forwarded):
            return forwarded
    return request.remote_addr or "an unknown address"


def _pair(host: str, port: int) -> tuple[str, int] | None:
    found = _HOST.fullmatch(host.strip().lower())
    return None if found is None else (found[1].rstrip("."), int(found[2] or port))


def _masters(master: str) -> list[str]:
    addresses = master.removeprefix("zk://").partition("/")[0].split(",")
    return [address.rpartition("@")[2].rpartition(":")[0] or address for address in addresses]


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
