"""`node`: list and show nodes, and restart, move, pause or remove them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

import click

from cli.errors import ExitCode
from cli.nodes import read_nodes
from cli.options import WholeNumber, force_option, wait_options
from cli.rest import segment
from cli.session import Session, group, node_name, pass_session
from cli.tables import Table, clean, columns, fields_table
from cli.waiting import Reached, read_plans, wait, wait_for_operation, wait_for_plans

Json = Mapping[str, Any]

_COLUMNS = columns("Node", "Rack", "Agent", "Address", "Mode", "Task", "Failures")
_BRING_UP = ("deploy", "recovery")


@group("node", {"describe": "show", "info": "show"})
def node() -> None:
    """List, show and command nodes. A node is node-3 or just 3."""


@node.command("list")
@pass_session
def list_nodes(session: Session) -> None:
    """List the nodes that were launched."""
    if session.output.format in ("json", "yaml", "name"):
        names = session.client.get("/v1/nodes/list")
        return session.output.show(names, Table(columns("Node"), [(name,) for name in names]))
    found = read_nodes(session.client)
    return session.output.show([item["name"] for item in found], Table(_COLUMNS, [_row(item) for item in found]))


@node.command("show")
@click.argument("name", metavar="NODE")
@pass_session
def show(session: Session, name: str) -> None:
    """Show the scheduler's record of a node."""
    document = session.client.get(_path(name, "info"))
    session.output.show(document, fields_table(list(document.items())))
    session.output.suggest(f"node status {document['name']}")


@node.command("status")
@click.argument("name", metavar="NODE")
@pass_session
def status(session: Session, name: str) -> None:
    """Show a node's status, asked from its executor now."""
    document = session.client.get(_path(name, "status"))
    session.output.show(document, fields_table(list(_flat(document))))


@node.command("restart")
@click.argument("name", metavar="NODE|*")
@click.option("--by-rack", is_flag=True, help="For *: all nodes of a rack at the same time.")
@force_option
@wait_options
@pass_session
def restart(session: Session, name: str, by_rack: bool, force: bool, waits: bool, timeout: float | None) -> int:
    """Drain a node and launch it again where it is; * for all, one after another."""
    every = name in ("*", "all")
    session.confirm("Restart all nodes?" if every else f"Restart {node_name(name)}?")
    query = {"node": "*" if every else node_name(name), "by": "rack" if by_rack else "", "force": _flag(force)}
    tasks = session.client.send("PUT", "/v1/nodes/restart", query=query)
    _report(session, tasks)
    if not waits:
        return ExitCode.DONE
    if every:
        return wait_for_plans(session, _BRING_UP, timeout)
    return _wait_for_node(session, node_name(name), tasks, timeout)


@node.command("replace")
@click.argument("name", metavar="NODE")
@click.option("--decommission", is_flag=True, help="It streams its data to the others first, then joins as a new node.")
@force_option
@wait_options
@pass_session
def replace(session: Session, name: str, decommission: bool, force: bool, waits: bool, timeout: float | None) -> int:
    """Replace a node by a new one on another agent."""
    session.confirm(f"Replace {node_name(name)}?")
    query = {"force": _flag(force), "decommission": _flag(decommission)}
    answer = session.client.send("PUT", _path(name, "replace"), query=query)
    if decommission:
        return _started(session, answer, waits, timeout)
    _report(session, answer)
    return _wait_for_node(session, node_name(name), answer, timeout) if waits else ExitCode.DONE


@node.command("decommission")
@click.argument("name", metavar="NODE")
@force_option
@wait_options
@pass_session
def decommission(session: Session, name: str, force: bool, waits: bool, timeout: float | None) -> int:
    """Stream a node's data to the others and remove it from the ring."""
    session.confirm(f"Remove {node_name(name)} from the ring?")
    answer = session.client.send("PUT", _path(name, "decommission"), query={"force": _flag(force)})
    return _started(session, answer, waits, timeout)


