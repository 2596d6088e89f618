"""The materialized views of tables that are restored: built anew from their tables, on every node, never loaded."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from executor.cql.names import TableName
from executor.jmx import java_agent
from executor.jmx.jolokia import Jolokia, JolokiaError
from executor.jobs.blocking import call

_BEAN = "Views"
_ASK_SECONDS = 30.0
# Compactions end first; then files are removed.
_EMPTY_SECONDS = 3600.0
_POLL_SECONDS = 0.5
# Cassandra tries a build that failed again after five minutes.
STALLED_SECONDS = 1800.0


class ViewError(Exception):
    """Cassandra does not build a view; the text names it and says what to do."""


@dataclass(frozen=True)
class Views:
    """The views of one node. Raises JolokiaError, and java_agent.NoAgentError where our agent cannot be loaded."""

    jolokia: Jolokia
    check: Callable[[], None]

    def of(self, tables: Iterable[TableName]) -> list[TableName]:
        """The views of these tables."""
        found = self._ask("of", [[str(table) for table in tables]])
        return sorted(TableName(*name.split(".", 1)) for name in found)

    def empty(self, view: TableName) -> None:
        """Remove this node's rows of a view."""
        bean = java_agent.attach(self.jolokia, _BEAN)
        arguments = [view.key_space, view.table]
        call(partial(self.jolokia.execute, bean, "empty", arguments, _EMPTY_SECONDS), self.check)

    def build(self, view: TableName) -> None:
        """Begin to build a view, or go on with it."""
        bean = java_agent.attach(self.jolokia, _BEAN)
        arguments = [view.key_space, view.table]
        call(partial(self.jolokia.execute, bean, "build", arguments, _EMPTY_SECONDS), self.check)

    def unbuilt(self, views: Sequence[TableName]) -> dict[TableName, int]:
        """Those that are not built here, with how many partitions of their tables have been gone through."""
        open_ = [view for view in views if not self._ask("isBuilt", [view.key_space, view.table])]
        return {view: int(self._ask("partitions", [view.key_space, view.table])) for view in open_}

    def wait(
        self,
        views: Sequence[TableName],
        tell: Callable[[dict[TableName, int]], None],
        wait: Callable[[float], None],
        clock: Callable[[], float],
    ) -> None:
        """Until all are built here. Raises ViewError when nothing has moved for half an hour."""
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
                    f"{names} not built: nothing has moved for {minutes:.0f} minutes; see Cassandra's log of this node,"
                    " then restart the step"
                )

    def _ask(self, operation: str, arguments: list[Any]) -> Any:
        bean = java_agent.attach(self.jolokia, _BEAN)
        return self.jolokia.execute(bean, operation, arguments, _ASK_SECONDS)


def why_not(error: JolokiaError) -> str:
    """What to say of a node that cannot do it."""
    return f"views cannot be built anew: {error}; use the Cassandra bundle of this version, or drop the views first"
