"""The garbage collection of sandboxes some time after their executor has ended, so that a disk does not fill up."""

import asyncio
import logging
import shutil
import time
from pathlib import Path

from localmesos.agent.agent import Agent

_SWEEP_SECONDS = 3600.0

_LOG = logging.getLogger(__name__)


def last_change(sandbox: Path) -> float:
    """Return the time of the last write to the sandbox or its output files."""
    candidates = (sandbox, sandbox / "stdout", sandbox / "stderr")
    return max(path.stat().st_mtime for path in candidates if path.exists())


def old_sandboxes(work_dir: Path, in_use: set[Path], before: float) -> list[Path]:
    """Return unused sandboxes without changes since `before` (seconds since the epoch)."""
    runs = work_dir.glob("slaves/*/frameworks/*/executors/*/runs/*")
    candidates = (path for path in runs if path.is_dir() and not path.is_symlink() and path not in in_use)
    return [path for path in candidates if last_change(path) < before]


def prune(sandbox: Path) -> None:
    """Remove the directories that are empty without the sandbox."""
    latest = sandbox.parent / "latest"
    if latest.is_symlink() and not latest.exists():
        latest.unlink()
    # runs, the executor's id, executors, the framework's id
    for parent in list(sandbox.parents)[:4]:
        if any(parent.iterdir()):
            return
        parent.rmdir()


async def collect_sandboxes(agent: Agent) -> None:
    """Sweep now and every hour, until cancelled."""
    while True:
        executors = (executor for f in agent.frameworks.values() for executor in f.executors.values())
        in_use = {executor.directory for executor in executors}
        for sandbox in old_sandboxes(agent.config.work_dir, in_use, time.time() - agent.config.gc_delay):
            _LOG.info("removing old sandbox %s", sandbox)
            try:
                # Linked volumes are not followed.
                await asyncio.to_thread(shutil.rmtree, sandbox)
                # This runs in the event loop's thread, so that no new run is created there meanwhile.
                prune(sandbox)
            except OSError as error:
                _LOG.warning("sandbox %s stays: %s", sandbox, error)
        await asyncio.sleep(_SWEEP_SECONDS)
