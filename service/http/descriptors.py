"""Descriptors of the API's connections: many, and none of those that the rest of the process needs."""

from __future__ import annotations

import fcntl
import logging
import os
import resource

log = logging.getLogger(__name__)

# select(), which the Mesos drivers use, knows only descriptors below this. Thousands of clients would use them up, and
# the next connection to the master would end the scheduler. So the API's own are above.
SELECT_DESCRIPTORS = 1024
# With a limit that leaves no room above: how many are left to the rest of the process.
RESERVED = 256


def lift(descriptor: int) -> int:
    """Return a copy of a descriptor outside of select()'s range, inside of it only if the limit leaves no other.

    Raises:
        OSError: the limit is reached.
    """
    try:
        return fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, SELECT_DESCRIPTORS)
    except OSError:
        return os.dup(descriptor)


def reserve(connections: int) -> int:
    """Raise the soft limit of open files as far as needed and allowed.

    Returns:
        How many descriptors the API may use: `connections`, or fewer, of which the log then tells.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + SELECT_DESCRIPTORS
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return connections
    found = max(soft - SELECT_DESCRIPTORS, min(soft, SELECT_DESCRIPTORS) - RESERVED)
    log.warning(
        "the hard limit of open files is %d: the API keeps at most %d connections instead of %d",
        hard,
        found,
        connections,
    )
    return found
