"""Clocks of single processes, shifted while they run by a library that is loaded before all others."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

# Debian's libfaketime also changes sleeps, and breaks those of Python 3.11.
_SOURCE = Path(__file__).parent / "shifted_clock.c"


def compiler() -> str | None:
    """Return the C compiler; None without one."""
    return shutil.which("cc")


@dataclass(frozen=True)
class Clock:
    """The clock of all processes that were started within `used`, and of their children."""

    library: Path
    file: Path

    def set(self, seconds: float) -> None:
        """Set it ahead of the machine's by so many seconds, or back."""
        partial = self.file.with_suffix(".new")
        partial.write_text(f"{seconds:.0f}\n")
        partial.replace(self.file)

    @contextmanager
    def used(self) -> Iterator[None]:
        """Start processes with this clock."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("LD_PRELOAD", str(self.library))
            patch.setenv("CLOCK_OFFSET_FILE", str(self.file))
            yield


def clocks(folder: Path, *names: str) -> tuple[Clock, ...]:
    """Return clocks that are right."""
    library = folder / "shifted_clock.so"
    command = [str(compiler()), "-O2", "-Wall", "-Werror", "-shared", "-fPIC", "-o", str(library), str(_SOURCE)]
    subprocess.run(command, check=True)
    made = tuple(Clock(library, folder / name) for name in names)
    for clock in made:
        clock.set(0.0)
    return made
