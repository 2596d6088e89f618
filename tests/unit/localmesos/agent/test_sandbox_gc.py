"""Which sandboxes are removed, and what with them."""

import os
import shutil
from pathlib import Path

import pytest

from localmesos.agent.sandbox_gc import old_sandboxes, prune


def make(work_dir: Path, executor: str, run: str, age: float, output: float | None = None) -> Path:
    """A sandbox last changed at `age` (seconds since the epoch), its stdout at `output`."""
    sandbox = work_dir / "slaves/S0/frameworks/f/executors" / executor / "runs" / run
    sandbox.mkdir(parents=True)
    if output is not None:
        (sandbox / "stdout").touch()
        os.utime(sandbox / "stdout", (output, output))
    latest = sandbox.parent / "latest"
    latest.unlink(missing_ok=True)
    latest.symlink_to(run)
    os.utime(sandbox, (age, age))
    return sandbox


@pytest.mark.parametrize(
    ("age", "output", "in_use", "found"),
    [(50, None, False, True), (150, None, False, False), (50, 150, False, False), (50, 60, True, False)],
)
def test_old_and_unused_is_found(tmp_path: Path, age: float, output: float | None, in_use: bool, found: bool) -> None:
    sandbox = make(tmp_path, "e", "r1", age, output)
    used = {sandbox} if in_use else set()
    assert old_sandboxes(tmp_path, used, before=100) == ([sandbox] if found else [])


def test_empty_parents_go_with_the_last_sandbox(tmp_path: Path) -> None:
    first, second = make(tmp_path, "e", "r1", 1), make(tmp_path, "e", "r2", 1)
    other = make(tmp_path, "e2", "r3", 1)
    shutil.rmtree(first)
    prune(first)
    assert second.exists()
    shutil.rmtree(second)
    prune(second)
    assert not second.parents[1].exists()
    assert other.exists()
    shutil.rmtree(other)
    prune(other)
    assert [path.name for path in (tmp_path / "slaves/S0/frameworks").iterdir()] == []
