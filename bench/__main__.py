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
    """A line of the table: a figure of a module, its name, and the limit that it must keep, if any."""

    figure: str
    what: str
    unit: str = ""
    at_most: float | None = None
    at_least: float | None = None

    @property
    def limit(self) -> str:
        """Return the limit as text, empty if there is none."""
        if self.at_least is not None:
            return f"at least {self.at_least:,g}{self.unit}"
        return "" if self.at_most is None else f"{self.at_most:,g}{self.unit}"

    def keeps(self, value: float) -> bool:
        """Return whether a value is within the limit."""
        return (self.at_most is None or value <= self.at_most) and (self.at_least is None or value >= self.at_least)


TABLE: dict[str, tuple[Row, ...]] = {
    "bench.start": (
        Row("launch_to_normal_s", "One node, launch to NORMAL", " s"),
        Row("bare_s", "… the same command line from a shell script, until it serves CQL", " s", at_most=5.5),
        Row("to_bare", "… ratio to the script", at_most=1.1),
        Row("bare_first_s", "… from the script, without the start cache", " s"),
        Row("bare_own_options_s", "… from the script, with Cassandra's own options", " s"),
    ),
    "bench.overhead": (
        Row("overhead_a_node_s", "Overhead of a node's start over Cassandra's own start", " s", at_most=2),
        Row("by_mesos_offers_s", "Three nodes, first launch to COMPLETE", " s", at_most=15),
        Row("by_shell_script_s", "… the same three nodes from a shell script", " s"),
        Row("by_shell_script_own_options_s", "… with Cassandra's own options", " s"),
        Row("scheduler_restart_s", "End of the scheduler until the next one is reconciled and serves", " s", at_most=5),
        Row("scheduler_restart_after_kill_s", "… after kill -9, on the same machine", " s"),
        Row("death_seen_s", "kill -9 of a node's Cassandra, until the scheduler shows it", " s", at_most=2),
        Row("death_relaunch_sent_s", "… until the scheduler sends the next launch", " s"),
        Row("death_offers_in_part", "… earlier offers with the node's volume, but too few resources for a launch"),
    ),
    "bench.scale": (
        Row("cycle_first_install_s_1000", "One cycle, 1,000 nodes to deploy, 1,000 offers", " s", at_most=1),
        Row("cycle_first_install_s_500", "… 500 nodes, 500 offers", " s"),
        Row("cycle_first_install_s_250", "… 250 nodes, 250 offers", " s"),
        Row("cycle_at_rest_s_1000", "One cycle, 1,000 deployed nodes, 1,000 offers", " s", at_most=1),
        Row("cycle_backup_s_1000", "One cycle and its plans during a backup of 1,000 nodes", " s"),
        Row("fold_10000_updates_s", "Fold of 10,000 status updates", " s", at_most=5),
        Row("metrics_s", "Figures of 1,000 nodes for Prometheus: processor time of one answer", " s", at_most=2),
        Row("peak_memory_mb", "Peak memory of the above", " MB", at_most=300),
    ),
    "bench.week": (
        Row("real_s", "A simulated week of 1,000 nodes with faults, until no work is left", " s", at_most=600),
        Row("simulated_s", "… simulated time, including the installation", " s"),
        Row("cycles", "… cycles of the scheduler"),
        Row("events", "… events that it received"),
        Row("happenings", "… faults and operator actions"),
        Row("rest_after_s", "… simulated time from the last of these until no work is left", " s"),
        Row("failover_s", "Start of a new scheduler with these 1,000 nodes until all are reconciled", " s", at_most=10),
    ),
    "bench.stored_state": (
        Row("bytes_a_node", "Bytes in ZooKeeper per node", at_most=4000),
        Row("load_and_decode_s", "Load of a 1,000-node state from ZooKeeper", " s", at_most=2),
    ),
    "bench.api_reads": (
        Row("p99_ms", "API reads at 1,000 nodes, 200 a second, cycles running: p99", " ms", at_most=20),
        Row("p50_ms", "… p50", " ms"),
        Row("worker_memory_mb", "Memory of that process", " MB", at_most=300),
    ),
    "bench.page": (
        Row("slowest_ms", "Views of the page at 1,000 nodes, the slowest", " ms", at_most=200),
        Row("median_ms", "… the median", " ms"),
    ),
    "bench.command": (Row("processor_s", "A short command of `cassandra-mesos`: processor time", " s", at_most=0.3),),
    "bench.api_tls": (
        Row("p99_ms", "… the same over TLS with a hashed token, kept connections: p99", " ms", at_most=20),
        Row("p50_ms", "… p50", " ms"),
        Row("fresh_p99_ms", "… a connection and a handshake for each request: p99", " ms"),
        Row("processor_ms", "… processor time of a request on a kept connection", " ms"),
        Row("fresh_processor_ms", "… processor time of a request with its handshake", " ms"),
        Row("worker_memory_mb", "Memory of that process", " MB", at_most=300),
    ),
    "bench.cql_tls": (
        Row("plain_requests_s", "CQL in plain text, half of it writes, 32 requests at a time", " a second"),
        Row("tls_requests_s", "… over TLS", " a second"),
        Row("throughput_ratio", "… ratio"),
        Row("plain_p99_ms", "CQL in plain text: p99", " ms"),
        Row("tls_p99_ms", "… over TLS", " ms"),
        Row("node_processor_ratio", "The node's processor time of a request: ratio over TLS to plain text"),
    ),
    "bench.backup": (
        Row("own_mb_s", "First backup of 5 GB in 2,000 files", " MB/s"),
        Row("bare_mb_s", "… boto3 alone, with its best number of threads", " MB/s"),
        Row("to_bare", "… ratio to boto3 alone", at_least=0.9),
        Row("bare_without_checksums_mb_s", "… boto3 alone, without checksums", " MB/s"),
        Row("medusa_mb_s", "… cassandra-medusa with its default settings", " MB/s"),
        Row("to_medusa", "… ratio to that", at_least=2),
        Row("medusa_tuned_mb_s", "… cassandra-medusa without a bandwidth limit, best number of transfers", " MB/s"),
        Row("to_medusa_tuned", "… ratio to that"),
        Row("own_processor_s_gb", "Processor time of a first backup per GB", " s"),
        Row("bare_processor_s_gb", "… boto3 alone", " s"),
        Row("medusa_tuned_processor_s_gb", "… cassandra-medusa", " s"),
        Row("memory_mb", "Memory of a backup in the executor", " MB", at_most=200),
        Row("second_to_first", "Second backup with 1 % new data: ratio of its time to the first", at_most=0.1),
        Row("second_sent_to_new", "… ratio of sent bytes to new bytes", at_most=1),
        Row("own_download_mb_s", "Restore: objects to verified files on disk", " MB/s"),
        Row("bare_download_mb_s", "… boto3 alone, download of the same objects", " MB/s"),
        Row("download_to_bare", "… ratio to boto3 alone", at_least=0.8),
        Row("download_memory_mb", "Memory of a restore in the executor", " MB"),
    ),
    "bench.backup_sealed": (
        Row("upload_processor_ratio", "Sealed backup: ratio of its processor time to that in plain text", at_most=2),
        Row("sealed_upload_processor_s_gb", "… its processor time per GB", " s"),
        Row("plain_upload_processor_s_gb", "… in plain text", " s"),
        Row("upload_ratio", "… ratio of throughput to that in plain text"),
        Row("sealed_upload_memory_mb", "… memory", " MB", at_most=200),
        Row("download_processor_ratio", "Restore of a sealed backup: the same ratio of processor time", at_most=2),
        Row("sealed_download_processor_s_gb", "… its processor time per GB", " s"),
        Row("plain_download_processor_s_gb", "… in plain text", " s"),
        Row("download_ratio", "… ratio of throughput to that in plain text"),
        Row("sealed_download_memory_mb", "… memory", " MB", at_most=200),
    ),
    "bench.backup_latency": (
        Row("read_ratio", "CQL reads during a backup, default throttle: ratio of p99 to that without", at_most=1.3),
        Row("read_idle_p99_ms", "… p99 without", " ms"),
        Row("write_ratio", "CQL writes: the same ratio", at_most=1.3),
        Row("write_idle_p99_ms", "… p99 without", " ms"),
        Row("api_ratio", "API reads: the same ratio", at_most=1.3),
        Row("api_idle_p99_ms", "… p99 without", " ms"),
        Row("sent_mb_s", "Throughput of these backups", " MB/s"),
        Row("executor_memory_mb", "Growth of the real executor's memory", " MB", at_most=200),
    ),
}


