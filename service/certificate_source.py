"""Where the API's certificate comes from: files, or the service's authority once the records are read."""

from __future__ import annotations

import re
import socket
from contextlib import suppress
from ipaddress import ip_address
from urllib.parse import urlsplit

from scheduler.core.state.authority import RotationPhase
from scheduler.loop.gateway import LoopGateway
from scheduler.loop.snapshot import Unavailable
from scheduler.security.api_certificate import CertificateSource
from scheduler.security.authority import Names
from scheduler.security.own_certificate import InUse, OwnCertificate
from scheduler.security.sealing import sealer
from scheduler.settings import Settings

_LOOPBACK = ("127.0.0.1", "localhost")
_DNS = re.compile(r"(?=.{1,253}$)[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*")


def certificate_source(settings: Settings, gateway: LoopGateway) -> CertificateSource | None:
    """Return the source of the API's certificate; None for plain HTTP."""
    if not settings.has_own_certificate:
        return settings.api_certificate_files()

    def in_use() -> InUse | None:
        try:
            state = gateway.snapshot().state
        except Unavailable:
            return None
        record = state.authority
        if record is None:
            return None
        following = record.following if record.phase is RotationPhase.TRUST_BOTH else None
        return InUse(record.signing, state.policy.certificate_days, following)

    issuer = settings.issuer(sealer(settings.secrets_key_file, settings.secrets_key))
    return OwnCertificate(api_names(settings), issuer, in_use, settings.api_client_ca_file)


def api_names(settings: Settings) -> Names:
    """Return the names and addresses by which clients, agents and routers reach the API."""
    urls = (urlsplit(url).hostname or "" for url in (settings.artifacts_url, settings.dc_url))
    given = [name.strip() for name in settings.api_hosts.split(",")]
    own = (settings.api_host, socket.gethostname(), socket.getfqdn(), *_addresses(), *_LOOPBACK)
    names = list(dict.fromkeys(name.lower().rstrip(".") for name in (*own, *urls, *given) if name))
    addresses = tuple(name for name in names if _is_address(name) and not ip_address(name).is_unspecified)
    dns = tuple(name for name in names if not _is_address(name) and _DNS.fullmatch(name))
    flat = settings.service_name.replace("/", "__")
    return Names(f"{settings.service_name} API", addresses, dns, f"spiffe://{flat}/api")


def own_places(settings: Settings) -> tuple[str, ...]:
    """Return addresses and names of the API for which the service's authority vouches; none if it does not.

    The names of the scheduler's machine are left out: an agent on it has them too.
    """
    if not settings.has_own_certificate:
        return ()
    found = api_names(settings)
    machine = {name.lower().rstrip(".") for name in (socket.gethostname(), socket.getfqdn(), *_LOOPBACK)}
    return (*found.addresses, *(name for name in found.dns if name not in machine))


def _addresses() -> list[str]:
    """Return the addresses of this machine's own name; none if nothing resolves it."""
    with suppress(OSError):
        return [str(item[4][0]) for item in socket.getaddrinfo(socket.gethostname(), None, type=socket.SOCK_STREAM)]
    return []


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return "%" not in name
