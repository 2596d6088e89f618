"""A program that becomes the given command and gets SIGTERM when the process that started it dies.

Run as `python exec_child.py PARENT_PID COMMAND ARGUMENT…`. The executor can be killed without a chance to stop its
Cassandra. Cassandra then shuts down in order and frees the volume and the ports.
"""

from __future__ import annotations

import ctypes
import os
import sys

_PR_SET_PDEATHSIG = 1
# The module signal would take a third of the time of this program.
_SIGTERM = 15


def wrapper() -> list[str]:
    """Return the words before a command that is to end with this process, even if that is killed."""
    # Without the search for modules of the machine, it starts in half the time.
    return [sys.executable, "-I", "-S", __file__, str(os.getpid())]


def main(arguments: list[str]) -> None:
    """Replace this process by the command. Exits with a message if the parent has ended or the command cannot run."""
    parent, command = int(arguments[0]), arguments[1:]
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, _SIGTERM, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
    # The parent can have died before the call above, and then no signal comes.
    if os.getppid() != parent:
        sys.exit("the executor has ended")
    try:
        os.execv(command[0], command)
    except OSError as error:
        sys.exit(f"{command[0]} cannot be run: {error}")


if __name__ == "__main__":
    main(sys.argv[1:])
