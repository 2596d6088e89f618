"""Sentences of the API, with this program's options in them."""

from __future__ import annotations

import importlib
from collections.abc import Iterator

import click
import pytest

from cli.root import COMMANDS
from cli.wording import OPTIONS, as_options
from scheduler.core.commands.command import Refusal, RefusalKind
from tests.unit.api.cluster import CoreGateway
from tests.unit.cli.serving import CommandLine, Served


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Too few; force=true pauses it nevertheless", "Too few; --force pauses it nevertheless"),
        ('add that line, or give "trust": true', "add that line, or give --trust"),
        ('1 GB that "compare": "full" keeps until the end', "1 GB that --compare full keeps until the end"),
        ('load them with "rename": {"system_auth": "auth_before"}', "load them with --rename system_auth=auth_before"),
        ("it requires a login; add cassandra_username and cassandra_password of a superuser",
         "it requires a login; add --login of a superuser"),
        ("key_spaces: there is no keyspace key_spaces here", "--keyspace: there is no keyspace key_spaces here"),
        ("nodes: there is no node node-9; nodes is odd", "--node: there is no node node-9; nodes is odd"),
        ("Throttle must be a number. nodes must be one", "--throttle must be a number. --node must be one"),
        ("there is no table keep_last in shop.keep_last", "there is no table keep_last in shop.keep_last"),
        ("backup_name must be given, or keep_last or both", "NAME must be given, or --keep-last or both"),
        ("The query parameter since must be a time", "--since must be a time"),
        ("The nodes are down; wait until they are up", "The nodes are down; wait until they are up"),
        ("CASSANDRA_YAML must not hold compare=true", "CASSANDRA_YAML must not hold compare=true"),
    ],
)  # fmt: skip
def test_options_for_fields(text: str, said: str) -> None:
    assert as_options(text) == said


def test_each_option_is_one_of_a_command() -> None:
    found = {name for command in commands() for parameter in command.params for name in parameter.opts}
    found |= {name for command in commands() for parameter in command.params for name in parameter.secondary_opts}
    assert set(OPTIONS.values()) - found == {"NAME"}


def commands() -> Iterator[click.Command]:
    left = []
    for place in COMMANDS.values():
        module, _, name = place.partition(":")
        left.append(getattr(importlib.import_module(f"cli.commands.{module}"), name))
    for command in left:
        yield command
        if isinstance(command, click.Group):
            left += command.commands.values()


def test_a_refusal_has_options_and_a_raw_one_the_words_of_the_api(
    cli: CommandLine, served: Served, gateway: CoreGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusal = Refusal(RefusalKind.CONFLICT, "node-0 is down; force=true pauses it nevertheless")
    monkeypatch.setattr(gateway, "submit", lambda *_: refusal)
    ran = cli("node", "pause", "1", "-y")
    assert (ran.code, ran.err) == (6, "node-0 is down; --force pauses it nevertheless.\n")
    raw = cli("api", "PUT", "/v1/nodes/node-1/pause")
    assert (raw.code, raw.err) == (6, "node-0 is down; force=true pauses it nevertheless.\n")
    ran = cli("repair", "start", "--node", "node-9")
    assert "--node: there is no node node-9" in ran.err
