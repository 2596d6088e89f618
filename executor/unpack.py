"""A program that checks a bundle and unpacks it into the working directory: `python unpack.py NAME SHA256`.

It runs beside the start of the executor, so that neither waits for the other. It imports nothing of this package and
little else. It ends with 1 and one sentence on standard error if the bundle must not or cannot be used.
"""

from __future__ import annotations

import hashlib
import sys
import tarfile
import zlib
from pathlib import Path
from typing import BinaryIO


class BundleError(Exception):
    """A bundle that must not or cannot be used; the text names it and the reason."""


def unpack(name: str, digest: str) -> None:
    """Unpack a bundle and remove its archive.

    Nothing of it is unpacked before the SHA-256 of the whole archive is right.

    Args:
        name: The archive's name in the working directory.
        digest: Its SHA-256 in lower-case hexadecimal digits.

    Raises:
        BundleError: It has another digest, or cannot be read or unpacked.
    """
    try:
        with open(name, "rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
            if found != digest:
                raise BundleError(f"The bundle {name} is refused: its SHA-256 is {found}, but {digest} is expected.")
            file.seek(0)
            _extract(file)
        Path(name).unlink()
    except OSError as error:
        raise BundleError(f"The bundle {name} cannot be unpacked: {error.strerror or error}") from error
    except (EOFError, tarfile.TarError, zlib.error) as error:
        words = " ".join(str(error).split())
        raise BundleError(f"The bundle {name} is no archive that can be unpacked: {words}") from error


def _extract(file: BinaryIO) -> None:
    with tarfile.open(fileobj=file) as tar:
        if hasattr(tarfile, "tar_filter"):
            tar.extractall(filter="tar")
        else:  # Python before 3.11.4
            tar.extractall()


if __name__ == "__main__":
    try:
        unpack(*sys.argv[1:])
    except BundleError as problem:
        sys.exit(str(problem))
