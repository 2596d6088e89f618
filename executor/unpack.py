"""A program that checks a bundle and unpacks it into the working directory: `python unpack.py NAME SHA256`.

It runs beside the start of the executor, so that neither waits for the other. It imports nothing of this package and
little else. It ends with 1 and one sentence on standard error if the bundle must not or cannot be used.
"""

from __future__ import annotations

import hashlib
import sys
import tarfile
from pathlib import Path
from typing import BinaryIO


class BundleError(Exception):
    """A bundle that must not or cannot be used; the text names it and the reason."""


def unpack(archive: Path, place: Path, digest: str | None = None) -> None:
    """Unpack an archive into a directory.

    Nothing of it is unpacked before the SHA-256 of the whole archive is right.

    Args:
        archive: The archive, as tar with any compression that Python knows.
        place: The directory.
        digest: Its SHA-256 in lower-case hexadecimal digits; None if it was checked before.

    Raises:
        BundleError: It has another digest, or cannot be read or unpacked.
    """
    name = archive.name
    try:
        with archive.open("rb") as file:
            found = digest and hashlib.file_digest(file, "sha256").hexdigest()
            if found == digest:
                file.seek(0)
                _extract(file, place)
    except OSError as error:
        raise BundleError(f"The bundle {name} cannot be unpacked: {error.strerror or error}") from error
    except Exception as error:  # each compression has errors of its own
        words = " ".join(str(error).split())
        raise BundleError(f"The bundle {name} is no archive that can be unpacked: {words}") from error
    if found != digest:
        raise BundleError(f"The bundle {name} is refused: its SHA-256 is {found}, but {digest} is expected.")


def _extract(file: BinaryIO, place: Path) -> None:
    with tarfile.open(fileobj=file) as tar:
        if hasattr(tarfile, "tar_filter"):
            tar.extractall(place, filter="tar")
        else:  # Python before 3.11.4
            tar.extractall(place)
        # The entries end before the archive, whose last bytes have its checksum.
        assert tar.fileobj is not None
        while tar.fileobj.read(1 << 16):
            pass


def main(name: str, digest: str) -> None:
    """Unpack a bundle into the working directory and remove its archive; exit with one sentence if that fails."""
    try:
        unpack(Path(name), Path(), digest)
        Path(name).unlink()
    except (BundleError, OSError) as problem:
        sys.exit(str(problem))


if __name__ == "__main__":
    main(*sys.argv[1:])
