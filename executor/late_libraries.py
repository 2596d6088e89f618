"""The libraries that a start does not need: they stay packed in the executor's bundle until one is imported.

Each launch has a new sandbox. What only jobs or TLS need is three quarters of the bundle, and many nodes never use it.
"""

from __future__ import annotations

import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

LATE: Mapping[str, tuple[str, ...]] = {
    "cryptography": ("cryptography", "_cffi_backend"),
    "jobs": (
        "asyncore", "backports", "boto3", "botocore", "cassandra", "dateutil", "geomet", "jmespath", "s3transfer",
        "urllib3",
    ),
}  # fmt: skip
"""Modules by the name of the archive that has them."""
ARCHIVE_OF: Mapping[str, str] = {module: archive for archive, modules in LATE.items() for module in modules}
DIRECTORY = "late"
"""Where the archives are, beside `lib` in the bundle."""
_LIBRARY = Path(__file__).resolve().parents[1]


class _Finder(MetaPathFinder):
    """Unpacks an archive before the first import of what is in it. The usual finders then find it."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._lock = threading.RLock()
        self._unpacked: set[str] = set()

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return None always. Raises ImportError if the archive cannot be unpacked."""
        archive = ARCHIVE_OF.get(fullname)
        if archive is not None:
            with self._lock:
                if archive not in self._unpacked:
                    self._add(archive)
                    self._unpacked.add(archive)
        return None

    def _add(self, archive: str) -> None:
        # Few starts need it.
        from executor.unpack import BundleError, unpack

        place = self._directory / archive
        try:
            if not place.exists():
                with tempfile.TemporaryDirectory(dir=self._directory) as scratch:
                    unpack(self._directory / f"{archive}.tar.gz", Path(scratch) / archive)
                    (Path(scratch) / archive).rename(place)
        except (BundleError, OSError) as error:
            raise ImportError(f"a part of the executor's own bundle is missing: {error}") from error
        # Before those of Python and of the machine, as the others of the bundle.
        own = str(_LIBRARY)
        sys.path.insert(sys.path.index(own) + 1 if own in sys.path else 0, str(place))


def install(library: Path = _LIBRARY) -> None:
    """Let imports find the libraries, if this package was unpacked from a bundle."""
    directory = library.with_name(DIRECTORY)
    if directory.is_dir():
        sys.meta_path.insert(0, _Finder(directory))
