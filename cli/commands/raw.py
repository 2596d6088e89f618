"""`api`: any request, with this program's address, TLS and token."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import click

from cli.errors import ExitCode, Failure, words_of
from cli.files import read_text
from cli.output import json_text
from cli.repeated import once
from cli.session import Session, command, pass_session
from cli.tables import visible


@command("api")
@click.argument("method", type=click.Choice(["GET", "PUT", "POST"], case_sensitive=False))
@click.argument("path")
@click.option("-d", "--data", "data", metavar="@FILE|-|JSON", help="The body, in JSON.")
@pass_session
def api(session: Session, method: str, path: str, data: str | None) -> None:
    """Send a request and write the answer, for example: api GET /v1/plan.

    Do not put secrets into the JSON of an argument: give them in a file (@FILE) or on stdin (-).
    """
    target = path if path.startswith("/") else f"/{path}"
    place, _, words = target.partition("?")
    query = once(parse_qsl(words, keep_blank_values=True), "the query")
    body = None if data is None else _body(data)
    content = session.client.ask(method.upper(), place, query, body).content
    if isinstance(content, str):
        text = visible(content) if sys.stdout.isatty() else content
        click.echo(text, nl=not content.endswith("\n"), color=True)  # click itself leaves no character out
    elif session.output.format == "yaml":
        session.output.show(content)
    else:
        click.echo(json_text(content))


def _body(data: str) -> Any:
    try:
        text = sys.stdin.read() if data == "-" else read_text(Path(data[1:])) if data.startswith("@") else data
        return json.loads(text, object_pairs_hook=once)
    except (ValueError, RecursionError) as error:
        raise Failure(f"The body cannot be used: {words_of(error)}.", ExitCode.USAGE) from error
