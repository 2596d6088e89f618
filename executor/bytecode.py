"""The compiled modules in the executor bundle: each start would compile them again, as no sandbox outlives it.

Python ignores those of another minor version, and compiles the modules beside them. Made for the bundle's builder.
"""

from __future__ import annotations

import importlib.util
import marshal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path, PurePosixPath

_STARTED = "executor.program"
_SCRIPT = f"""\
import sys
sys.path.insert(0, sys.argv[1])
import {_STARTED}
print(*(found.__file__ for found in list(sys.modules.values()) if getattr(found, "__file__", None)), sep="\\n")
"""
# It is not compared with its module, which comes in the same archive.
_UNCHECKED = (1).to_bytes(4, "little")
# Later versions of the format depend on what else the process has loaded.
_FORMAT = 2


class BytecodeError(Exception):
    """The executor's modules cannot be loaded here; the text gives the cause."""


def compiled(files: Mapping[str, Path]) -> dict[str, bytes]:
    """Return the bytecode of the modules that a start of the executor loads.

    Args:
        files: The modules by their path in the bundle.

    Returns:
        The bytecode by its path in the bundle; the same modules and Python give the same bytes.

    Raises:
        BytecodeError: The executor's modules cannot be loaded.
    """
    command = [sys.executable, "-c", _SCRIPT, str(Path(__file__).resolve().parents[1])]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    if ended.returncode != 0:
        raise BytecodeError(f"{_STARTED} cannot be loaded:\n{ended.stderr.strip()}")
    loaded = {Path(line).resolve() for line in ended.stdout.splitlines()}
    made = {}
    for name, path in files.items():
        if name.endswith(".py") and path.resolve() in loaded:
            # The constants of Python 3.14 can be slices, which this format lacks. Each start compiles such a module.
            with suppress(ValueError):
                made[_place(PurePosixPath(name))] = _bytecode(name, path)
    return made


def _place(module: PurePosixPath) -> str:
    """Return where an executor looks for the bytecode, wherever the builder's own Python keeps it."""
    return str(module.parent / "__pycache__" / f"{module.stem}.{sys.implementation.cache_tag}.pyc")


def _bytecode(name: str, path: Path) -> bytes:
    source = path.read_bytes()
    code = compile(source, PurePosixPath(name).name, "exec", dont_inherit=True, optimize=0)
    header = importlib.util.MAGIC_NUMBER + _UNCHECKED + importlib.util.source_hash(source)
    return header + marshal.dumps(code, _FORMAT)
