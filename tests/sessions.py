"""The end of another client's ZooKeeper session, as the server ends it when it expires."""

from __future__ import annotations

from kazoo.client import KazooClient

from tests.waiting import patient

_MULTIPLIER, _INCREMENT, _MASK = 0x5DEECE66D, 0xB, (1 << 48) - 1
_SERVERS_SALT = 0xB3415C00


def expire(hosts: str, path: str) -> None:
    """End the session that holds an ephemeral node at this path, or below it. Its client is told as of an expiry."""
    helper = KazooClient(hosts)
    helper.start(timeout=patient(15))
    try:
        names = [path, *(f"{path}/{child}" for child in sorted(helper.get_children(path)))]
        owners = [helper.get(name)[1].ephemeralOwner for name in names]
    finally:
        helper.stop()
        helper.close()
    (session,) = {owner for owner in owners if owner}
    thief = KazooClient(hosts, client_id=(session, _password(session)))
    thief.start(timeout=patient(15))
    thief.stop()  # which closes the session that it took
    thief.close()


def _password(session: int) -> bytes:
    """Return the server's password of this session: java.util.Random's bytes, seeded with its id and a constant."""
    seed = (session ^ _SERVERS_SALT ^ _MULTIPLIER) & _MASK
    found = b""
    while len(found) < 16:
        seed = (seed * _MULTIPLIER + _INCREMENT) & _MASK
        found += (seed >> 16).to_bytes(4, "little")
    return found
