"""`./dev bench`: every measurement, one after another; writes docs/performance.md."""

from __future__ import annotations

import datetime
import json
import os
import platform
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import backup_medusa, s3_server
from devcluster.checks import ROOT


@dataclass(frozen=True)
class Row:
    """A line of the table: a figure of a module, what it is, and the limit that it is to keep, if any."""

    figure: str
    what: str
    unit: str = ""
    at_most: float | None = None
    at_least: float | None = None

    @property
    def limit(self) -> str:
        """The limit as text, empty if there is none."""
        if self.at_least is not None:
            return f"at least {self.at_least:,g}{self.unit}"
        return "" if self.at_most is None else f"{self.at_most:,g}{self.unit}"

    def keeps(self, value: float) -> bool:
        """Whether a value is within the limit."""
        return (self.at_most is None or value <= self.at_most) and (self.at_least is None or value >= self.at_least)


TABLE: dict[str, tuple[Row, ...]] = {
    "bench.start": (
        Row("launch_to_normal_s", "One node, launch to NORMAL", " s"),
        Row("bare_s", "… the same command line by a bare shell script, until it takes CQL", " s", at_most=5.5),
        Row("to_bare", "… ours to that", at_most=1.1),
        Row("bare_first_s", "… by the script, without what earlier starts leave", " s"),
        Row("bare_own_options_s", "… by the script, with Cassandra's own options", " s"),
    ),
    "bench.overhead": (
        Row("overhead_a_node_s", "Added to Cassandra's own start, a node", " s", at_most=2),
        Row("by_mesos_offers_s", "Three nodes, first launch to COMPLETE", " s", at_most=15),
        Row("by_shell_script_s", "The same three by a bare shell script", " s"),
        Row("by_shell_script_own_options_s", "… with Cassandra's own options", " s"),
        Row("scheduler_restart_s", "Scheduler ended, the next reconciled and serving", " s", at_most=5),
        Row("scheduler_restart_after_kill_s", "… after kill -9, on the same machine", " s"),
        Row("death_seen_s", "kill -9 of a node's Cassandra, until the scheduler shows it", " s", at_most=2),
        Row("death_relaunch_sent_s", "… until its next launch is sent", " s"),
        Row("death_offers_in_part", "… offers before it that showed its volume and less than a launch takes"),
    ),
    "bench.scale": (
        Row("cycle_first_install_s_1000", "One cycle, 1,000 nodes to deploy, 1,000 offers", " s", at_most=1),
        Row("cycle_first_install_s_500", "… 500 nodes, 500 offers", " s"),
        Row("cycle_first_install_s_250", "… 250 nodes, 250 offers", " s"),
        Row("cycle_at_rest_s_1000", "One cycle, 1,000 deployed nodes, 1,000 offers", " s", at_most=1),
        Row("cycle_backup_s_1000", "One cycle and its plans while 1,000 nodes are backed up", " s"),
        Row("fold_10000_updates_s", "10,000 status updates folded", " s", at_most=5),
        Row("peak_memory_mb", "Peak memory of the above", " MB", at_most=300),
    ),
    "bench.week": (
        Row("real_s", "A simulated week of 1,000 nodes with faults, until all is at rest again", " s", at_most=600),
        Row("simulated_s", "… simulated, the installation included", " s"),
        Row("cycles", "… cycles of the scheduler"),
        Row("events", "… events that it heard"),
        Row("happenings", "… faults and operators' work"),
        Row("rest_after_s", "… all at rest after the last of it, simulated", " s"),
        Row("failover_s", "A new scheduler over these 1,000 nodes: begin to all reconciled", " s", at_most=10),
    ),
    "bench.stored_state": (
        Row("bytes_a_node", "Bytes in ZooKeeper, a node", at_most=4000),
        Row("load_and_decode_s", "Load of a 1,000-node state from ZooKeeper", " s", at_most=2),
    ),
    "bench.api_reads": (
        Row("p99_ms", "API reads at 1,000 nodes, 200 a second, cycles running: p99", " ms", at_most=20),
        Row("p50_ms", "… p50", " ms"),
        Row("worker_memory_mb", "Memory of that process", " MB", at_most=300),
    ),
    "bench.backup": (
        Row("own_mb_s", "First backup of 5 GB in 2,000 files", " MB/s"),
        Row("bare_mb_s", "… bare boto3 on its best number of threads", " MB/s"),
        Row("to_bare", "… ours to bare boto3's", at_least=0.9),
        Row("bare_without_checksums_mb_s", "… bare boto3, proving nothing of what arrives", " MB/s"),
        Row("medusa_mb_s", "… cassandra-medusa as it is installed", " MB/s"),
        Row("to_medusa", "… ours to that", at_least=2),
        Row("medusa_tuned_mb_s", "… cassandra-medusa, no limit of bandwidth, best number of transfers", " MB/s"),
        Row("to_medusa_tuned", "… ours to that"),
        Row("own_processor_s_gb", "Processor time of a first backup, a GB", " s"),
        Row("bare_processor_s_gb", "… bare boto3", " s"),
        Row("medusa_tuned_processor_s_gb", "… cassandra-medusa", " s"),
        Row("memory_mb", "Memory that a backup takes in the executor", " MB", at_most=200),
        Row("second_to_first", "Second backup with 1 % new data: time to the first one's", at_most=0.1),
        Row("second_sent_to_new", "… bytes sent to bytes that are new", at_most=1),
        Row("own_download_mb_s", "Restore: objects to proven files on disk", " MB/s"),
        Row("bare_download_mb_s", "… bare boto3 download of the same objects", " MB/s"),
        Row("download_to_bare", "… ours to bare boto3's", at_least=0.8),
        Row("download_memory_mb", "Memory that a restore takes in the executor", " MB"),
    ),
    "bench.backup_latency": (
        Row("read_ratio", "CQL reads during a backup at the default throttle: p99 to that without", at_most=1.3),
        Row("read_idle_p99_ms", "… p99 without", " ms"),
        Row("write_ratio", "CQL writes, likewise", at_most=1.3),
        Row("write_idle_p99_ms", "… p99 without", " ms"),
        Row("api_ratio", "API reads, likewise", at_most=1.3),
        Row("api_idle_p99_ms", "… p99 without", " ms"),
        Row("sent_mb_s", "Throughput of these backups", " MB/s"),
        Row("executor_memory_mb", "What the real executor grew by", " MB", at_most=200),
    ),
}


