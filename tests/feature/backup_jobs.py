"""Backups and restores as the scheduler runs them: their jobs in order on the nodes of a ring."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

import boto3

from devcluster import s3_server
from executor.node.job_table import JOBS
from executor.protocol import JobLaunch
from scheduler.core.maintenance import job_parameters
from scheduler.core.maintenance import snapshots as maintenance_snapshots
from tests.feature.cassandra_ring import Ring, RingNode
from tests.feature.job_context import LocalContext, Running
from tests.ports import free_port

BUCKET = "backups"
SECRETS = {"s3_access_key": "test", "s3_secret_key": "test"}
_JOB_SECONDS = 240.0

Json = Mapping[str, Any]


@dataclass(frozen=True)
class Bucket:
    """A bucket of a real S3 server on this machine."""

    endpoint: str

    @property
    def location(self) -> dict[str, Any]:
        """Return the location as jobs get it."""
        return {"external_location": f"{self.endpoint}/{BUCKET}/here", "region": "us-east-1", "path_style": True}

    def client(self) -> Any:
        """Return a client of boto3."""
        return boto3.client(
            "s3", endpoint_url=self.endpoint, region_name="us-east-1",
            aws_access_key_id=SECRETS["s3_access_key"], aws_secret_access_key=SECRETS["s3_secret_key"],
        )  # fmt: skip

    def keys(self, part: str) -> list[str]:
        """Return all keys that contain a text."""
        pages = self.client().get_paginator("list_objects_v2").paginate(Bucket=BUCKET)
        return [item["Key"] for page in pages for item in page.get("Contents", ()) if part in item["Key"]]


@contextmanager
def serve_bucket() -> Iterator[Bucket]:
    """Run an S3 server with an empty bucket."""
    # A line for each request would bury what a test has to say.
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    port = free_port()
    with s3_server.running("127.0.0.1", port):
        bucket = Bucket(f"http://127.0.0.1:{port}")
        bucket.client().create_bucket(Bucket=BUCKET)
        yield bucket


def schema_of(snapshots: Mapping[str, Json], last_round: bool = False) -> dict[str, Any]:
    """Return the scheduler's parameters, from the snapshots' schemas, for the job that describes."""
    compared = maintenance_snapshots.compare_schemas(snapshots)
    assert compared is not None
    return {"schema": asdict(compared), "last_round": last_round}


@dataclass
class Operator:
    """A runner of operations' jobs on a ring."""

    ring: Ring
    bucket: Bucket
    cluster: str = "c-1"
    counter: Iterator[int] = field(default_factory=lambda: iter(range(1, 1000)))
    # A user of Cassandra, for a ring that authenticates: cassandra_username and cassandra_password.
    login: Mapping[str, str] = field(default_factory=dict)
    # Whether backups are sealed; the keys are among the secrets of `login`.
    sealed: bool = False

    def begin(self, job: str, node: RingNode, operation: str, parameters: Json, tuning: Json | None = None) -> Running:
        """Begin one job on one node."""
        everything = {
            "location": self.bucket.location, "cluster": self.cluster, "cluster_name": node.launch.cluster_name,
            "operation": operation, **parameters,
        }  # fmt: skip
        # Parameters travel as JSON.
        launch = JobLaunch(job, operation, node.launch.node, "t", json.loads(json.dumps(everything)), secret=True)
        return Running(JOBS[job], LocalContext(launch, node.facts(), dict(tuning or {}), {**SECRETS, **self.login}))

    def run(self, job: str, node: RingNode, operation: str, parameters: Json) -> Json:
        """Run one job on one node to its end; raise what it raises."""
        return self.begin(job, node, operation, parameters).join(_JOB_SECONDS)

    def everywhere(self, job: str, operation: str, parameters: Mapping[str, Json]) -> dict[str, Json]:
        """Run a job on all nodes at once, each with its own parameters."""
        running = {
            node.launch.node: self.begin(job, node, operation, parameters[node.launch.node]) for node in self.nodes
        }
        return {name: job.join(_JOB_SECONDS) for name, job in running.items()}

    @property
    def nodes(self) -> Sequence[RingNode]:
        """Return the nodes of the ring."""
        return self.ring.nodes

    def alike(self, parameters: Json) -> dict[str, Json]:
        """Return the same parameters for all nodes."""
        return {node.launch.node: parameters for node in self.nodes}

    def back_up(self, name: str, key_spaces: Sequence[str] = (), count_rows: bool | None = True) -> Json:
        """Make a complete backup and return the result of the last job."""
        operation = f"b{next(self.counter)}"
        common = {
            "backup_name": name,
            "key_spaces": list(key_spaces),
            "column_families": [],
            "tag": f"backup-{operation}",
            "sealed": self.sealed,
        }
        snapshots = self.everywhere("snapshot", operation, self.alike(common))
        versions = sorted({str(found["schema_version"]) for found in snapshots.values()})
        first = self.nodes[0]
        described = self.run(
            "describe", first, operation,
            {**common, "schema_versions": versions, "count_rows": count_rows, **schema_of(snapshots)},
        )  # fmt: skip
        uploads = self.everywhere("upload", operation, self.alike(common))
        nodes = {node: {**snapshots[node], **uploads[node]} for node in snapshots}
        complete = {**common, "started_at": time.time(), "describe": described, "nodes": nodes}
        result = self.run("complete", first, operation, complete)
        self.everywhere("clear", operation, self.alike(common))
        return result

    def restore(
        self,
        name: str,
        backup_nodes: Sequence[str],
        meanwhile: Callable[[], object] = lambda: None,
        mode: str = "",
        **request: Any,
    ) -> dict[str, Any]:
        """Restore and return the results by phase, and the `mode`; `meanwhile` runs before the comparison.

        `mode` has files imported or streamed whatever the checks find.
        """
        operation = f"r{next(self.counter)}"
        common = {"backup_name": name, **request}
        names = [node.launch.node for node in self.nodes]
        shares = job_parameters.share(backup_nodes, names)
        checks = self.everywhere(
            "restore-check", operation,
            {node: {**common, "sources": list(backup_nodes), "share": list(shares[node])} for node in names},
        )  # fmt: skip
        created = self.run("restore-schema", self.nodes[0], operation, common)
        loading = job_parameters.choose_loading(checks, backup_nodes, names)
        own = {node: {**common, "mode": mode or loading.mode, "sources": list(loading.sources[node])} for node in names}
        loaded = self.everywhere(
            "restore-load", operation, {node: {**given, "views": created["views"]} for node, given in own.items()}
        )
        built = {}
        found = [*created["views"], *(view for result in loaded.values() for view in result.get("views", ()))]
        if found:
            given = self.alike({**common, "views": list(dict.fromkeys(found))})
            self.everywhere("restore-empty-views", operation, given)
            built = self.everywhere("restore-build-views", operation, given)
        meanwhile()
        digests = self.everywhere("restore-digest", operation, own)
        silent = sorted(node for node, found in digests.items() if "samples" not in found)
        samples = {"samples": job_parameters.gather(digests.values()), "silent": silent}
        compared = self.run("restore-compare", self.nodes[0], operation, {**common, **samples})
        return {
            "check": checks, "schema": created, "mode": loading.mode, "load": loaded, "digest": digests, "views": built,
            "compare": compared,
        }  # fmt: skip
