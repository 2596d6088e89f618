"""Write docs/cli.md from the commands themselves: `python -m cli.document --write`."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from cli.errors import ExitCode
from cli.root import ALIASES, PROGRAM, root
from cli.session import ENVIRONMENT, Group

DOCUMENT = Path(__file__).resolve().parents[1] / "docs" / "cli.md"
Found = tuple[tuple[str, ...], click.Command]

_HEAD = """\
# Command line

`cassandra-mesos` operates a cluster through the [REST API](rest-api.md). It uses no other interface of the scheduler.
`python -m cli.document --write` makes this page from the commands.

## Install

The scheduler serves the program as one file. The file needs Python 3.11 or later and nothing else. Its version is that
of the scheduler:

```console
$ curl -o cassandra-mesos http://<api>/v1/artifacts/cassandra-mesos
$ chmod +x cassandra-mesos
```

An installation of this repository also has the program. To complete words in a shell, add this line to its start file
(`zsh` and `fish` work as well):

```console
$ source <(cassandra-mesos completion bash)
```

## Choose a cluster

```console
$ cassandra-mesos --token-file ~/.cassandra-token context add prod https://master/service/cassandra
$ cassandra-mesos status
```

`context add` stores the address, the files of `--ca`, `--cert` and `--key`, and the source of the token. The source is
a file or the command of `--token-command`. The program refuses a file with a token that others can read or write.

The program takes each value from the first of these places that has one:

1. the options;
2. the environment;
3. the context.

A context that is given by `-c` comes before the environment. Its token goes to its own address alone: `--url` beside
CASSANDRA_MESOS_CONTEXT leaves the context out.

| variable | meaning |
| --- | --- |
"""
_OUTPUT = """
Secrets are never arguments, because other users of a machine see the arguments of a process. `--s3-credentials` and
`--login` accept a file, `env` or `prompt`.

## Output

- stdout has data, stderr has words for people. If stdout is not a terminal, it has no colours.
- `-o json` and `-o yaml` are the API's documents. `-o tsv` and `-o wide` have all columns, `-o name` has names alone.
- Tables have relative times and IEC sizes, also of single fields; `tsv` has times in ISO 8601 and sizes in bytes.
- Commands that interrupt or remove something ask before. Without a terminal they need `--yes`.
- `--wait` follows the work until its end. Ctrl-C ends the command and leaves the work running.
- `-w` repeats the output.

The columns `St` are those of `nodetool status`: U (up) or D (down), then N (normal), J (joining), L (leaving), M
(moving), P (paused), I (isolated) or ? (unknown).

## Exit codes

| code | meaning |
| --- | --- |
"""
_CODES = {
    ExitCode.DONE: "Done",
    ExitCode.FAILED: "Refused or failed; stderr has the API's message. `config diff`: there is a difference",
    ExitCode.USAGE: "The command line is wrong, or `--yes` is missing",
    ExitCode.ENDED_IN_ERROR: "The watched work ended in ERROR",
    ExitCode.WAITS_FOR_OPERATOR: "The watched work waits for an operator: a canary, an interrupt, a pause",
    ExitCode.NOT_FOUND: "Not found",
    ExitCode.CONFLICT: "Not possible now (409)",
    ExitCode.NO_RIGHT: "No valid token (401, 403)",
    ExitCode.NOT_REACHABLE: "The API is not reachable or answers 503, or another server answers",
    ExitCode.TIMED_OUT: "The time of `--timeout` is over; the work goes on",
    ExitCode.INTERRUPTED: "Ctrl-C; the work goes on",
}
_GLOBAL = """
## Global options

These options can stand before or after the command's name; `--version` stands alone.

"""
_COMMANDS = """
## Commands

A node is `node-3` or just `3`. Other names: `pod` is `node`, `endpoints` is `connection`.
"""


def walk(command: click.Command = root, path: tuple[str, ...] = ()) -> Iterator[Found]:
    """Yield all commands below one, with their paths."""
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            assert found is not None
            yield (*path, name), found
            yield from walk(found, (*path, name))


def render() -> str:
    """Return the whole document."""
    assert ALIASES == {"pod": "node", "endpoints": "connection"}
    parts = [_HEAD, *(f"| `{name}` | {meaning} |\n" for name, meaning in ENVIRONMENT.items())]
    parts += [_OUTPUT, *(f"| {code.value} | {meaning} |\n" for code, meaning in _CODES.items())]
    parts += [_GLOBAL, _options(root), _COMMANDS]
    parts += [_section(path, command) for path, command in walk()]
    return "".join(parts)


def _section(path: Sequence[str], command: click.Command) -> str:
    text = " ".join((command.help or "").split())
    if len(path) == 1:
        aliases = command.aliases if isinstance(command, Group) else {}
        also = ", ".join(f"`{name}` is `{aim}`" for name, aim in aliases.items())
        title = f"\n### {path[0]}\n\n{text}\n" + (f"\nOther names: {also}.\n" if also else "")
        return title if isinstance(command, click.Group) and not _runs_alone(command) else title + _usage(path, command)
    return f"\n#### {' '.join(path)}\n\n{text}\n{_usage(path, command)}"


def _runs_alone(command: click.Group) -> bool:
    return command.invoke_without_command


def _usage(path: Sequence[str], command: click.Command) -> str:
    pieces = command.collect_usage_pieces(click.Context(command, info_name=path[-1]))
    words = [piece for piece in pieces if piece != "[OPTIONS]"] if not _shown(command) else pieces
    options = _options(command)
    line = f"\n```\n{' '.join((PROGRAM, *path, *words))}\n```\n"
    return line + (f"\n{options}" if options else "")


def _shown(command: click.Command) -> list[click.Option]:
    return [item for item in command.params if isinstance(item, click.Option) and not item.hidden]


def _options(command: click.Command) -> str:
    rows = []
    context = click.Context(command)
    for option in _shown(command):
        record = option.get_help_record(context)
        assert record is not None
        names, meaning = (" ".join(text.split()).replace("|", "\\|") for text in record)
        rows.append(f"| `{names}` | {meaning} |\n")
    return "".join(["| option | meaning |\n", "| --- | --- |\n", *rows]) if rows else ""


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the document, or print it without --write."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given == ["--write"]:
        DOCUMENT.write_text(render())
    elif given:
        sys.stderr.write("usage: python -m cli.document [--write]\n")
        return 2
    else:
        sys.stdout.write(render())
    return 0


if __name__ == "__main__":
    sys.exit(main())
