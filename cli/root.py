"""The root of the command tree. A command's module is imported when it is needed, so that each starts quickly."""

from __future__ import annotations

import importlib
import io
import sys
from collections.abc import Sequence

import click

from cli.errors import ExitCode, Failure
from cli.session import Group, Session, global_options
from cli.tables import clean

PROGRAM = "cassandra-mesos"
# The variable in which a completion script passes its request.
COMPLETE = "_CASSANDRA_MESOS_COMPLETE"
# By name: the module below cli.commands, and the name of the command in it.
COMMANDS = {
    "status": "status:status",
    "plan": "plan:plan",
    "node": "node:node",
    "op": "op:op",
    "repair": "maintenance:repair",
    "cleanup": "maintenance:cleanup",
    "compact": "maintenance:compact",
    "scrub": "maintenance:scrub",
    "flush": "maintenance:flush",
    "upgradesstables": "maintenance:upgradesstables",
    "garbagecollect": "maintenance:garbagecollect",
    "backup": "backup:backup",
    "restore": "restore:restore",
    "config": "config:config",
    "canary": "canary:canary",
    "cert": "cert:cert",
    "user": "user:user",
    "connection": "connection:connection",
    "seeds": "connection:seeds",
    "events": "events:events",
    "offers": "offers:offers",
    "why": "why:why",
    "health": "health:health",
    "garbage": "health:garbage",
    "uninstall": "uninstall:uninstall",
    "support": "support:support",
    "context": "context:context",
    "completion": "completion:completion",
    "version": "version:version",
    "api": "raw:api",
}
ALIASES = {"pod": "node", "endpoints": "connection"}


class Root(Group):
    """The group of all commands, which imports only the one that runs."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands, in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return a command."""
        place = COMMANDS.get(ALIASES.get(cmd_name, cmd_name))
        if place is None:
            return None
        module, _, name = place.partition(":")
        found = getattr(importlib.import_module(f"cli.commands.{module}"), name)
        assert isinstance(found, click.Command)
        return found


def _root() -> None:
    """Operate an Apache Cassandra cluster on Mesos.

    Data goes to stdout, words for people go to stderr. Exit codes: 0 done, 1 refused or failed, 2 usage, 3 the watched
    work ended in ERROR, 4 it waits for an operator, 5 not found, 6 conflict, 7 no right, 8 not reachable, 9 timeout,
    130 Ctrl-C.
    """


def _show_version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        from cli.commands.version import own_version

        click.echo(f"{PROGRAM} {own_version()}")
        ctx.exit()


root = Root(name=PROGRAM, help=_root.__doc__, callback=_root, context_settings={"help_option_names": ["-h", "--help"]})
root.params = [
    *global_options(hidden=False),
    click.Option(
        ["--version"],
        is_flag=True,
        is_eager=True,
        expose_value=False,
        callback=_show_version,
        help="Show the version of this program and exit; `version` asks the scheduler too.",
    ),
]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    session = Session()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # where the terminal has fewer characters
    if instruction := session.environ.get(COMPLETE):
        from click.shell_completion import shell_complete

        return shell_complete(root, {}, PROGRAM, COMPLETE, instruction)
    try:
        result = _run(list(sys.argv[1:] if arguments is None else arguments), session)
        sys.stdout.flush()
    except Failure as failure:
        code = _complain(str(failure), failure.code)
    except click.exceptions.NoArgsIsHelpError as error:
        code = _complain(error.format_message(), ExitCode.USAGE)
    except click.UsageError as error:
        hint = "" if error.ctx is None else f"\nTry: {error.ctx.command_path} --help"
        code = _complain(f"{error.format_message()}{hint}", ExitCode.USAGE)
    except click.ClickException as error:
        code = _complain(error.format_message(), ExitCode.FAILED)
    except (click.Abort, KeyboardInterrupt):
        code = _complain("Interrupted.", ExitCode.INTERRUPTED)
    except OSError as error:
        code = _end_output(error)
    except (ArithmeticError, LookupError, RecursionError, TypeError, AttributeError, ValueError) as error:
        # The boundary to a foreign program: another server, or a scheduler of another version, can answer anything.
        if not session.has_asked:
            raise
        code = _complain_of_answer(error, session.client.base)
    else:
        code = ExitCode(result) if isinstance(result, int) else ExitCode.DONE
    _end(session)
    return int(code)


def _run(arguments: list[str], session: Session) -> object:
    """Run one command. click's own `main` would hide that the reader of the output is gone."""
    try:
        with root.make_context(PROGRAM, arguments, obj=session) as context:
            return root.invoke(context)
    except click.exceptions.Exit as error:
        return error.exit_code


def _end(session: Session) -> None:
    if not session.has_client:
        return
    session.client.close()
    if session.client.age_seconds and not session.given.get("quiet"):
        click.echo(f"The scheduler answered from a state that is {session.client.age_seconds} s old.", err=True)
    if session.given.get("verbose"):
        for method, path in session.client.requests:
            click.echo(f"{method} {path}", err=True)


def _complain(sentence: str, code: ExitCode) -> ExitCode:
    # Parts of it come from other programs, and terminals obey control characters.
    for line in sentence.splitlines():
        click.echo(clean(line), err=True)
    return code


def _complain_of_answer(error: Exception, base: str) -> ExitCode:
    words = f"An answer of the API at {base} has another form than this program knows: check the URL"
    detail = f"{type(error).__name__}: {error}"
    return _complain(f"{words}, and `cassandra-mesos version` ({detail}).", ExitCode.NOT_REACHABLE)


def _end_output(error: OSError) -> ExitCode:
    """Report an error of the system, and write no more."""
    _drop_output()
    if isinstance(error, BrokenPipeError):
        return ExitCode.BROKEN_PIPE
    place = f"{error.filename}: " if error.filename else "The output cannot be written: "
    return _complain(f"{place}{error.strerror or error}.", ExitCode.FAILED)


def _drop_output() -> None:
    """Keep Python from writing the rest of the output when it ends."""
    import os

    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
