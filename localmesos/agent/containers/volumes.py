"""Persistent volumes: directories that outlive tasks, linked into sandboxes (posix isolation, no mounts)."""

import logging
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

Json = dict[str, Any]

_LOG = logging.getLogger(__name__)


class VolumeError(Exception):
    """A volume that cannot be created or linked; the text is for people."""


@dataclass(frozen=True)
class Volume:
    """One persistent volume; ``is_mount``: the directory is a whole MOUNT disk and is emptied, never removed."""

    role: str
    persistence_id: str
    container_path: str
    host_path: Path
    is_mount: bool


def _role(resource: Json) -> str:
    reservations = resource.get("reservations") or []
    role: str = reservations[-1]["role"] if reservations else resource.get("role", "*")
    return role


def volume_of(resource: Json, work_dir: Path) -> Volume | None:
    """Return the persistent volume that a resource is, None for any other resource.

    Raises:
        VolumeError: its id or path is not valid.
    """
    disk = resource.get("disk") or {}
    if "persistence" not in disk:
        return None
    role, persistence_id = _role(resource), disk["persistence"]["id"]
    container_path = disk["volume"]["container_path"]
    for part in (*role.split("/"), persistence_id):
        if part in ("", ".", "..") or "/" in part:
            raise VolumeError(f"persistent volume {persistence_id!r} of role {role!r} cannot name a directory")
    relative = PurePosixPath(container_path)
    if relative.is_absolute() or not relative.parts or ".." in relative.parts:
        raise VolumeError(f"container path {container_path!r} is not a relative path inside the sandbox")
    source = disk.get("source") or {}
    is_mount = source.get("type") == "MOUNT"
    if is_mount:
        host_path = Path(source["mount"]["root"])
    else:
        root = Path(source["path"]["root"]) if source.get("type") == "PATH" else work_dir
        host_path = root / "volumes" / "roles" / role / persistence_id
    return Volume(role, persistence_id, container_path, host_path, is_mount)


def volumes_of(resources: Iterable[Json], work_dir: Path) -> list[Volume]:
    """Return all persistent volumes among the resources."""
    return [volume for resource in resources if (volume := volume_of(resource, work_dir)) is not None]


def _key(volume: Volume) -> tuple[str, str, Path]:
    return volume.role, volume.persistence_id, volume.host_path


def apply_volumes(before: Iterable[Volume], after: Iterable[Volume]) -> None:
    """Create the directories of volumes that are only in `after`, remove those that are only in `before`."""
    old = {_key(volume): volume for volume in before}
    new = {_key(volume): volume for volume in after}
    for key, volume in new.items():
        if key not in old:
            _create(volume)
    for key, volume in old.items():
        if key not in new:
            _destroy(volume)


def _create(volume: Volume) -> None:
    try:
        if volume.is_mount:
            if not volume.host_path.is_dir():
                raise VolumeError(f"the root {volume.host_path} of the MOUNT disk does not exist")
        else:
            volume.host_path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise VolumeError(f"cannot create persistent volume {volume.persistence_id}: {error}") from error
    _LOG.info("created persistent volume %s of role %s", volume.persistence_id, volume.role)


def _destroy(volume: Volume) -> None:
    try:
        if volume.is_mount:
            for child in volume.host_path.iterdir():
                if child.is_dir() and not child.is_symlink():
                    shutil.rmtree(child)
                else:
                    child.unlink()
        elif volume.host_path.exists():
            shutil.rmtree(volume.host_path)
    except OSError as error:
        raise VolumeError(f"cannot remove persistent volume {volume.persistence_id}: {error}") from error
    _LOG.info("removed persistent volume %s of role %s", volume.persistence_id, volume.role)


def link_volumes(sandbox: Path, volumes: Iterable[Volume]) -> None:
    """Link each volume to its container path in the sandbox, in place of the link of an earlier task."""
    for volume in volumes:
        link = sandbox / volume.container_path
        if not volume.host_path.is_dir():
            raise VolumeError(f"the directory {volume.host_path} of a persistent volume does not exist")
        if link.exists() and not link.is_symlink():
            raise VolumeError(f"container path {volume.container_path!r} exists in the sandbox already")
        try:
            # Another task of the executor can be using it, so the link must exist at every moment.
            if link.is_symlink() and link.readlink() == volume.host_path:
                continue
            link.parent.mkdir(parents=True, exist_ok=True)
            new = link.with_name(f".{link.name}.new")
            new.unlink(missing_ok=True)
            new.symlink_to(volume.host_path)
            new.replace(link)
        except OSError as error:
            raise VolumeError(f"cannot link {volume.container_path!r} into the sandbox: {error}") from error
