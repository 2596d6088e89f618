"""Build the command line as one file that needs Python alone: `python -m cli.zipapp OUT`.

The archive has this package and the pure Python part of its libraries, as they are installed here, with their licences.
The same inputs give the same bytes. Only Python's standard library is used.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import importlib.util
import io
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

NAME = "cassandra-mesos"
HERE = Path(__file__).resolve().parent
_SHEBANG = b"#!/usr/bin/env python3\n"
_MAIN = """\
import sys

if sys.version_info < (3, 11):
    sys.exit("cassandra-mesos needs Python 3.11 or later.")

from cli.root import main

sys.exit(main())
"""
# Packages by their distribution. What rich needs of pygments and markdown is not used by a progress display.
_PACKAGES = {"click": "click", "rich": "rich", "yaml": "PyYAML"}
_NOT_IN_ARCHIVE = (HERE / "zipapp.py", HERE / "document.py")
_TIME = (1980, 1, 1, 0, 0, 0)


class ZipappError(Exception):
    """The archive cannot be built; the text gives the reason."""


def build(target: Path) -> Path:
    """Write the archive to this path, unless it has the same bytes already, and return the path.

    Raises:
        ZipappError: A library is not installed.
    """
    data = _SHEBANG + _archive(dict(_contents()))
    if not target.exists() or target.read_bytes() != data:
        partial = target.with_name(f".{target.name}.partial")
        partial.write_bytes(data)
        partial.chmod(0o755)
        partial.replace(target)
    return target


def _contents() -> Iterator[tuple[str, bytes]]:
    """Yield the name and the content of each file."""
    yield "__main__.py", _MAIN.encode()
    yield "cli/VERSION", f"{_version()}\n".encode()
    for path in _python_files(HERE):
        if path not in _NOT_IN_ARCHIVE:
            yield f"cli/{path.relative_to(HERE).as_posix()}", path.read_bytes()
    for package, distribution in _PACKAGES.items():
        root = _root_of(package)
        for path in _python_files(root):
            yield f"{package}/{path.relative_to(root).as_posix()}", path.read_bytes()
        yield from _licences(distribution)


def _archive(files: dict[str, bytes]) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in sorted(files.items()):
            entry = zipfile.ZipInfo(name, _TIME)
            entry.external_attr, entry.compress_type = 0o644 << 16, zipfile.ZIP_DEFLATED
            archive.writestr(entry, content)
    return data.getvalue()


def _root_of(package: str) -> Path:
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise ZipappError(f"The Python package {package} is not installed here; it is part of the command line.")
    return Path(spec.origin).resolve().parent


def _python_files(root: Path) -> list[Path]:
    return sorted(path for path in root.rglob("*.py") if "__pycache__" not in path.parts)


def _licences(distribution: str) -> Iterator[tuple[str, bytes]]:
    for item in importlib.metadata.files(distribution) or ():
        name = PurePosixPath(item).name
        if name.upper().startswith(("LICENSE", "COPYING", "NOTICE")):
            yield f"licences/{distribution}/{name}", Path(str(item.locate())).read_bytes()


def _version() -> str:
    try:
        return importlib.metadata.version(NAME)
    except importlib.metadata.PackageNotFoundError as error:
        raise ZipappError(f"The distribution {NAME} is not installed here, so its version is unknown.") from error


def main(arguments: list[str] | None = None) -> int:
    """Build the archive and print its path; return 1 with the reason on stderr if that fails."""
    parser = argparse.ArgumentParser(prog="python -m cli.zipapp", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("out", type=Path, metavar="OUT", help="the file, or a directory for cassandra-mesos")
    out: Path = parser.parse_args(arguments).out
    try:
        sys.stdout.write(f"{build(out / NAME if out.is_dir() else out)}\n")
    except (ZipappError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
