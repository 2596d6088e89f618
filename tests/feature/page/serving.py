"""The API with the page under gunicorn over a loop of its own: `python -m tests.feature.page.serving`.

The state is made for the page: a backup is under way, and one node is paused. The loop, the core and the API are the
real ones; Mesos is a sender that drops every call.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
import uuid
from dataclasses import replace

from bench import large
from bench.api_server import Nowhere
from executor.figures import Figures, Requests
from executor.protocol import JobProgress
from scheduler.core.state.cluster import ClusterState, JobSighting
from scheduler.core.state.node import Intent, IntentKind, TaskState
from scheduler.core.state.operation import JobTask, StepRecord, StepState
from scheduler.loop.run import Loop, Sources
from scheduler.settings import parse
from service.server import Server, share_the_interpreter
from tests.memory_store import MemoryStore

PAUSED = "node-2"
VIEWS = (
    ".", "ring", "node?node=node-2", "plans", "plans?plan=backup", "operations", "operations?kind=backup", "backups",
    "offers", "settings", "events", "do?command=start-restore", "do?command=node-replace&node=node-0",
    "do?command=config-change",
)  # fmt: skip


def prepared(nodes: int) -> ClusterState:
    """Return a cluster with a backup under way and a paused node, all of it as of now."""
    large.NOW = time.time()
    state = large.backed_up(nodes)
    node = state.nodes[PAUSED]
    pause = Intent(IntentKind.PAUSE, large.NOW, "the-task-before", "disk check", "somebody", begun_at=large.NOW)
    state = replace(state, nodes={**state.nodes, PAUSED: replace(node, mode="PAUSED", intent=pause)})
    return _measured(_uploading(state))


def _uploading(state: ClusterState) -> ClusterState:
    """Return the state with an upload that runs on node-1, at a rate."""
    node, operation = state.nodes["node-1"], state.operations["backup"]
    assert node.task is not None
    assert node.agent is not None
    task = JobTask(
        "upload-node-1__1", node.name, node.agent.id, node.task.executor_id, node.task.id, TaskState.RUNNING,
        large.NOW, large.NOW,
    )  # fmt: skip
    step = StepRecord("backup", operation.id, "Upload", node.name, StepState.RUNNING, task, started_at=large.NOW)
    progress = JobProgress(
        "sending", percent=40.0, done={"bytes": 1e9}, total={"bytes": 2.5e9}, rate=48e6, seconds_left=31.0
    )
    jobs = {**state.jobs, step.key: JobSighting(task.id, progress, large.NOW)}
    return replace(state, steps={**state.steps, step.key: step}, jobs=jobs)


def _measured(state: ClusterState) -> ClusterState:
    """Return the state with figures of every node."""
    share = 1 / len(state.nodes)
    sightings = {
        name: replace(
            item, status=replace(item.status, load_bytes=int(42e9), room_bytes=int(58e9)),
            figures=Figures(
                owns=share, pending_compactions=2, heap_used_bytes=2**30, heap_max_bytes=2**31, hints=0,
                disk_bytes=int(110e9), read=Requests(9000, 1, 180.0, 950.0), write=Requests(9000, 1, 90.0, 640.0),
            ),
        )
        for name, item in state.sightings.items()
    }  # fmt: skip
    return replace(state, sightings=sightings)


class Prepared(Server):
    """The server over a loop with that state."""

    def _begin(self, _: object) -> None:
        share_the_interpreter()
        store = MemoryStore()
        store.load()
        sources = Sources(now=time.time, new_id=lambda: str(uuid.uuid4()))
        loop = Loop(store, Nowhere(), prepared(self._settings.nodes), sources, self._gateway.publish)
        self._gateway.open(loop.put)
        loop.cycle([])
        threading.Thread(target=loop.run, daemon=True).start()


def main() -> None:
    """Serve on API_HOST and API_PORT until the process is ended."""
    logging.basicConfig(stream=sys.stderr, level=logging.ERROR)
    Prepared(parse(os.environ)).run()


if __name__ == "__main__":
    main()