@node.command("pause")
@click.argument("name", metavar="NODE")
@force_option
@wait_options
@pass_session
def pause(session: Session, name: str, force: bool, waits: bool, timeout: float | None) -> int:
    """Stop a node's Cassandra and keep its volume mounted."""
    session.confirm(f"Pause {node_name(name)}?")
    tasks = session.client.send("PUT", _path(name, "pause"), query={"force": _flag(force)})
    _report(session, tasks)
    if not waits:
        return ExitCode.DONE
    return _wait_for_record(session, node_name(name), lambda info: bool(info["mode"] == "PAUSED"), timeout)


@node.command("resume")
@click.argument("name", metavar="NODE")
@wait_options
@pass_session
def resume(session: Session, name: str, waits: bool, timeout: float | None) -> int:
    """Start a paused node's Cassandra again."""
    tasks = session.client.send("PUT", _path(name, "resume"))
    _report(session, tasks)
    return _wait_for_node(session, node_name(name), tasks, timeout) if waits else ExitCode.DONE


@node.command("cancel")
@click.argument("name", metavar="NODE")
@pass_session
def cancel(session: Session, name: str) -> None:
    """Cancel a restart or replacement that waits for its turn."""
    session.output.say(session.client.send("PUT", _path(name, "cancel"))["message"])


@node.command("logs")
@click.argument("name", metavar="NODE")
@click.option(
    "--file", type=click.Choice(["system", "output", "executor"]), help="The log; Cassandra's own if not given."
)
@click.option("-n", "--lines", type=WholeNumber(1, 1000), default=100, help="The number of lines (100).")
@pass_session
def logs(session: Session, name: str, file: str | None, lines: int) -> None:
    """Show the end of a node's log, from its sandbox on the agent."""
    document = session.client.get(_path(name, "logs"), {"file": file or "", "lines": str(lines)})
    rows = [(line,) for line in document["lines"]]
    if session.output.for_people:
        session.output.show(document, head=[clean(line) for line in document["lines"]])
    else:
        session.output.show(document, Table(columns("Line"), rows))


@node.command("why")
@click.argument("name", metavar="NODE")
@pass_session
def why(session: Session, name: str) -> int:
    """Tell why a node is not done, and what can be done about it."""
    from cli.commands.why import explain

    return explain(session, node_name(name))


def _path(name: str, word: str) -> str:
    return f"/v1/nodes/{segment(node_name(name))}/{word}"


def _flag(value: bool) -> str:
    return "true" if value else ""


def _flat(document: Json, before: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the fields of a document and of the documents in it, such as `figures.read.p99_ms`."""
    for name, value in document.items():
        if isinstance(value, dict) and value:
            yield from _flat(value, f"{before}{name}.")
        else:
            yield before + name, value


def _row(info: Json) -> tuple[Any, ...]:
    return tuple(info.get(key) for key in ("name", "rack", "hostname", "address", "mode", "state", "failures"))


def _report(session: Session, tasks: list[str]) -> None:
    session.output.show(tasks, Table(columns("Task"), [(task,) for task in tasks]))


def _started(session: Session, answer: Json, waits: bool, timeout: float | None) -> int:
    session.output.show(answer, fields_table(list(answer.items())))
    return wait_for_operation(session, "decommission", answer["id"], timeout) if waits else ExitCode.DONE


def _wait_for_node(session: Session, name: str, tasks: Collection[str], timeout: float | None) -> int:
    """Wait until the node runs as another task, and the plans are complete."""
    return _wait_for_record(session, name, lambda info: info["id"] not in tasks, timeout, _BRING_UP)


def _wait_for_record(
    session: Session, name: str, done: Callable[[Json], bool], timeout: float | None, plans: tuple[str, ...] = ()
) -> int:
    def read() -> Reached:
        info = session.client.get(_path(name, "info"))
        reached = read_plans(session, plans or _BRING_UP)
        if done(info):
            return reached if plans else Reached(reached.lines, ExitCode.DONE)
        # Until its old task has ended, the plans may be complete or wait for an operator for another cause.
        failed = reached.code is ExitCode.ENDED_IN_ERROR
        return reached if failed else Reached([f"{name} {info['state']} {info['mode']}", *reached.lines])

    return wait(session, read, timeout, f"node show {name}")
