"""Processes of this machine, identified by their start in clock ticks after a boot.

A process id alone is no identity, because the kernel uses the number again. psutil's start times follow the wall clock;
ticks do not, so that they can be stored and compared later.
"""

import os
from pathlib import Path

import psutil

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_CLOCK_TICKS = os.sysconf("SC_CLK_TCK")


def boot_id() -> str:
    """Return the kernel's id of this boot of the machine."""
    return _BOOT_ID.read_text().strip()


def find_process(pid: int) -> tuple[psutil.Process, int]:
    """Return a process, which can be a zombie, and its start in clock ticks after the boot.

    Raises:
        psutil.NoSuchProcess: no process has that id.
    """
    while True:
        # psutil adds the boot's time to the ticks. A step of the clock in between would shift the result.
        booted = psutil.boot_time()
        process = psutil.Process(pid)
        created = process.create_time()
        if psutil.boot_time() == booted:
            return process, round((created - booted) * _CLOCK_TICKS)


def is_zombie(process: psutil.Process) -> bool:
    """Return whether the process has ended and only waits for its parent."""
    return process.status() in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)
