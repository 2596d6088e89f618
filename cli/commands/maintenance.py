"""Operations on tables: repair, cleanup, compact, scrub, flush, upgradesstables and garbagecollect."""

from __future__ import annotations

from typing import Any

import click

from cli import operations
from cli.options import WholeNumber, wait_options
from cli.requests import login_option, nodes_option, request_of, table_options
from cli.session import Group, Session, group, pass_session


def _complete(target: Group, kind: str) -> None:
    operations.add_status(target, kind)
    operations.add_stop(target, kind)
    operations.add_continue(target, kind)
    operations.add_history(target, kind)


def _work(kind: str, title: str) -> Group:
    """Return the group of an operation that is one job a node."""
    target = Group(kind, help=f"{title}.")

    @target.command("start", help=f"{title}, one node after another.")
    @nodes_option
    @table_options
    @click.option("--parallelism", type=WholeNumber(1), help="The number of nodes at once (1).")
    @wait_options
    @pass_session
    def start(session: Session, waits: bool, timeout: float | None, **fields: Any) -> int:
        return operations.start_operation(session, kind, request_of(session, fields), waits, timeout)

    _complete(target, kind)
    return target


cleanup = _work("cleanup", "Remove data for which a node is no longer responsible")
compact = _work("compact", "Merge SSTables")
scrub = _work("scrub", "Rewrite SSTables without damaged data")
flush = _work("flush", "Write memtables to disk")
upgradesstables = _work("upgradesstables", "Rewrite SSTables in the current format")
garbagecollect = _work("garbagecollect", "Remove deleted data")


@group("repair")
def repair() -> None:
    """Make replicas equal."""


@repair.command("start")
@nodes_option
@table_options
@click.option("--incremental", is_flag=True, default=None, help="Only data that was not repaired yet.")
@click.option("--primary-range/--all-ranges", default=None, help="Each range once, or every range of each node.")
@click.option(
    "--parallelism", type=click.Choice(["sequential", "parallel", "dc_parallel"]), help="Cassandra's own (sequential)."
)
@click.option("--pending-compactions", type=WholeNumber(0), help="Wait while a replica has more (20).")
@click.option("--stall-seconds", type=WholeNumber(10), help="Give up a segment without progress (1800).")
@click.option("--segment-mb", type=WholeNumber(1), help="The data that one segment compares (256).")
@login_option
@wait_options
@pass_session
def start(session: Session, waits: bool, timeout: float | None, **fields: Any) -> int:
    """Start a repair, one node after another."""
    return operations.start_operation(session, "repair", request_of(session, fields), waits, timeout)


_complete(repair, "repair")
