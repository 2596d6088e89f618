"""`uninstall`: it asks for the service's name, and begins the removal."""

from __future__ import annotations

from dataclasses import replace

import pytest

from scheduler.core.commands.command import Uninstall
from tests.unit.api.cluster import NOW, CoreGateway
from tests.unit.cli.serving import CommandLine, Served
from tests.unit.cli.test_terminal import on_a_terminal


@pytest.mark.parametrize(
    ("line", "code", "words"),
    [
        ("uninstall", 2, "Without a terminal this needs SERVICE, and --yes."),
        ("uninstall -y", 2, "Without a terminal this needs SERVICE, and --yes."),
        ("uninstall cassandra", 2, "Without a terminal this needs --yes."),
        ("uninstall other -y", 1, "other is not the name of the service, cassandra. Nothing was changed."),
    ],
)
def test_refused(line: str, code: int, words: str, cli: CommandLine, served: Served, gateway: CoreGateway) -> None:
    ran = cli(*line.split())
    assert (ran.code, words in ran.err, gateway.submitted) == (code, True, []), ran


def test_begun(cli: CommandLine, served: Served, gateway: CoreGateway) -> None:
    ran = cli("uninstall", "cassandra", "-y", "--reason", "moved to another cluster")
    assert (ran.code, "remove the scheduler's app" in ran.out) == (0, True), ran
    assert [command for command, _ in gateway.submitted] == [Uninstall()]
    assert gateway.reasons == ["moved to another cluster"]
    record = gateway.state.uninstall
    assert record is not None
    assert record.started_at == NOW
    assert cli("uninstall", "cassandra", "-y").code == 6
    status = cli("status")
    assert (status.code, status.out.splitlines()[2]) == (
        0, "The plan uninstall is in progress: the task of node-0 is being ended."
    )  # fmt: skip
    gateway.state = replace(gateway.state, uninstalled=True, nodes={})
    assert "The service is uninstalled: remove the scheduler's app" in cli("status").out
    assert "uninstall" in cli("plan", "list").out


@pytest.mark.parametrize(("answer", "code", "begun"), [("cassandra\n", 0, True), ("yes\n", 1, False)])
def test_the_name_is_typed(answer: str, code: int, begun: bool, served: Served, gateway: CoreGateway) -> None:
    ended, shown = on_a_terminal(served, "uninstall", answer=answer)
    assert (ended, gateway.state.uninstall is not None) == (code, begun), shown
    assert "This destroys all data of the service cassandra, for good." in shown
