"""Which of the snapshots on a node are those of backups: all others are operators' own."""

from __future__ import annotations

from pathlib import Path

from executor.backup import snapshots
from executor.s3.location import Location
from tests.unit.executor.backup.small_cluster import SmallCluster
from tests.unit.executor.backup.volume import put

OPERATION = "4b7d5592-16f2-4f0e-9d57-5a0f4bd7f4c1"


def test_the_snapshot_of_an_operator_is_not_cleared(tmp_path: Path) -> None:
    node = SmallCluster(tmp_path, Location("bucket")).nodes["node-1"]
    for tag in (
        "backup-before-upgrade", "backup-2026-11-29", f"backup-{OPERATION}-mine", f"mine-backup-{OPERATION}",
        f"backup-{OPERATION}",
    ):  # fmt: skip
        put(node.data_directories[0], "shop", "users", {"nb-1-big-Data.db": b"x"}, tag)
    (node.scratch / "snapshots").mkdir()
    (node.scratch / "snapshots" / "backup-noted.json").write_text("{}")
    assert snapshots.ours(node) == {f"backup-{OPERATION}", "backup-noted"}
