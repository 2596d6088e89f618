"""Rules for every test: none leaves a thread behind; random runs have fixed seeds."""

from __future__ import annotations

import gc
import os
import threading
import time
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from executor.cassandra import start_cache
from tests.waiting import patient

# The first Cassandra of a kind that a test starts leaves the others what they need not do again.
os.environ.setdefault(start_cache.VARIABLE, str(Path(__file__).parents[1] / ".dev" / "start-cache"))

# The same runs everywhere and every time. `HYPOTHESIS_PROFILE=random` looks for others.
# Without limits of time: a machine that does other things, too, fails no test.
settings.register_profile("timeless", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("fixed", settings.get_profile("timeless"), derandomize=True)
settings.register_profile("random", settings.get_profile("timeless"), print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "fixed"))

_FAILED = pytest.StashKey[str]()

# Threads of libraries that live as long as the process by design.
_LIVES_ON = ("ThreadPoolExecutor", "asyncio_", "pymesos")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Have a test's own `timeout` count as any of its deadlines does: in seconds of a machine alone."""
    for item in items:
        mark = item.get_closest_marker("timeout")
        if mark is not None:
            item.add_marker(pytest.mark.timeout(patient(*mark.args)), append=False)


def pytest_collection_finish() -> None:
    """Leave what thousands of collected tests consist of out of each garbage collection: it stays to the end."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Note the first test that failed among those that need one another in their order."""
    report = yield
    if report.failed and item.parent is not None and item.get_closest_marker("in_order") is not None:
        item.parent.stash.setdefault(_FAILED, item.name)
    return report


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test that needs an earlier one which failed: it would fail for that, after minutes."""
    failed = None if item.parent is None else item.parent.stash.get(_FAILED, None)
    if failed is not None and item.get_closest_marker("in_order") is not None:
        pytest.skip(f"needs {failed}, which failed")


@pytest.fixture(autouse=True)
def no_thread_left() -> Iterator[None]:
    """Fail a test that leaves a non-daemon thread running; one that is just ending gets two seconds."""
    before = set(threading.enumerate())
    yield
    deadline = time.monotonic() + 2.0
    while left := [t for t in threading.enumerate() if t not in before and not t.daemon and _counts(t)]:
        if time.monotonic() > deadline:
            pytest.fail(f"threads left running: {[t.name for t in left]}")
        left[0].join(0.05)


def _counts(thread: threading.Thread) -> bool:
    return not thread.name.startswith(_LIVES_ON)
