"""The server's process."""

from __future__ import annotations

import subprocess
import sys

_PROGRAM = """
import gc, sys
from service.server import SWITCH_SECONDS, share_the_interpreter
before = len(gc.get_objects())
share_the_interpreter()
assert abs(sys.getswitchinterval() - SWITCH_SECONDS) < 1e-6
print(before, len(gc.get_objects()), gc.get_freeze_count())
"""


def test_garbage_collections_leave_out_what_start_up_made() -> None:
    """A whole collection stops the API's threads, and modules and routes are most of what it would look at."""
    program = subprocess.run([sys.executable, "-c", _PROGRAM], capture_output=True, text=True, check=True)
    before, left, frozen = map(int, program.stdout.split())
    assert left < before / 100
    assert frozen > before * 0.9
