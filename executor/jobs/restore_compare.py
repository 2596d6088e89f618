"""restore-compare: are there as many rows as the backup counted? Differences are reported, and are no error."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cassandra import ConsistencyLevel

from executor.cql_session import CQL_ERRORS, words
from executor.jobs.context import JobContext, JobError
from executor.protocol import JobProgress
from executor.restore import live
from executor.restore.counting import Table, count, too_few_nodes
from executor.restore.repository import open_repository
from executor.restore.request import read
from executor.restore.stored import StoredBackup
from executor.restore.wanted import chosen

# A result is stored in ZooKeeper; tables that differ come first.
_LISTED = 500


def restore_compare(context: JobContext) -> Mapping[str, Any]:
    """Count each restored table of which the backup has a count. Raises JobError when a table cannot be read.

    `uncountable`: key spaces with more replicas than there are nodes to have a quorum, and why.
    """
    request = read(context.launch.parameters)
    with open_repository(context, request) as repository:
        backup = repository.backup()
    targets = chosen(backup, request).targets
    counted = {new: old for old, new in sorted(targets.items()) if old in backup.rows}
    found: dict[str, dict[str, int]] = dict(context.load().get("tables", {}))
    uncountable: dict[str, str] = {}
    with live.connect(context.node, context.secrets(), ConsistencyLevel.LOCAL_QUORUM) as session:
        for index, (new, old) in enumerate(counted.items()):
            if str(new) in found:
                continue
            context.check()
            context.tell(_progress(index, len(counted), str(new)))
            table = Table(new, backup.table_bytes.get(old, 0), _row_bytes(backup, old))
            try:
                now = count(session, table, context.check)
            except CQL_ERRORS as error:
                why = too_few_nodes(session, error)
                if why is None:
                    raise JobError("count", f"{new}: {words(error)}") from error
                uncountable[new.key_space] = why
                continue
            found[str(new)] = {"backup": backup.rows[old], "now": now}
            context.save({"tables": found})
    different = {name for name, rows in found.items() if rows["backup"] != rows["now"]}
    order = sorted(found, key=lambda name: (name not in different, name))
    return {
        "tables": {name: found[name] for name in order[:_LISTED]},
        "equal": len(found) - len(different),
        "different": len(different),
        "not_counted": len(targets) - len(found),
        "uncountable": uncountable,
    }


def _row_bytes(backup: StoredBackup, table: Any) -> int:
    return int(backup.table_bytes.get(table, 0) / max(1, backup.rows[table]))


def _progress(done: int, total: int, table: str) -> JobProgress:
    return JobProgress(
        doing=f"counting {table}", done={"tables": done}, total={"tables": total}, percent=100.0 * done / total
    )
