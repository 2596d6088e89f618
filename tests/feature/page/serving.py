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
from scheduler.core.state.cluster import ClusterState
from scheduler.core.state.node import Intent, IntentKind
from scheduler.loop.run import Loop, Sources
from scheduler.settings import parse
from scheduler.storage.port import MemoryStore
from service.server import Server, share_the_interpreter

PAUSED = "node-2"


def prepared(nodes: int) -> ClusterState:
    """Return a cluster with a backup under way and a paused node, all of it as of now."""
    large.NOW = time.time()
    state = large.backed_up(nodes)
    node = state.nodes[PAUSED]
    pause = Intent(IntentKind.PAUSE, large.NOW, node.known_task.id, "", "somebody", begun_at=large.NOW)
    return replace(state, nodes={**state.nodes, PAUSED: replace(node, mode="PAUSED", intent=pause)})


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
