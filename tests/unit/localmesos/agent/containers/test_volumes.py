"""Persistent volumes as directories."""

from pathlib import Path
from typing import Any

import pytest

from localmesos.agent.containers.volumes import VolumeError, apply_volumes, link_volumes, volume_of, volumes_of

Json = dict[str, Any]


def resource(identifier: str = "pv", path: str = "data", role: str = "role", source: Json | None = None) -> Json:
    disk: Json = {"persistence": {"id": identifier}, "volume": {"mode": "RW", "container_path": path}}
    if source is not None:
        disk["source"] = source
    return {"name": "disk", "disk": disk, "reservations": [{"type": "DYNAMIC", "role": role}]}


def path_of(value: Json, work_dir: Path) -> Path:
    volume = volume_of(value, work_dir)
    assert volume is not None
    return volume.host_path


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (resource(), "/w/volumes/roles/role/pv"),
        (resource(role="a/b"), "/w/volumes/roles/a/b/pv"),
        (resource(source={"type": "PATH", "path": {"root": "/d"}}), "/d/volumes/roles/role/pv"),
        (resource(source={"type": "MOUNT", "mount": {"root": "/m"}}), "/m"),
    ],
)
def test_where_a_volume_lies(value: Json, expected: str) -> None:
    assert path_of(value, Path("/w")) == Path(expected)


def test_refined_reservation_names_the_last_role() -> None:
    value = resource()
    value["reservations"].append({"type": "DYNAMIC", "role": "role/child"})
    assert path_of(value, Path("/w")) == Path("/w/volumes/roles/role/child/pv")


@pytest.mark.parametrize(
    "value",
    [
        resource(identifier=".."),
        resource(identifier="a/b"),
        resource(identifier=""),
        resource(role="a/../b"),
        resource(path="/absolute"),
        resource(path="../outside"),
        resource(path=""),
    ],
)
def test_volume_cannot_leave_its_place(value: Json) -> None:
    with pytest.raises(VolumeError):
        volume_of(value, Path("/w"))


def test_other_resources_are_no_volumes() -> None:
    assert volumes_of([{"name": "cpus"}, {"name": "disk", "disk": {"source": {"type": "MOUNT"}}}], Path("/w")) == []


def test_volumes_follow_the_list(tmp_path: Path) -> None:
    one, two = (volumes_of([resource(name)], tmp_path) for name in ("one", "two"))
    apply_volumes([], one)
    (one[0].host_path / "file").write_text("x")
    apply_volumes(one, one + two)
    assert (one[0].host_path / "file").exists()
    apply_volumes(one + two, two)
    assert (one[0].host_path.exists(), two[0].host_path.exists()) == (False, True)
    apply_volumes(one + two, two)


def test_create_after_a_crash_in_between_keeps_the_data(tmp_path: Path) -> None:
    volumes = volumes_of([resource()], tmp_path)
    apply_volumes([], volumes)
    (volumes[0].host_path / "file").write_text("x")
    apply_volumes([], volumes)
    assert (volumes[0].host_path / "file").exists()


def test_missing_mount_is_an_error(tmp_path: Path) -> None:
    source = {"type": "MOUNT", "mount": {"root": str(tmp_path / "none")}}
    with pytest.raises(VolumeError, match="does not exist"):
        apply_volumes([], volumes_of([resource(source=source)], tmp_path))


def test_link_shows_the_volume_in_the_sandbox(tmp_path: Path) -> None:
    volumes = volumes_of([resource(path="deep/data")], tmp_path)
    apply_volumes([], volumes)
    sandbox = tmp_path / "sandbox"
    sandbox.mkdir()
    for _ in range(2):
        link_volumes(sandbox, volumes)
    (sandbox / "deep/data/file").write_text("x")
    assert (volumes[0].host_path / "file").read_text() == "x"


def test_link_of_an_earlier_task_gives_way(tmp_path: Path) -> None:
    first, second = (volumes_of([resource(name)], tmp_path) for name in ("one", "two"))
    apply_volumes([], first + second)
    link_volumes(tmp_path, first)
    link_volumes(tmp_path, second)
    assert (tmp_path / "data").readlink() == second[0].host_path


def test_file_of_the_sandbox_is_not_hidden(tmp_path: Path) -> None:
    volumes = volumes_of([resource()], tmp_path)
    apply_volumes([], volumes)
    (tmp_path / "data").mkdir()
    with pytest.raises(VolumeError, match="exists in the sandbox already"):
        link_volumes(tmp_path, volumes)


def test_a_link_in_use_is_never_gone(tmp_path: Path) -> None:
    """Another task of the same executor: the first one's files stay where they are, in every moment."""
    volumes = volumes_of([resource()], tmp_path / "work")
    apply_volumes([], volumes)
    sandbox = tmp_path / "sandbox"
    link_volumes(sandbox, volumes)
    before = (sandbox / "data").lstat()
    link_volumes(sandbox, volumes)
    after = (sandbox / "data").lstat()
    assert (after.st_ino, after.st_ctime_ns) == (before.st_ino, before.st_ctime_ns)
