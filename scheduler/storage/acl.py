"""The ACL of the service's znodes, and the migration of znodes that have another one."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from kazoo.client import KazooClient
from kazoo.exceptions import NoNodeError
from kazoo.protocol.states import ZnodeStat
from kazoo.security import ACL, ANYONE_ID_UNSAFE, Permissions, make_digest_acl

from scheduler.errors import Exit, FatalError
from scheduler.security.zookeeper import Access
from scheduler.storage.answers import take_answer

logger = logging.getLogger(__name__)

# A path and its znode's stat.
Seen = tuple[str, ZnodeStat]

# Requests in flight: ZooKeeper throttles a client with more than a thousand.
_BATCH = 500
# A sentence with more paths would not be read.
_PATHS_SHOWN = 3


def acl_of(access: Access) -> list[ACL] | None:
    """Return the ACL of every znode of the service; None without credentials, which leaves it to ZooKeeper: open."""
    owner = access.owner
    if owner is None:
        return None
    acl = [make_digest_acl(owner.user, owner.password, all=True)]
    return [*acl, ACL(Permissions.READ, ANYONE_ID_UNSAFE)] if access.world_reads else acl


def protect(client: KazooClient, root: str, access: Access) -> int:
    """Give the service's ACL to each znode below `root` that has another one, and to `root`; return how many.

    A folder comes before its children: once it is closed, no other client can add one. So the migration can stop at any
    point, and the next one continues. Only the scheduler that holds the lock may call this.

    Raises:
        FatalError: At least one znode belongs to other credentials; the text has their paths.
        StoreUnavailableError: ZooKeeper does not answer.
    """
    wanted = acl_of(access)
    if wanted is None or access.owner is None:
        return 0
    seen = changed = 0
    refused: list[str] = []
    level = [root]
    while level:
        seen += len(level)
        folders: list[str] = []
        for batch in _batches(level):
            right, differing = _compare(client, batch, wanted, refused)
            closed = _close(client, differing, wanted, refused)
            changed += len(closed)
            # Of a closed znode alone is the number of children final.
            folders += [path for path, stat in (*right, *closed) if stat.numChildren]
        level = [child for batch in _batches(folders) for child in _children(client, batch)]
    if changed:
        readers = "every client can read them" if access.world_reads else "no other client can read them"
        logger.info(
            "ZooKeeper: %d of %d znodes of %s got the ACL of the user %s; %s",
            changed,
            seen,
            root,
            access.owner.user,
            readers,
        )
    if refused:
        raise _foreign(refused)
    return changed


def _compare(
    client: KazooClient, paths: Sequence[str], wanted: list[ACL], refused: list[str]
) -> tuple[list[Seen], list[str]]:
    """Return the znodes with the wanted ACL, and the paths of those with another one."""
    right: list[Seen] = []
    differing: list[str] = []
    for path, result in {path: client.get_acls_async(path) for path in paths}.items():
        try:
            acl, stat = take_answer(result, path)
        except NoNodeError:
            continue  # the lock of a scheduler that has just ended
        except FatalError:
            refused.append(path)
            continue
        if sorted(acl) == sorted(wanted):
            right.append((path, stat))
        else:
            differing.append(path)
    return right, differing


def _close(client: KazooClient, paths: Sequence[str], wanted: list[ACL], refused: list[str]) -> list[Seen]:
    """Set the ACL of these znodes; return those that have it now."""
    closed: list[Seen] = []
    for path, result in {path: client.set_acls_async(path, wanted) for path in paths}.items():
        try:
            closed.append((path, take_answer(result, path)))
        except NoNodeError:
            continue
        except FatalError:
            refused.append(path)
    return closed


def _children(client: KazooClient, paths: Sequence[str]) -> Iterator[str]:
    for path, result in {path: client.get_children_async(path) for path in paths}.items():
        try:
            names = take_answer(result, path)
        except NoNodeError:
            continue
        yield from (f"{path}/{name}" for name in sorted(names))


def _batches(paths: Iterable[str]) -> Iterator[list[str]]:
    rest = iter(paths)
    while batch := list(islice(rest, _BATCH)):
        yield batch


def _foreign(paths: Sequence[str]) -> FatalError:
    shown = ", ".join(paths[:_PATHS_SHOWN])
    more = f" and {len(paths) - _PATHS_SHOWN} more znodes" if len(paths) > _PATHS_SHOWN else ""
    return FatalError(
        Exit.UNAUTHORIZED,
        f"{shown}{more} cannot be protected: other credentials own them in ZooKeeper; add these credentials as a "
        "further line to the file of ZOOKEEPER_CREDENTIALS_FILE, or remove the znodes if they are not of this service.",
    )
