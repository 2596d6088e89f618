"""Become the command given, in such a way that it gets SIGTERM when the process that started this one dies.

Run as a program: `python exec_child.py PARENT_PID COMMAND ARGUMENT…`. The executor may be killed without a chance to
stop its Cassandra; Cassandra then shuts itself down in order, instead of holding volume and ports for ever.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> None:
    parent, command = int(arguments[0]), arguments[1:]
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
    # The parent may have died before the call above, and no signal comes for the past.
    if os.getppid() != parent:
        sys.exit("the executor has ended")
    try:
        os.execv(command[0], command)
    except OSError as error:
        sys.exit(f"{command[0]} cannot be run: {error}")


if __name__ == "__main__":
    main(sys.argv[1:])
