"""The materialized views of restored tables: rebuilt from their tables on every node, never loaded."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from cassandra.cluster import Session

from executor.cql.names import TableName
from executor.jmx import java_agent
from executor.jmx.jolokia import Jolokia, JolokiaError
from executor.jobs.blocking import call_watched

_BEAN = "Views"
_OF_KEY_SPACE = "SELECT view_name, base_table_name FROM system_schema.views WHERE keyspace_name = %s"
_ASK_SECONDS = 30.0
# Cassandra first ends compactions, then removes files.
_EMPTY_SECONDS = 3600.0
_POLL_SECONDS = 0.5
# Cassandra tries a failed build again after five minutes.
STALLED_SECONDS = 1800.0


# A job's result has the names of all views beside much else, and the phases that build them take them from there.
_NAMES_BYTES = 20_000


class ViewError(Exception):
    """Cassandra does not build a view; the text names it and what to do."""


@dataclass(frozen=True)
class Views:
    """The views of one node. Methods raise JolokiaError, and java_agent.NoAgentError if our agent cannot be loaded."""

    jolokia: Jolokia
    check: Callable[[], None]

    def empty(self, view: TableName) -> None:
        """Remove this node's rows of a view."""
        bean = java_agent.attach(self.jolokia, _BEAN)
        arguments = [view.key_space, view.table]
        call_watched(partial(self.jolokia.execute, bean, "empty", arguments, _EMPTY_SECONDS), self.check)

    def build(self, view: TableName) -> None:
        """Begin to build a view, or continue a build."""
        bean = java_agent.attach(self.jolokia, _BEAN)
        arguments = [view.key_space, view.table]
        call_watched(partial(self.jolokia.execute, bean, "build", arguments, _EMPTY_SECONDS), self.check)

    def unbuilt(self, views: Sequence[TableName]) -> dict[TableName, int]:
        """Return the views that are not built here, with the number of their tables' processed partitions."""
        open_ = [view for view in views if not self._ask("isBuilt", [view.key_space, view.table])]
        return {view: int(self._ask("partitions", [view.key_space, view.table])) for view in open_}

    def wait(
        self,
        views: Sequence[TableName],
        tell: Callable[[dict[TableName, int]], None],
        wait: Callable[[float], None],
        clock: Callable[[], float],
    ) -> None:
        """Wait until all views are built here.

        Args:
            views: The views.
            tell: Receives the views that are not built yet, with their processed partitions.
            wait: Waits for a number of seconds.
            clock: Returns seconds.

        Raises:
            ViewError: There was no progress for STALLED_SECONDS.
        """
        before, moved = self.unbuilt(views), clock()
        while before:
            tell(before)
            wait(_POLL_SECONDS)
            now = self.unbuilt(list(before))
            if now != before:
                before, moved = now, clock()
            elif clock() - moved > STALLED_SECONDS:
                names = ", ".join(map(str, before))
                minutes = STALLED_SECONDS / 60
                raise ViewError(
                    f"{names} not built: no progress for {minutes:.0f} minutes; see Cassandra's log of this node,"
                    " then restart the step"
                )

    def _ask(self, operation: str, arguments: list[Any]) -> Any:
        bean = java_agent.attach(self.jolokia, _BEAN)
        return self.jolokia.execute(bean, operation, arguments, _ASK_SECONDS)


def load_agent(jolokia: Jolokia) -> None:
    """Load our agent, which alone can empty and build a view. Raises JolokiaError."""
    java_agent.attach(jolokia, _BEAN)


def find_views(session: Session, tables: Iterable[TableName]) -> list[TableName]:
    """Return the materialized views of these tables."""
    wanted = set(tables)
    return sorted(
        TableName(key_space, row.view_name)
        for key_space in sorted({table.key_space for table in wanted})
        for row in session.execute(_OF_KEY_SPACE, (key_space,))
        if TableName(key_space, row.base_table_name) in wanted
    )


def too_many(views: Iterable[TableName]) -> str:
    """Return a sentence about views whose names do not fit into a job's result; empty if they do."""
    names = [str(view) for view in views]
    if len(json.dumps(names)) <= _NAMES_BYTES:
        return ""
    return f"the names of {len(names)} views are too long for one restore: restore some keyspaces or tables at a time"


def why_not(error: JolokiaError) -> str:
    """Return a sentence about a node that cannot build views."""
    return f"views cannot be rebuilt: {error}; use the Cassandra bundle of this version, or drop the views first"