_START = """
`bench/start.py` repeats two starts in turn: it deploys one real node, and it starts the node's command line
with a shell script. Volumes are empty, and the start cache of earlier starts exists. Each figure is the minimum
of three. "Cassandra's own options" means without the start cache and without the options of a local cluster.
Those options shorten the waits of a large ring and make Java compile for a quick start.
"""
_CORE = """
- `bench/overhead.py` deploys three real Cassandra nodes, and then starts the same command lines with a shell
  script.
- `bench/scale.py` runs the core alone.
- `bench/stored_state.py` uses a real ZooKeeper.
- `bench/api_reads.py` sends requests to gunicorn at a steady rate. A late request counts from the time at which
  it was due. In the same process the loop folds updates and publishes new snapshots.
- `bench/page.py` reads each view of the page while a backup is under way. A view's time is the best of
  five, each of a new snapshot.
- `bench/command.py` runs `cassandra-mesos seeds`, the median of eleven. Most of its time is the start of Python.
- `bench/api_tls.py` does the same over TLS 1.3 with a P-256 certificate and a token that is stored as a hash. The
  clients of both run in one other process on the same processors, and do their part of each handshake there.
- `bench/cql_tls.py` sends CQL to one real node with `SECURITY_TRANSPORT_ENCRYPTION=optional`. A client over TLS and one
  in plain text take turns. They are written in Python, so they limit the throughput: the node's processor time says
  what TLS costs a node.
"""
_WEEK = """
`bench/week.py` is the simulation of the tests with 1,000 nodes. It runs the real core over a model of Mesos,
whose clock jumps from event to event. The installation is included and the seed is fixed. These faults and
actions occur:

- Cassandra processes and executors die.
- Agents are away for seconds to hours, reboot, return under another id, or never return.
- The master fails over.
- Schedulers are killed between two effects.
- ZooKeeper does not answer.
- Offers are rescinded; events and acknowledgements are lost or duplicated.
- The clock jumps.
- Operators restart, roll out, clean up, repair, stop and interrupt.

The simulation checks the rules of the records after each cycle that changed a record. It checks the rules of
the model always:

- one task per volume;
- no volume of a member destroyed;
- one change of the ring at a time;
- no task launched twice.

At the end every plan is COMPLETE, and the members of the ring are those of the records.
"""

