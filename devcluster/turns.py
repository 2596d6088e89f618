"""Long turns on the processors, for many processes that all have work to do.

Linux lets a thread run for 1.4 ms on two processors before the next one has its turn. The suite has up to twelve
Cassandras and as many other processes there, and each finds cold caches after so short a turn: starting a Cassandra
takes a quarter more processor time then.
"""

from __future__ import annotations

import ctypes
import os
import platform
import struct
from typing import Final

TURN_SECONDS: Final = 0.02
# Python has no function for this call, and neither has the C library before glibc 2.41.
_SCHED_SETATTR: Final = {"x86_64": 314, "aarch64": 274}
# struct sched_attr of sched_setattr(2): size, policy, flags, nice, priority, runtime, deadline, period.
_ATTRIBUTES: Final = struct.Struct("=IIQiIQQQ")


def take_long_turns() -> bool:
    """Give this thread long turns, and all threads and processes that it starts from now on; return whether it took.

    Linux before 6.12 accepts the call without effect, and other systems have no such call.
    """
    number = _SCHED_SETATTR.get(platform.machine())
    if platform.system() != "Linux" or number is None:
        return False
    nice = os.getpriority(os.PRIO_PROCESS, 0)
    turn = int(TURN_SECONDS * 1e9)
    attributes = _ATTRIBUTES.pack(_ATTRIBUTES.size, os.SCHED_OTHER, 0, nice, 0, turn, 0, 0)
    this_thread = 0
    answer: int = ctypes.CDLL(None).syscall(number, this_thread, attributes, 0)
    return answer == 0
