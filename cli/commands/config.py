"""`config`: read, preview, change and roll back settings."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from cli.errors import ExitCode, Failure, words_of
from cli.files import read_text
from cli.options import wait_options
from cli.repeated import once, read_yaml
from cli.session import Session, group, pass_session
from cli.tables import Column, Kind, Table, clean, columns, fields_table
from cli.waiting import wait_for_plans

Json = Mapping[str, Any]

_CHANGES = columns("Setting", "Old", "New", "Effect")
_HISTORY = columns("Configuration", Column("At", Kind.TIME), "By", "Message")
_SETTINGS = click.argument("settings", nargs=-1, metavar="NAME=VALUE…")
_FILE = click.option("-f", "--file", "file", type=click.File(), help="A YAML or JSON mapping of settings; - for stdin.")
_UNSET = click.option(
    "--unset", multiple=True, metavar="NAME", help="Remove an override: the environment's value holds."
)
_NO_CHECK = click.option("--no-check", is_flag=True, help="Do not let Cassandra check the settings first.")
_CANARY = click.option("--canary", is_flag=True, help="Restart one node first; `plan continue deploy` rolls out.")


@group("config", {"list": "get", "show": "get"})
def config() -> None:
    """Read, preview, change and roll back settings, by the names of docs/configuration.md."""


@config.command("get")
@click.argument("name", required=False, metavar="[NAME]")
@pass_session
def get(session: Session, name: str | None) -> None:
    """Show the target, or one part of it by a name such as cassandra.heap.size_mb."""
    found = session.client.get("/v1/config")
    for part in name.split(".") if name else ():
        if not isinstance(found, dict) or part not in found:
            raise Failure(f"The configuration has no {name}.", ExitCode.NOT_FOUND)
        found = found[part]
    if isinstance(found, dict):
        return session.output.show(found, fields_table(list(flatten(found))))
    if session.output.format in ("json", "yaml"):
        return session.output.show(found)
    return click.echo(clean(found))


@config.command("diff")
@_SETTINGS
@_FILE
@_UNSET
@_NO_CHECK
@pass_session
def diff(session: Session, settings: tuple[str, ...], file: Any, unset: tuple[str, ...], no_check: bool) -> int:
    """Show what settings would change. Exit code 0: nothing, 1: something; 2 and more: failed."""
    try:
        found = _preview(session, read_settings(settings, file, unset), no_check)
    except Failure as failure:
        raise Failure(str(failure), max(failure.code, ExitCode.USAGE)) from failure
    _show(session, found)
    return ExitCode.FAILED if found["changes"] else ExitCode.DONE


@config.command("set")
@_SETTINGS
@_FILE
@_UNSET
@_CANARY
@_NO_CHECK
@click.option("--dry-run", is_flag=True, help="Show the effect, and change nothing.")
@wait_options
@pass_session
def change(
    session: Session, settings: tuple[str, ...], file: Any, unset: tuple[str, ...], canary: bool, no_check: bool,
    dry_run: bool, waits: bool, timeout: float | None,
) -> int:  # fmt: skip
    """Change settings and roll them out. NAME= restores the default, NAME=@FILE has the content of a file."""
    changes = read_settings(settings, file, unset)
    if dry_run:
        found = _preview(session, changes, no_check)
        _show(session, found)
        return ExitCode.DONE if found["allowed"] else ExitCode.FAILED
    return _adopted(session, put(session, changes, canary, no_check), waits, timeout)


@config.command("edit")
@_CANARY
@_NO_CHECK
@wait_options
@pass_session
def edit(session: Session, canary: bool, no_check: bool, waits: bool, timeout: float | None) -> int:
    """Edit the overrides in an editor, see the difference, and roll it out. A removed line removes the override."""
    import yaml

    before = dict(session.client.get("/v1/config")["overrides"])
    text = "# One setting a line, such as CASSANDRA_HEAP_SIZE_MB: 2048\n" + (yaml.safe_dump(before) if before else "")
    edited = click.edit(text, extension=".yaml", require_save=True)
    if edited is None:
        session.output.say("Nothing was changed.")
        return ExitCode.DONE
    try:
        after = parse_settings(edited)
        changes = edited_changes(before, after)
        if not changes:
            session.output.say("Nothing was changed.")
            return ExitCode.DONE
        for line in setting_lines(before, after):
            _say_coloured(session, line)
        answer = put(session, changes, canary, no_check)
    except Failure as failure:
        raise Failure(f"{failure} Your text is kept in {_keep(edited)}.", failure.code, failure.document) from failure
    return _adopted(session, answer, waits, timeout)


@config.command("rollback")
@click.argument("configuration", required=False)
@_NO_CHECK
@wait_options
@pass_session
def rollback(session: Session, configuration: str | None, no_check: bool, waits: bool, timeout: float | None) -> int:
    """Return to the previous configuration, or to the one of this id."""
    session.confirm(f"Return to the {f'configuration {configuration}' if configuration else 'previous configuration'}?")
    body: dict[str, Any] = {"configuration": configuration} if configuration else {}
    answer = session.client.send("POST", "/v1/config/rollback", {**body, **({"check": False} if no_check else {})})
    return _adopted(session, answer, waits, timeout)


@config.command("history")
@pass_session
def history(session: Session) -> None:
    """List the changes of the configuration among the kept events, the oldest first."""
    found = [item for item in session.client.get("/v1/events")["events"] if item["kind"] == "CONFIGURATION"]
    rows = [(item["subject"], item["at"], item["principal"], item["message"]) for item in found]
    session.output.show(found, Table(_HISTORY, rows))


def read_settings(settings: tuple[str, ...], file: Any, unset: tuple[str, ...]) -> dict[str, Any]:
    """Return settings from arguments and a file; None stands for a removed override.

    Raises:
        Failure: An argument is no NAME=VALUE, a name is there twice, the file is no mapping, or there are no settings.
    """
    found: dict[str, Any] = {} if file is None else parse_settings(_content(file))
    found |= once([*map(_argument, settings), *((name, None) for name in unset)])
    if not found:
        raise Failure("No setting is given: NAME=VALUE, --unset NAME or --file.", ExitCode.USAGE)
    return found


def _argument(item: str) -> tuple[str, str]:
    name, sign, value = item.partition("=")
    if not sign or not name:
        raise Failure(f"{item} must be NAME=VALUE.", ExitCode.USAGE)
    return name, read_text(Path(value[1:])) if value.startswith("@") else value


def _content(file: Any) -> str:
    try:
        return str(file.read())
    except (OSError, UnicodeDecodeError) as error:
        raise Failure(f"{file.name} cannot be read: {words_of(error)}.", ExitCode.USAGE) from error


def parse_settings(text: str) -> dict[str, Any]:
    """Return the settings of a YAML or JSON text.

    Raises:
        Failure: It is no mapping, or has a name twice.
    """
    import yaml

    try:
        found = read_yaml(text, "the settings")
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise Failure(f"The settings are not YAML: {' '.join(str(error).split())}.", ExitCode.USAGE) from error
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise Failure("The settings must be a mapping of names and values.", ExitCode.USAGE)
    settings = {str(name): value for name, value in found.items()}
    for name, value in settings.items():
        try:
            json.dumps(value, allow_nan=False)
        except (TypeError, ValueError, RecursionError) as error:
            text = f"{name} has a value that JSON does not know, such as a date: put it into quotes."
            raise Failure(text, ExitCode.USAGE) from error
    return settings


def edited_changes(before: Json, after: Json) -> dict[str, Any]:
    """Return what an edit changed; None stands for a removed line."""
    changed = {name: value for name, value in after.items() if name not in before or value != before[name]}
    return {**changed, **dict.fromkeys(name for name in before if name not in after)}


def _keep(text: str) -> Path:
    descriptor, name = tempfile.mkstemp(prefix="cassandra-mesos-", suffix=".yaml")
    with open(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    return Path(name)


def put(session: Session, changes: Json, canary: bool, no_check: bool) -> Any:
    """Show what settings would do, ask, and change them; return the answer."""
    if not session.given.get("yes"):
        found = _preview(session, changes, no_check)
        if not found["allowed"]:
            raise Failure(" ".join(found["refusals"]))
        nodes = len(found["restarts"])
        for item in found["changes"]:
            _say_coloured(session, f"- {item['name']}: {clean(item['old']) or 'unset'}")
            _say_coloured(session, f"+ {item['name']}: {clean(item['new']) or 'unset'}")
        for line in _consequences(found):
            session.output.say(line)
        session.confirm(f"Roll out? {nodes} node{'' if nodes == 1 else 's'} would restart.")
    body = {**changes, **({"canary": True} if canary else {}), **({"check": False} if no_check else {})}
    return session.client.send("PUT", "/v1/config", body)


def flatten(document: Json, prefix: str = "") -> Any:
    """Yield the leaves of a document by their dotted names."""
    for name, value in document.items():
        if isinstance(value, dict) and value:
            yield from flatten(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value if not isinstance(value, dict) else None


def setting_lines(before: Json, after: Json) -> list[str]:
    """Return the overrides that an edit changed: a line with - as each was, and one with + as it is."""
    lines = []
    for name in sorted({*before, *after}):
        if before.get(name) != after.get(name) or (name in before) != (name in after):
            lines += [f"- {name}: {clean(before[name])}"] if name in before else []
            lines += [f"+ {name}: {clean(after[name])}"] if name in after else []
    return lines


def _say_coloured(session: Session, line: str) -> None:
    colour = {"-": "red", "+": "green"}[line[0]] if sys.stderr.isatty() and not session.plain else None
    session.output.say(line, colour)


def _preview(session: Session, changes: Json, no_check: bool) -> Any:
    if not no_check and sys.stderr.isatty():
        session.output.say("The preview follows; Cassandra's check of settings can take half a minute.")
    return session.client.send("POST", "/v1/config/preview", {**changes, **({"check": False} if no_check else {})})


def _adopted(session: Session, answer: Json, waits: bool, timeout: float | None) -> int:
    _show(session, answer)
    if waits:
        return wait_for_plans(session, ["deploy"], timeout)
    session.output.suggest("plan status deploy")
    return ExitCode.DONE


def _show(session: Session, found: Json) -> None:
    words = _EFFECTS if session.output.for_people else {}
    rows = [
        (item["name"], item["old"], item["new"], words.get(item["effect"], item["effect"])) for item in found["changes"]
    ]
    session.output.show(found, Table(_CHANGES, rows), foot=["", *_consequences(found)])


def _consequences(found: Json) -> list[str]:
    lines = [f"{name}: {clean(found[key])}" for name, key in _LINES if found.get(key)]
    check = found["cassandra_check"]
    return [*lines, f"Cassandra's check: {check['result']} {clean(check['message'])}".rstrip()]


# As the page says it: nodes that leave are an effect as well.
_EFFECTS = {"restart": "restarts nodes", "none": "no restart"}
_LINES = (
    ("Restarts", "restarts"),
    ("Leaves", "leaves"),
    ("Refused", "refusals"),
    ("Warnings", "warnings"),
    ("Configuration", "configuration"),
    ("Canary", "canary"),
)