_BACKUP = f"""
`bench/backup.py` makes 250 SSTables of eight files each. Names, sizes and compressibility are like Cassandra's.
It sends them over HTTP to Versity's S3 gateway {s3_server.VERSION} on the same machine, which
keeps its objects in memory.

- The bench first searches the best setting of every program. Then all run in turn, in changing order.
- Each run has an empty server and the files in the page cache. The figures are medians.
- Client and server share the processors, so the server limits all programs alike.
- boto3 alone is `upload_file` and `download_file` on threads with boto3's defaults. These compute a CRC-32 of
  each part and sign each body.
- The executor verifies each object and each whole file by SHA-256, and finds the objects that already exist.
- cassandra-medusa {backup_medusa.VERSION} runs its own `backup_snapshots` (differential, from the snapshot to the
  manifest) over the same files. Its earlier queries to Cassandra are left out.
- With its default settings cassandra-medusa sends one file at a time and at most 50 MB/s. The tuned run has
  neither limit.
- Memory is the highest resident size, minus that of an executor without a job.

`bench/backup_sealed.py` sends 1 GB through the same code with files in memory as objects, without a server, sealed
and in plain text in turn. It measures the executor's own work alone.

`bench/backup_latency.py` runs one real node with 200 CQL requests and 50 API reads a second. Each request is
sent when it is due, whether or not earlier ones were answered. Backups of 1.5 GB run one after another through
the API. Windows with and without backups alternate. Clients, S3 server, scheduler and node share the machine.
The S3 server has a low priority, because it usually runs on another machine.
"""


def measure(module: str) -> dict[str, Any]:
    """Return the figures that a module prints, measured in a process of its own."""
    print(f"== {module}", flush=True)
    done = subprocess.run([sys.executable, "-m", module], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    print(done.stdout, flush=True)
    figures: dict[str, Any] = json.loads(done.stdout)
    if missing := [row.figure for row in TABLE[module] if row.figure not in figures]:
        raise SystemExit(f"{module} did not print {', '.join(missing)}")
    return figures


def machine() -> str:
    """Return the facts of this machine that figures depend on."""
    cpu = next(
        (line.partition(": ")[2] for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line),
        "?",
    )
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**30
    return f"{os.cpu_count()} cores ({cpu.strip()}), {memory} GiB, Python {platform.python_version()}"


def by_hand(text: str) -> str:
    """Return the sections after the method: what was measured once, beside an earlier version."""
    _, found, rest = text.partition("\n## Method\n")[2].partition("\n## ")
    return found + rest


def document(figures: dict[str, dict[str, Any]], kept: str) -> str:
    """Return docs/performance.md; `kept` are its sections that this run does not measure."""
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
            "`./dev bench` measures all figures of the table in one run and writes it. Later sections were measured",
            "once, by hand. Figures are of whole processes. Machines differ and are noisy, so only the limits count.",
            "",
            f"Measured {today} on {machine()}.",
            "",
            "| what | measured | limit | |",
            "| --- | ---: | ---: | --- |",
            *rows,
            "",
            "## Method",
            "",
            *_START.splitlines()[1:],
            "",
            *_CORE.splitlines()[1:],
            "",
            *_WEEK.splitlines()[1:],
            "",
            *_BACKUP.splitlines()[1:],
            kept,
        ]
    )


def verdict(row: Row, value: float) -> str:
    """Return whether the limit is kept, as text."""
    if not row.limit:
        return ""
    return "kept" if row.keeps(value) else "**missed**"


def main() -> int:
    """Measure, write, and exit with 1 if a limit is not kept."""
    figures = {module: measure(module) for module in TABLE}
    written = ROOT / "docs" / "performance.md"
    written.write_text(document(figures, by_hand(written.read_text())))
    missed = [row.what for module, rows in TABLE.items() for row in rows if not row.keeps(figures[module][row.figure])]
    print(f"docs/performance.md written; limits missed: {', '.join(missed) or 'none'}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
