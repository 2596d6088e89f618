"""`./dev bench`: every measurement, one after another; writes docs/performance.md."""

from __future__ import annotations

import datetime
import json
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

from devcluster.checks import ROOT

# (module, figure, what it is, limit as text, limit as number: at most)
LIMITS: tuple[tuple[str, str, str, str, float], ...] = (
    ("bench.overhead", "overhead_a_node_s", "Added to Cassandra's own start, a node", "2 s", 2.0),
    ("bench.overhead", "by_mesos_offers_s", "Three nodes, first launch to COMPLETE", "", 0.0),
    ("bench.overhead", "by_shell_script_s", "The same three by a bare shell script", "", 0.0),
    (
        "bench.overhead",
        "scheduler_restart_s",
        "Scheduler ended, the next reconciled and serving",
        "5 s",
        5.0,
    ),
    ("bench.overhead", "scheduler_restart_after_kill_s", "… after kill -9, on the same machine", "", 0.0),
    ("bench.scale", "cycle_first_install_s_1000", "One cycle, 1,000 nodes to deploy, 1,000 offers", "1 s", 1.0),
    ("bench.scale", "cycle_first_install_s_500", "… 500 nodes, 500 offers", "", 0.0),
    ("bench.scale", "cycle_first_install_s_250", "… 250 nodes, 250 offers", "", 0.0),
    ("bench.scale", "cycle_at_rest_s_1000", "One cycle, 1,000 deployed nodes, 1,000 offers", "1 s", 1.0),
    ("bench.scale", "fold_10000_updates_s", "10,000 status updates folded", "5 s", 5.0),
    ("bench.scale", "peak_memory_mb", "Peak memory of the above", "300 MB", 300.0),
    ("bench.stored_state", "bytes_a_node", "Bytes in ZooKeeper, a node", "4,000", 4000.0),
    ("bench.stored_state", "load_and_decode_s", "Load of a 1,000-node state from ZooKeeper", "2 s", 2.0),
    ("bench.api_reads", "p99_ms", "API reads at 1,000 nodes, 200 a second, cycles running: p99", "20 ms", 20.0),
    ("bench.api_reads", "p50_ms", "… p50", "", 0.0),
    ("bench.api_reads", "worker_memory_mb", "Memory of that process", "300 MB", 300.0),
)


def measure(module: str) -> dict[str, Any]:
    """The figures that a module prints, measured in a process of its own."""
    print(f"== {module}", flush=True)
    done = subprocess.run([sys.executable, "-m", module], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    print(done.stdout, flush=True)
    figures: dict[str, Any] = json.loads(done.stdout)
    return figures


def machine() -> str:
    """The facts of this machine that figures depend on."""
    cpu = next(
        (line.partition(": ")[2] for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line),
        "?",
    )
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**30
    return f"{os.cpu_count()} cores ({cpu.strip()}), {memory} GiB, Python {platform.python_version()}"


def document(figures: dict[str, dict[str, Any]]) -> str:
    """docs/performance.md."""
    rows = [
        f"| {what} | {figures[module][name]:,} | {limit or '–'} | {verdict(figures[module][name], limit, number)} |"
        for module, name, what, limit, number in LIMITS
    ]
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    return "\n".join(
        [
            "# Performance",
            "",
            "Written by `./dev bench`, which measures everything below in one run. Figures are of whole processes;",
            "machines differ and are noisy, so the limits are what counts.",
            "",
            f"Measured {today} on {machine()}.",
            "",
            "| what | measured | limit | |",
            "| --- | ---: | ---: | --- |",
            *rows,
            "",
            "How: `bench/overhead.py` deploys three real Cassandra nodes and then starts the same command lines with a",
            "shell script; `bench/scale.py` runs the core alone; `bench/stored_state.py` uses a real ZooKeeper;",
            "`bench/api_reads.py` sends requests at a steady rate (late ones count from when they were due) to",
            "gunicorn while the loop folds updates and publishes new snapshots in the same process.",
            "",
        ]
    )


def verdict(value: float, limit: str, number: float) -> str:
    """Whether the limit is kept."""
    if not limit:
        return ""
    return "kept" if value <= number else "**missed**"


def main() -> int:
    """Measure, write, and say by the exit code whether every limit is kept."""
    modules = list(dict.fromkeys(row[0] for row in LIMITS))
    figures = {module: measure(module) for module in modules}
    (ROOT / "docs" / "performance.md").write_text(document(figures))
    missed = [what for module, name, what, limit, number in LIMITS if limit and figures[module][name] > number]
    print(f"docs/performance.md written; limits missed: {', '.join(missed) or 'none'}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
