"""The ACL of the service's znodes, and the migration of znodes that have another one."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from kazoo.client import KazooClient
from kazoo.exceptions import NoNodeError
from kazoo.security import ACL, ANYONE_ID_UNSAFE, Permissions, make_digest_acl

from scheduler.errors import Exit, FatalError
from scheduler.security.zookeeper import Access
from scheduler.storage.answers import take_answer

logger = logging.getLogger(__name__)

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
        changed += sum(_protect_batch(client, batch, wanted, refused) for batch in _batches(level))
        level = [child for batch in _batches(level) for child in _children(client, batch, refused)]
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


def _protect_batch(client: KazooClient, paths: Sequence[str], wanted: list[ACL], refused: list[str]) -> int:
    asked = {path: client.get_acls_async(path) for path in paths}
    differing = []
    for path, result in asked.items():
        try:
            if sorted(take_answer(result, path)[0]) != sorted(wanted):
                differing.append(path)
        except NoNodeError:
            continue  # the lock of a scheduler that has just ended
        except FatalError:
            refused.append(path)
    changed = 0
    for path, changing in {path: client.set_acls_async(path, wanted) for path in differing}.items():
        try:
            take_answer(changing, path)
            changed += 1
        except NoNodeError:
            continue
        except FatalError:
            refused.append(path)
    return changed


def _children(client: KazooClient, paths: Sequence[str], refused: Sequence[str]) -> Iterator[str]:
    results = {path: client.get_children_async(path) for path in paths if path not in refused}
    for path, result in results.items():
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
