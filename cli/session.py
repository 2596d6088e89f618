"""The session of one command: global options, environment and context, and what is made from them."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cli import contexts
from cli.errors import ExitCode, Failure
from cli.output import FORMATS, Output, is_terminal

if TYPE_CHECKING:
    from cli.rest import Client

ENVIRONMENT = {
    "CASSANDRA_MESOS_CONTEXT": "the context, as -c",
    "CASSANDRA_MESOS_URL": "the address of the API, as --url",
    "CASSANDRA_MESOS_TOKEN": "the token itself",
    "CASSANDRA_MESOS_TOKEN_FILE": "the file with the token, as --token-file",
    "CASSANDRA_MESOS_CA": "the authorities of the API's certificate, as --ca",
    "CASSANDRA_MESOS_CERT": "the client's certificate, as --cert",
    "CASSANDRA_MESOS_KEY": "the key of that certificate, as --key",
    "CASSANDRA_MESOS_OUTPUT": "the output format, as -o",
    "CASSANDRA_MESOS_CONFIG": "the file with the contexts (~/.config/cassandra-mesos/config.yaml)",
    "AUTH_TOKEN": "the token itself, after the variables above",
    "NO_COLOR": "if set, no colours",
    "EDITOR": "the editor of `config edit`",
}
_PREFIX = "CASSANDRA_MESOS_"
_WHOLE = 1000


@dataclass
class Session:
    """The options that were given before or after the command's name, and what follows from them."""

    given: dict[str, Any] = field(default_factory=dict)
    environ: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))

    @cached_property
    def contexts_file(self) -> Path:
        """The file with the contexts."""
        return contexts.path(self.environ)

    @cached_property
    def context(self) -> contexts.Context:
        """The chosen context; an empty one if an address is given instead.

        Its token and its certificate are for its own server: an option with another address leaves out a context that
        only the environment names.
        """
        name = self._value("context")
        if self.given.get("url") and not self._is_chosen:
            return contexts.Context()
        if name:
            return contexts.load(self.contexts_file).find(name)
        if self._value("url"):
            return contexts.Context()
        found = contexts.load(self.contexts_file)
        return found.find(found.current) if found.current else contexts.Context()

    @cached_property
    def client(self) -> Client:
        """The client of the chosen API."""
        from cli.rest import Client, Target

        url = self._look("url", self.context.url)
        if not url:
            known = ", ".join(sorted(contexts.load(self.contexts_file).contexts))
            how = f"context use NAME (there are: {known})" if known else "context add NAME URL"
            words = f"give --url, set CASSANDRA_MESOS_URL, or run: cassandra-mesos {how}"
            raise Failure(f"No API is chosen: {words}", ExitCode.USAGE)
        files = {name: self._look(name, self._file(name)) for name in ("ca", "cert", "key")}
        reason = str(self.given.get("reason") or "")
        if not reason.isprintable():
            raise Failure("The reason must be printable characters.", ExitCode.USAGE)
        return Client(Target(url=url, token=self._token(), reason=reason, **files))

    @property
    def has_client(self) -> bool:
        """Return whether the client has been made."""
        return "client" in self.__dict__

    @property
    def has_asked(self) -> bool:
        """Return whether a request has been sent."""
        return self.has_client and bool(self.client.requests)

    @cached_property
    def output(self) -> Output:
        """The output in the chosen format."""
        chosen = self._look("output", self.context.output) or FORMATS[0]
        if chosen not in FORMATS:
            raise Failure(f"The output must be one of {', '.join(FORMATS)}, not {chosen}.", ExitCode.USAGE)
        terminal = sys.stdout.isatty()
        return Output(chosen, terminal and not self.plain, terminal, bool(self.given.get("quiet")))

    @property
    def plain(self) -> bool:
        """Return whether there must be no colours."""
        return bool(self.given.get("no_color")) or bool(self.environ.get("NO_COLOR"))

    def confirm(self, question: str) -> None:
        """Ask before a command that interrupts service or removes something.

        Raises:
            Failure: No person can be asked and --yes was not given, or the answer is no.
        """
        if self.given.get("yes"):
            return
        if not is_terminal():
            raise Failure(f"{question} Without a terminal this needs --yes.", ExitCode.USAGE)
        if not click.confirm(question, err=True):
            raise Failure("Nothing was changed.")

    @property
    def _is_chosen(self) -> bool:
        """Whether an option names the context. It then comes before the environment, whose address is another one."""
        return bool(self.given.get("context"))

    def _look(self, name: str, of_context: str) -> str:
        """Return a value from the first place that has one: the options, then environment and context."""
        return (
            str(self.given.get(name) or "")
            or (of_context if self._is_chosen else "")
            or (self.environ.get(_PREFIX + name.upper(), "") or of_context)
        )

    def _value(self, name: str) -> str:
        return str(self.given.get(name) or self.environ.get(_PREFIX + name.upper()) or "")

    def _file(self, name: str) -> str:
        found: str = getattr(self.context, name)
        return str(Path(found).expanduser()) if found else ""

    def _token(self) -> str:
        if file := self.given.get("token_file"):
            return contexts.read_token(Path(file))
        places = (self._token_of_environment, self._token_of_context)
        for place in reversed(places) if self._is_chosen else places:
            if token := place():
                return token
        return self.environ.get("AUTH_TOKEN", "")

    def _token_of_environment(self) -> str:
        if token := self.environ.get("CASSANDRA_MESOS_TOKEN"):
            return token
        file = self.environ.get("CASSANDRA_MESOS_TOKEN_FILE")
        return contexts.read_token(Path(file)) if file else ""

    def _token_of_context(self) -> str:
        if self.context.token_file:
            return contexts.read_token(Path(self.context.token_file).expanduser())
        return contexts.run_token_command(self.context.token_command) if self.context.token_command else ""


