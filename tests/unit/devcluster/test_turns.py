"""Long turns: taken by what this process starts, and with its niceness as before."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

# A process of its own, as the turns of a thread last. sched_getattr(2) follows sched_setattr(2) on all processors.
_CODE = """
import ctypes, os, subprocess, sys
from devcluster import turns
os.nice(1)
assert turns.take_long_turns()
child = subprocess.Popen(["sleep", "60"])
found = ctypes.create_string_buffer(turns._ATTRIBUTES.size)
number = turns._SCHED_SETATTR[turns.platform.machine()] + 1
assert ctypes.CDLL(None).syscall(number, child.pid, found, len(found), 0) == 0
child.kill()
_, policy, _, nice, _, runtime, _, _ = turns._ATTRIBUTES.unpack(found.raw)
print(policy, nice, runtime)
"""


@pytest.mark.skipif(
    (platform.system(), platform.machine() in ("x86_64", "aarch64")) != ("Linux", True), reason="a call of Linux"
)
def test_a_child_inherits_them() -> None:
    said = subprocess.run([sys.executable, "-c", _CODE], capture_output=True, text=True, check=True).stdout
    # Before Linux 6.12 no such process has turns of its own.
    has_turns = tuple(map(int, platform.release().split(".")[:2])) >= (6, 12)
    assert said.split() == ["0", "1", "20000000" if has_turns else "0"]
