"""The jobs of the model's executors: how they go on step by step, what they find, and how they fail when told to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from executor.protocol import JobLaunch, JobProgress, JobResult
from tests.simulation.engine.ring import Data

Json = Mapping[str, Any]

KEY_SPACES = {"users": 2, "orders": 1}
SCHEMA = {"users": "r1", "users.t": "i1.c1"}


@dataclass
class Job:
    """One job as its executor holds it; `data` is what lies on the node's volume."""

    task_id: str
    launch: JobLaunch
    data: Data
    tuning: dict[str, Any]
    age: int = 0
    cancelled: bool = False

    @property
    def name(self) -> str:
        """Return the task's name: ``<job>-<node>``."""
        return f"{self.launch.job}-{self.launch.node}"

    def progress(self) -> JobProgress:
        return JobProgress(doing=self.launch.job, done={"tables": self.age}, percent=10.0, tuning=dict(self.tuning))


@dataclass
class Jobs:
    """The behaviour of all executors. Faults go by a job's name (`upload`) or that of its task (`upload-node-1`)."""

    work: int = 1
    held: set[str] = field(default_factory=set)
    failures: dict[str, list[JobResult]] = field(default_factory=dict)
    same_as: dict[str, str] = field(default_factory=dict)
    begun: list[str] = field(default_factory=list)
    finished: set[str] = field(default_factory=set)
    backups: list[str] = field(default_factory=list)
    loaded: dict[str, tuple[str, tuple[str, ...]]] = field(default_factory=dict)
    views: list[str] = field(default_factory=list)
    # Those that are made while a node loads, by its name.
    new_views: dict[str, list[str]] = field(default_factory=dict)
    emptied: set[str] = field(default_factory=set)
    verdict: str = "equal"
    violations: list[str] = field(default_factory=list)
    schemas: dict[str, Json] = field(default_factory=dict)
    # By node: how its executor computes the schema's digests, and Cassandra's version of the schema.
    rules: dict[str, int] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    changes: list[list[str]] = field(default_factory=list)
    described: list[Json] = field(default_factory=list)
    completed: list[Json] = field(default_factory=list)

    def step(self, job: Job) -> tuple[str, JobResult | None] | None:
        """Return the executor's next report to Mesos, a state with a result at the end; None without one."""
        job.age += 1
        if job.cancelled:
            return "TASK_KILLED", JobResult(job.progress(), error="cancelled")
        if job.age <= 2:
            return ("TASK_STARTING", "TASK_RUNNING")[job.age - 1], None
        if {job.name, job.launch.job} & self.held or job.age < 2 + self.work:
            return None
        for name in (job.name, job.launch.job):
            if self.failures.get(name):
                return "TASK_FAILED", self.failures[name].pop(0)
        self.finished.add(job.task_id)
        return "TASK_FINISHED", JobResult(job.progress(), self._result(job))

    def _result(self, job: Job) -> Json:
        told = job.launch.parameters
        special: dict[str, Callable[[Job, Json], Json]] = {
            "snapshot": self._snapshot,
            "describe": self._describe,
            "upload": self._upload,
            "complete": self._complete,
            "clear": self._clear,
            "verify": self._verify,
            "delete": self._delete,
            "restore-check": self._check,
            "restore-schema": self._schema,
            "restore-load": self._load,
            "restore-empty-views": self._empty_views,
            "restore-build-views": self._build_views,
            "restore-digest": self._digest,
            "restore-compare": self._compare,
            "repair": self._repair,
            **dict.fromkeys(("logins-replication", "logins-superusers", "logins-password"), self._logins),
            "logins-check": self._logins,
            "decommission": self._decommission,
        }
        return special.get(job.launch.job, self._tables)(job, told)

    def _tables(self, _job: Job, told: Json) -> Json:
        tables = {f"{name}.t": "done" for name in told["key_spaces"] or KEY_SPACES}
        return {"tables": tables, "done": len(tables), "skipped": 0, "failed": 0}

    def _repair(self, job: Job, told: Json) -> Json:
        return {"segments": 4, "ranges": 16, "tables": self._tables(job, told)["tables"], "seconds": 3.0}

    def _logins(self, _job: Job, _told: Json) -> Json:
        return {"message": "done"}

    def _decommission(self, job: Job, _told: Json) -> Json:
        self._expect(not job.data.left, f"{job.launch.node} is to leave a second time")
        job.data.left = True
        return {"host_id": job.data.host_id}

    def _snapshot(self, job: Job, told: Json) -> Json:
        job.data.snapshots = {told["tag"]}
        schema = self.schemas.get(job.launch.node, SCHEMA)
        node = job.launch.node
        version = self.versions.get(node, "v1")
        found = {"schema_version": version, "host_id": job.data.host_id, "taken_at": 1.0, "tables": 3, "bytes": 1000}
        rules = {"schema_rules": self.rules[node]} if node in self.rules else {}
        return {**found, **rules, "schema": dict(schema)}

    def _describe(self, _job: Job, told: Json) -> Json:
        self._expect(told["schema_versions"] == ["v1"], f"describe of snapshots {told['schema_versions']}")
        schema = told.get("schema", {"differs": {}, "left_out": {}})  # of executors that compute it in two ways: none
        fits = told["last_round"] or not schema["differs"]
        self._expect(fits, f"describe of snapshots that differ: {schema['differs']}")
        self.described.append(told)
        if self.changes and not told["last_round"]:
            return {"retake": self.changes.pop(0), "message": "the schema changed"}
        left_out = schema["left_out"]
        return {
            **({"left_out": left_out} if left_out else {}),
            "key": f"backups/{told['backup_name']}/schema.json",
            "sha256": "d",
            "key_spaces": KEY_SPACES,
        }

    def _upload(self, job: Job, told: Json) -> Json:
        self._expect(told["tag"] in job.data.snapshots, f"{job.name} of a snapshot that is not there")
        key = f"backups/{told['backup_name']}/nodes/{job.launch.node}.json"
        found = {"objects": 10, "bytes": 1000, "sent_objects": 5, "sent_bytes": 500, "tables": 3}
        return {"manifest_key": key, "manifest_sha256": "u", **found}

    def _complete(self, _job: Job, told: Json) -> Json:
        self.completed.append(told)
        for name, found in told["nodes"].items():
            self._expect({"schema_version", "manifest_sha256"} <= found.keys(), f"{name} in the manifest as {found}")
        self._expect("sha256" in told["describe"], "the manifest does not know the schema")
        self.backups.append(told["backup_name"])
        return {"manifest_key": "m", "objects": 30, "bytes": 3000}

    def _clear(self, job: Job, _told: Json) -> Json:
        cleared, job.data.snapshots = len(job.data.snapshots), set()
        return {"cleared": cleared}

    def _verify(self, _job: Job, told: Json) -> Json:
        return {"objects": len(told["sources"]), "bytes": 1000, "damaged": []}

    def _delete(self, _job: Job, told: Json) -> Json:
        return {"backups": [told["backup_name"]], "objects": 1, "bytes": 1, "kept_for_others": 0}

    def _check(self, job: Job, _told: Json) -> Json:
        return {"same_as": self.same_as.get(job.launch.node), "bytes": 1000, "free_bytes": 100_000}

    def _schema(self, _job: Job, _told: Json) -> Json:
        return {"created": ["users"], "kept": ["orders"], "views": self.views}

    def _load(self, job: Job, told: Json) -> Json:
        self.loaded[job.launch.node] = (told["mode"], tuple(told["sources"]))
        self._expect(told.get("views", []) == self.views, f"{job.name} knows of {told.get('views')}")
        made = self.new_views.get(job.launch.node)
        found = {"tables": {"users.t": "done"}, "objects": 10, "bytes": 1000, "sstables": 2}
        return {**found, **({"views": made} if made else {})}

    def _empty_views(self, job: Job, told: Json) -> Json:
        made = [view for views in self.new_views.values() for view in views]
        expected = [*self.views, *made]
        self._expect(bool(expected) and told["views"] == expected, f"{job.name} of {told['views']}")
        self.emptied.add(job.launch.node)
        return {"views": len(told["views"])}

    def _build_views(self, job: Job, told: Json) -> Json:
        self._expect(len(self.emptied) in (0, 3), f"{job.name} when only {sorted(self.emptied)} were emptied")
        return {"views": len(told["views"])}

    def _digest(self, job: Job, told: Json) -> Json:
        self._expect(self.loaded.get(job.launch.node) is not None, f"{job.name} of what {job.launch.node} never loaded")
        return {"samples": {"users.t": {"rows": 10 * len(told["sources"])}}}

    def _compare(self, _job: Job, told: Json) -> Json:
        self._expect(not told["silent"], f"{told['silent']} have not compared what they loaded")
        self._expect(told["samples"]["users.t"]["rows"] == 30, f"compared {told['samples']}")
        verdict = {"verdict": self.verdict, "message": f"{self.verdict}: users.t" if self.verdict != "equal" else ""}
        return {**verdict, "tables": {"users.t": {"backup": 1, "now": 1}}, "equal": 1, "different": 0, "not_counted": 0}

    def _expect(self, holds: bool, words: str) -> None:
        if not holds:
            self.violations.append(words)


def misfit(info: Json, launch: JobLaunch, executor: Json, node_task_id: str, beside: list[Job]) -> str | None:
    """Why a job may not be launched beside a node whose executor and task are these, and which runs these jobs."""
    if info["executor"] != executor:
        return "ExecutorInfo is not compatible with existing ExecutorInfo with same ExecutorID"
    if launch.node_task_id != node_task_id:
        return f"it belongs to {launch.node_task_id}, but {node_task_id} runs"
    if beside:
        return f"{beside[0].task_id} runs there"
    if any("disk" in item for item in info["resources"]):
        return "it takes the node's volume"
    return None
