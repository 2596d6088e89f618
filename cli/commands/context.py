"""`context`: the named addresses of APIs."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import click

from cli import contexts
from cli.errors import ExitCode, Failure
from cli.output import FORMATS
from cli.session import Session, group, pass_session
from cli.tables import Table, columns, fields_table


@group("context", {"ls": "list", "rm": "remove"})
def context() -> None:
    """Keep the addresses of several clusters under names, in a file that only you can read."""


@context.command("list")
@pass_session
def list_contexts(session: Session) -> None:
    """List the contexts; the current one has a star."""
    found = contexts.load(session.contexts_file)
    document = {"current": found.current, "contexts": {name: _given(item) for name, item in found.contexts.items()}}
    rows = [("*" if name == found.current else "", name, item.url) for name, item in sorted(found.contexts.items())]
    session.output.show(document, Table(columns("", "Name", "URL"), rows, name=1))
    if not rows:
        session.output.suggest("context add NAME URL")


@context.command("add")
@click.argument("name")
@click.argument("address", metavar="URL")
@click.option("--token-command", metavar="COMMAND", help="A program that prints the token; no shell runs it.")
@click.option("--format", "output", type=click.Choice(FORMATS), help="The output format of this context.")
@pass_session
def add(session: Session, name: str, address: str, token_command: str | None, output: str | None) -> None:
    """Add or change a context, and use it if it is the first.

    The global options --ca, --cert, --key and --token-file are stored with it.
    """
    from cli.rest import parse_url

    if not name:
        raise Failure("The context needs a name.", ExitCode.USAGE)
    parse_url(address)
    # A context is used from any directory.
    files = {key: session.given.get(key) for key in ("ca", "cert", "key", "token_file")}
    given = {key: str(Path(file).absolute()) if file else "" for key, file in files.items()}
    added = contexts.Context(url=address, token_command=token_command or "", output=output or "", **given)
    if added.token_file and added.token_command:
        raise Failure("Give a token file or a token command, not both.", ExitCode.USAGE)
    found = contexts.load(session.contexts_file)
    _save(session, replace(found, current=found.current or name, contexts={**found.contexts, name: added}))
    session.output.say(f"The context {name} is stored.")


@context.command("use")
@click.argument("name")
@pass_session
def use(session: Session, name: str) -> None:
    """Make a context the current one."""
    found = contexts.load(session.contexts_file)
    found.find(name)
    _save(session, replace(found, current=name))
    session.output.say(f"The context is {name} now.")


@context.command("remove")
@click.argument("name")
@pass_session
def remove(session: Session, name: str) -> None:
    """Remove a context."""
    found = contexts.load(session.contexts_file)
    found.find(name)
    left = {key: item for key, item in found.contexts.items() if key != name}
    _save(session, contexts.Contexts("" if found.current == name else found.current, left))
    chosen = found.current == name and left
    then = " None is chosen now; run: cassandra-mesos context use NAME" if chosen else ""
    session.output.say(f"The context {name} is removed.{then}")


@context.command("show")
@click.argument("name", required=False)
@pass_session
def show(session: Session, name: str | None) -> None:
    """Show a context, or the current one."""
    found = contexts.load(session.contexts_file)
    chosen = name or found.current
    if not chosen:
        raise Failure("There is no current context.", ExitCode.NOT_FOUND)
    document = {"name": chosen, **_given(found.find(chosen))}
    session.output.show(document, fields_table(list(document.items())))


def _given(item: contexts.Context) -> dict[str, Any]:
    return {key: value for key, value in asdict(item).items() if value}


def _save(session: Session, changed: contexts.Contexts) -> None:
    try:
        contexts.save(session.contexts_file, changed)
    except OSError as error:
        raise Failure(f"{session.contexts_file} cannot be written: {error.strerror}.") from error
