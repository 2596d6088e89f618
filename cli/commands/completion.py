"""`completion`: the script with which a shell completes commands."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from cli.session import command

_PROGRAM = "cassandra-mesos"
_VARIABLE = "_CASSANDRA_MESOS_COMPLETE"


@command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Write the completion script of a shell, for example: source <(cassandra-mesos completion bash)."""
    found = get_completion_class(shell)
    assert found is not None
    # `source` would run bash to look at its version, and a script is the same for all.
    made = found(context.find_root().command, {}, _PROGRAM, _VARIABLE)
    click.echo(made.source_template % made.source_vars())