def pass_session(function: Callable[..., Any]) -> Callable[..., Any]:
    """Pass the session to a command as its first argument."""
    return click.make_pass_decorator(Session, ensure=True)(function)


def _store(context: click.Context, parameter: click.Parameter, value: Any) -> None:
    session = context.ensure_object(Session)
    if value is not None and value is not False and parameter.name:
        session.given[parameter.name] = value


def global_options(hidden: bool) -> list[click.Parameter]:
    """Return the options that every command accepts; they are hidden in the help of all but the root."""

    def option(*names: str, **more: Any) -> click.Option:
        return click.Option(names, expose_value=False, callback=_store, hidden=hidden, **more)

    file = click.Path(dir_okay=False)
    return [
        option("-c", "--context", metavar="NAME", help="The context to use."),
        option("--url", metavar="URL", help="The address of the API, such as http://master/service/cassandra."),
        option("--ca", type=file, help="Certificates in PEM against which the API's is checked."),
        option("--cert", type=file, help="The client's certificate in PEM."),
        option("--key", type=file, help="The key of the client's certificate."),
        option("--token-file", type=file, help="The file with the token; only its owner may have rights on it."),
        option("-o", "--output", type=click.Choice(FORMATS), help="The format of the output."),
        option("-y", "--yes", is_flag=True, help="Do not ask before a command that interrupts or removes something."),
        option("--reason", metavar="TEXT", help="Your reason for a command, which its event keeps."),
        option("--no-color", is_flag=True, help="No colours."),
        option("-q", "--quiet", is_flag=True, help="No words on stderr, except errors."),
        option("-v", "--verbose", is_flag=True, help="Write each request to stderr."),
    ]


class Command(click.Command):
    """A command that also accepts the global options after its own name."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.params = [*self.params, *global_options(hidden=True)]


class Group(click.Group):
    """A group of such commands, some of which have other names as well."""

    command_class = Command

    def __init__(self, *args: Any, aliases: Mapping[str, str] | None = None, **more: Any) -> None:
        super().__init__(*args, **more)
        self.aliases = dict(aliases or {})
        if self.aliases:
            self.epilog = f"Other names: {', '.join(f'{name} is {aim}' for name, aim in self.aliases.items())}."
        self.params = [*self.params, *global_options(hidden=True)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command of this name or alias."""
        return super().get_command(ctx, self.aliases.get(cmd_name, cmd_name))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command that the first argument names, and the other ones; an unknown name gets those like it."""
        name = args[0]
        if self.get_command(ctx, name) is None and not name.startswith("-") and not ctx.resilient_parsing:
            from difflib import get_close_matches

            near = get_close_matches(name, [*self.list_commands(ctx), *self.aliases])
            more = f" Did you mean {' or '.join(map(repr, near))}?" if near else ""
            ctx.fail(f"No such command {name!r}.{more}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the first sentence of each command's help; click would cut it to one line."""
        found = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl([(name, it.get_short_help_str(_WHOLE)) for name, it in found if it is not None])


Group.group_class = Group


def group(name: str, aliases: Mapping[str, str] | None = None) -> Callable[[Callable[..., Any]], Group]:
    """Return a decorator that makes a group of a function; its docstring is the help."""

    def decorate(function: Callable[..., Any]) -> Group:
        return click.group(name, cls=Group, aliases=aliases)(function)

    return decorate


def command(name: str) -> Callable[[Callable[..., Any]], Command]:
    """Return a decorator that makes a command of a function; its docstring is the help."""

    def decorate(function: Callable[..., Any]) -> Command:
        return click.command(name, cls=Command)(function)

    return decorate


def node_name(text: str) -> str:
    """Return a node's full name: `node-3` for `3`."""
    return f"node-{text}" if text.isascii() and text.isdigit() else text


def names(values: Sequence[str]) -> list[str]:
    """Return names that were given one by one or with commas between them."""
    return [name.strip() for value in values for name in value.split(",") if name.strip()]
