"""Unpacking of fetched files, by the ending of their name as the Mesos fetcher does it."""

import gzip
import shutil
import tarfile
import zipfile
from pathlib import Path

_TAR_ENDS = (".tar", ".tgz", ".tar.gz", ".tbz2", ".tar.bz2", ".txz", ".tar.xz")


class ArchiveError(Exception):
    """A file that is not the archive that its name promises, or with a member that must not be unpacked."""


def is_archive(name: str) -> bool:
    """Return whether a file of this name is unpacked."""
    return name.endswith((*_TAR_ENDS, ".zip", ".gz"))


def extract(archive: Path, name: str, directory: Path) -> None:
    """Unpack `archive`, which has the name `name`, into `directory`.

    Raises:
        ArchiveError: the archive is broken, or a member would be outside the directory.
    """
    try:
        if name.endswith(_TAR_ENDS):
            with tarfile.open(archive) as tar:
                _extract_tar(tar, directory)
        elif name.endswith(".zip"):
            _extract_zip(archive, directory)
        else:
            with gzip.open(archive) as source, (directory / name.removesuffix(".gz")).open("wb") as target:
                shutil.copyfileobj(source, target)
    except (OSError, EOFError, tarfile.TarError, zipfile.BadZipFile, zipfile.LargeZipFile) as error:
        raise ArchiveError(f"cannot extract {name}: {error}") from error


def _extract_tar(tar: tarfile.TarFile, directory: Path) -> None:
    if hasattr(tarfile, "tar_filter"):
        tar.extractall(directory, filter="tar")
        return
    # Python before 3.11.4 has no filters: refuse here what the filter refuses.
    root = directory.resolve()
    for member in tar.getmembers():
        if not (root / member.name.lstrip("/")).resolve().is_relative_to(root):
            raise tarfile.ExtractError(f"{member.name!r} would be extracted outside the sandbox")
        member.name = member.name.lstrip("/")
    tar.extractall(directory)


def _extract_zip(archive: Path, directory: Path) -> None:
    with zipfile.ZipFile(archive) as source:
        for member in source.infolist():
            path = Path(source.extract(member, directory))
            mode = member.external_attr >> 16
            # zipfile drops the permissions that unzip keeps, the executable flag among them.
            if mode & 0o777 and not path.is_dir():
                path.chmod(mode & 0o777)
