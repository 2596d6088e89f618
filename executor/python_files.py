"""A Python that needs nothing of its machine: the running one, with its modules, the C library and the loader.

Made for agents without Python. The archive unpacks to `python/`; `python/bin/python3` is a script that starts the
interpreter with the loader and the libraries beside it. Programs that it starts use their machine's own libraries.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from pathlib import Path

PREFIX = "python"
_LOADER = "loader"
# Modules that the executor does not need: tests, windows, installers, and what other distributions put there.
_LEFT_OUT = frozenset(
    {
        "__pycache__", "test", "tests", "idlelib", "tkinter", "turtledemo", "ensurepip", "lib2to3", "pydoc_data",
        "site-packages", "dist-packages",
    }
)  # fmt: skip
_LEFT_OUT_COMPILED = re.compile(r"_(tkinter|test|ctypes_test|xxtestfuzz|sqlite3|curses|dbm|gdbm)|readline|nis|xx")
# `libz.so.1 => /lib/x86_64-linux-gnu/libz.so.1 (0x00007f…)`, and the loader: `/lib64/ld-linux-x86-64.so.2 (0x00007f…)`
_NEEDED = re.compile(r"^\s*(?:\S+ => )?(/\S+) \(0x[0-9a-f]+\)$", re.MULTILINE)


class PythonError(Exception):
    """This Python cannot be packed; the text gives the cause."""


def collect(compiled: Iterable[Path]) -> dict[str, Path | bytes]:
    """Return the files of the archive by their path in it.

    Args:
        compiled: Compiled modules of the executor bundle, whose libraries are needed too.

    Raises:
        PythonError: A library is missing, or the machine has no `ldd`.
        OSError: A file cannot be read.
    """
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    program = Path(sys.executable).resolve()
    modules = dict(_modules(Path(sysconfig.get_path("stdlib", vars={"installed_base": sys.base_prefix}))))
    own = [path for path in modules.values() if path.suffix == ".so"]
    needed = _libraries([program, *own, *compiled])
    loader = next((path for name, path in needed.items() if name.startswith("ld-linux")), None)
    if loader is None:
        raise PythonError(f"{program} has no loader of the GNU C library")
    script = (
        "#!/bin/sh\n"
        f'here=$(cd -P "$(dirname "$0")" && pwd) || exit 1\n'
        f'exec "$here/{_LOADER}" --argv0 "$here/python3" --library-path "$here/../lib" "$here/{version}" "$@"\n'
    )
    return {
        f"{PREFIX}/bin/python3": script.encode(),
        f"{PREFIX}/bin/{version}": program,
        f"{PREFIX}/bin/{_LOADER}": loader,
        **{f"{PREFIX}/lib/{name}": path for name, path in needed.items()},
        **{f"{PREFIX}/lib/{version}/{name}": path for name, path in modules.items()},
    }


def _modules(library: Path) -> Iterator[tuple[str, Path]]:
    """Yield the files of Python's own library that a program can import, and its licence."""
    for path in sorted(_files(library)):
        wanted = path.suffix == ".py" or path.name.startswith("LICENSE")
        if path.suffix == ".so":
            wanted = not _LEFT_OUT_COMPILED.match(path.name)
        if wanted and path.is_file():
            yield path.relative_to(library).as_posix(), path


def _files(library: Path) -> Iterator[Path]:
    """Yield all files, without a look into what is left out: it can have a hundred times as many."""
    for folder, folders, names in os.walk(library):
        here = Path(folder)
        folders[:] = [name for name in folders if name not in _LEFT_OUT]
        if here == library:
            folders[:] = [name for name in folders if not name.startswith("config-")]
        yield from (here / name for name in names)


def _libraries(files: Iterable[Path]) -> dict[str, Path]:
    """Return the shared libraries that these files need, with those that the libraries need, by name."""
    command = ["ldd", *map(str, files)]
    try:
        ended = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "LC_ALL": "C"}, check=False)
    except OSError as error:
        raise PythonError(f"ldd, which lists the libraries of a program, cannot be run: {error.strerror}") from error
    if ended.returncode != 0 or "not found" in ended.stdout:
        missing = [line.strip() for line in ended.stdout.splitlines() if "not found" in line]
        raise PythonError("ldd failed: " + ("; ".join(missing) or ended.stderr.strip()))
    found = {Path(path).name: Path(path) for path in _NEEDED.findall(ended.stdout)}
    return dict(sorted(found.items()))
