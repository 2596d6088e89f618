"""Fields of operations' requests: tables, locations of backups, and secrets, which are never arguments."""

from __future__ import annotations

import configparser
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click

from cli.errors import ExitCode, Failure
from cli.files import check_mode, read_text
from cli.session import Session, names, node_name

_S3 = {
    "s3_access_key": ("aws_access_key_id", "S3 access key", False),
    "s3_secret_key": ("aws_secret_access_key", "S3 secret key", True),
    "s3_session_token": ("aws_session_token", "S3 session token", True),
}
_LOGIN = {
    "cassandra_username": ("cassandra_username", "Cassandra user", False),
    "cassandra_password": ("cassandra_password", "Cassandra password", True),
}
_OPTIONAL = ("s3_session_token",)
# Options that are left out of a request unless they are given.
_FLAGS = ("uses_emc", "trust")
HEADERS = {
    "s3_access_key": "X-S3-Access-Key",
    "s3_secret_key": "X-S3-Secret-Key",
    "s3_session_token": "X-S3-Session-Token",
}
_SOURCE = "FILE|env|prompt"
Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def _options(*options: Callable[[Any], Any]) -> Decorator:
    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


def _list(option: str, field: str, help_text: str) -> Callable[[Any], Any]:
    return click.option(option, field, multiple=True, metavar="NAME[,NAME…]", help=help_text)


table_options = _options(
    _list("--keyspace", "key_spaces", "Only these keyspaces."),
    _list("--table", "column_families", "Only these tables: users, or in full shop.users."),
)
nodes_option = _options(_list("--node", "nodes", "Only these nodes."))
login_option = _options(
    click.option(
        "--login",
        metavar=_SOURCE,
        help="Cassandra's login: a file with [default] cassandra_username and cassandra_password, the environment's "
        "CASSANDRA_USERNAME and CASSANDRA_PASSWORD, or a question.",
    )
)
trust_option = _options(
    click.option("--trust", is_flag=True, help="Use the backup without a valid signature of this service.")
)
location_options = _options(
    click.option("-l", "--location", "external_location", required=True, envvar="CASSANDRA_MESOS_LOCATION",
                 metavar="s3://BUCKET[/PREFIX]", help="The place of the backups; also CASSANDRA_MESOS_LOCATION."),
    click.option("--region", help="The bucket's region."),
    click.option("--endpoint", help="Another S3 server than Amazon's."),
    click.option("--tls-ca", "tls_ca", type=click.Path(exists=True, dir_okay=False), help="A file with certificates "
                 "in PEM against which the S3 server's is checked."),
    click.option("--path-style", "uses_emc", is_flag=True, help="The bucket is in the path, not in the host name."),
    click.option("--s3-credentials", "s3_credentials", metavar=_SOURCE, help="The keys of S3: a file as AWS has it, "
                 "the environment's AWS_ACCESS_KEY_ID and so on, or a question. Without it the nodes use their own."),
)  # fmt: skip


def request_of(session: Session, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the body of a request from a command's options, without those that were not given.

    Raises:
        Failure: A file with secrets cannot be used.
    """
    body: dict[str, Any] = {}
    for name, value in fields.items():
        if value is None or value == () or (value is False and name in _FLAGS):
            continue
        match name:
            case "login":
                body |= secrets(session, value, _LOGIN)
            case "s3_credentials":
                body |= secrets(session, value, _S3)
            case "nodes":
                body["nodes"] = [node_name(item) for item in names(value)]
            case "key_spaces" | "column_families":
                body[name] = names(value)
            case "tls_ca":
                body[name] = read_text(Path(value))
            case _:
                body[name] = value
    return body


def location_query(request: Mapping[str, Any]) -> tuple[dict[str, str], dict[str, str]]:
    """Return a location as a query, and its secrets as headers."""
    headers = {HEADERS[name]: str(value) for name, value in request.items() if name in HEADERS}
    plain = {name: value for name, value in request.items() if name not in HEADERS}
    return {name: "true" if value is True else str(value) for name, value in plain.items()}, headers


def secrets(session: Session, source: str, fields: Mapping[str, tuple[str, str, bool]]) -> dict[str, str]:
    """Return secrets by the API's names, from a file, the environment, or questions to the operator.

    Raises:
        Failure: A secret is missing, or the file cannot be used.
    """
    match source:
        case "env":
            found = {name: session.environ.get(key.upper(), "") for name, (key, _, _) in fields.items()}
        case "prompt":
            found = _ask(fields)
        case _:
            found = _read(Path(source), fields)
    missing = [fields[name][0] for name, value in found.items() if not value and name not in _OPTIONAL]
    if missing:
        raise Failure(f"{source} has no {', '.join(missing)}.", ExitCode.USAGE)
    return {name: value for name, value in found.items() if value}


def _ask(fields: Mapping[str, tuple[str, str, bool]]) -> dict[str, str]:
    if not sys.stdin.isatty():
        raise Failure("Without a terminal secrets cannot be asked for: give a file or env.", ExitCode.USAGE)
    return {
        name: click.prompt(
            title, hide_input=hidden, err=True, default="" if name in _OPTIONAL else None, show_default=False
        )
        for name, (_, title, hidden) in fields.items()
    }  # fmt: skip


def _read(file: Path, fields: Mapping[str, tuple[str, str, bool]]) -> dict[str, str]:
    check_mode(file)
    parser = configparser.RawConfigParser()
    text = read_text(file)
    try:
        parser.read_string(text)
    except configparser.Error as error:
        # The parser's own message quotes the line, which can hold a secret.
        raise Failure(f"{file} is no file of sections and key = value lines.", ExitCode.USAGE) from error
    sections = [name for name in ("default", *parser.sections()) if parser.has_section(name)]
    if not sections:
        raise Failure(f"{file} has no section such as [default].", ExitCode.USAGE)
    return {name: parser.get(sections[0], key, fallback="") for name, (key, _, _) in fields.items()}
