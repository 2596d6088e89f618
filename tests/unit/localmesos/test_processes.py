"""Processes with a start time that does not follow the wall clock."""

import os
import subprocess
import sys
from itertools import chain, repeat
from pathlib import Path

import psutil
import pytest

from localmesos.processes import find_process, is_zombie

# As proc(5) numbers the fields behind the command's name.
START_TIME = 22 - 3


def kernels_start_time(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[START_TIME])


def test_the_start_is_the_kernels() -> None:
    process, start_time = find_process(os.getpid())
    assert (process.pid, start_time) == (os.getpid(), kernels_start_time(os.getpid()))


def test_a_step_of_the_clock_does_not_change_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """psutil adds the boot's time, which follows the clock: here it steps by an hour between two readings."""
    boot = psutil.boot_time()
    readings = chain([boot - 3600.0], repeat(boot))
    monkeypatch.setattr(psutil, "boot_time", lambda: next(readings))
    assert find_process(os.getpid())[1] == kernels_start_time(os.getpid())


def test_no_process() -> None:
    with pytest.raises(psutil.NoSuchProcess):
        find_process(2**22 + 1)


def test_a_zombie_is_found() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as child:
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert is_zombie(find_process(child.pid)[0])
    assert not is_zombie(find_process(os.getpid())[0])