_START = """
How: `bench/start.py` deploys one real node, again and again, and starts its command line with a shell script in turn,
with empty volumes, once earlier starts have left what later ones use; the figures are the least of three. "Cassandra's
own options" are without what was left, and without the options of a local cluster, which shorten the waits of a large
ring and have Java compile for a quick start.
"""
_WEEK = """
`bench/week.py` is the simulation of the tests with 1,000 nodes: the real core over a model of Mesos whose clock goes
from event to event, installation included, under a fixed seed. Cassandras and executors die; agents are away for
seconds to hours, reboot, come back under another id or never; the master fails over; schedulers are killed between
two effects; ZooKeeper does not answer; offers are rescinded, events and acknowledgements lost or doubled; the clock
jumps; and operators restart, roll out, clean up, repair, stop and interrupt. The rules are checked after each cycle
that changed a record, and those of the model always: one task a volume, no volume of a member destroyed, one change of
the ring at a time, nothing launched twice. In the end every plan is COMPLETE and the ring's members are the records'.
"""

_BACKUP = f"""
`bench/backup.py` makes 250 SSTables of eight files each, with names, sizes and compressibility as Cassandra's,
and sends them to Versity's S3 gateway {s3_server.VERSION} on the same machine, over HTTP, its objects in memory.
Everyone's best setting is searched first; then all take turns in changing order, each with an empty server and
the files in the page cache, and the figures are medians. Client and server share the processors, so that the
server's part limits everyone alike. Bare boto3 is `upload_file` and `download_file` on threads with boto3's
defaults, which compute a CRC-32 of each part and sign each body; ours proves each object and each whole file by
SHA-256, and finds out what is there already. cassandra-medusa {backup_medusa.VERSION} runs its own
`backup_snapshots` (differential, from the snapshot to the manifest) over the same files; what it asks of
Cassandra before is left out. As it is installed it sends one file at a time and at most 50 MB/s; tuned, neither
holds. Memory is the highest resident size less that of an executor without a job.

`bench/backup_latency.py` runs one real node, 200 CQL requests and 50 API reads a second, which are due at their
times whether or not those before them were answered, and backups of 1.5 GB one after another through the API;
windows with and without take turns. Clients, S3 server, scheduler and node share the machine; the S3 server, which
elsewhere is on another one, has a low priority.
"""


def measure(module: str) -> dict[str, Any]:
    """The figures that a module prints, measured in a process of its own."""
    print(f"== {module}", flush=True)
    done = subprocess.run([sys.executable, "-m", module], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    print(done.stdout, flush=True)
    figures: dict[str, Any] = json.loads(done.stdout)
    if missing := [row.figure for row in TABLE[module] if row.figure not in figures]:
        raise SystemExit(f"{module} did not print {', '.join(missing)}")
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
        f"| {row.what} | {figures[module][row.figure]:,}{row.unit} | {row.limit or '–'} "
        f"| {verdict(row, figures[module][row.figure])} |"
        for module, found in TABLE.items()
        for row in found
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
            *_START.splitlines()[1:],
            "",
            "`bench/overhead.py` deploys three real Cassandra nodes and then starts the same command lines with a",
            "shell script; `bench/scale.py` runs the core alone; `bench/stored_state.py` uses a real ZooKeeper;",
            "`bench/api_reads.py` sends requests at a steady rate (late ones count from when they were due) to",
            "gunicorn while the loop folds updates and publishes new snapshots in the same process.",
            "",
            *_WEEK.splitlines()[1:],
            "",
            *_BACKUP.splitlines()[1:],
            "",
        ]
    )


def verdict(row: Row, value: float) -> str:
    """Whether the limit is kept."""
    if not row.limit:
        return ""
    return "kept" if row.keeps(value) else "**missed**"


def main() -> int:
    """Measure, write, and say by the exit code whether every limit is kept."""
    figures = {module: measure(module) for module in TABLE}
    (ROOT / "docs" / "performance.md").write_text(document(figures))
    missed = [row.what for module, rows in TABLE.items() for row in rows if not row.keeps(figures[module][row.figure])]
    print(f"docs/performance.md written; limits missed: {', '.join(missed) or 'none'}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
