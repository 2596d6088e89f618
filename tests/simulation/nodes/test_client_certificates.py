"""Certificates of clients over the nodes, with a crash between any two effects."""

from __future__ import annotations

import pytest

from scheduler.core.commands.command import ForceComplete
from scheduler.core.plans.plan import Status
from tests.simulation.engine.script import Expect, Line, Send, go_on_crashing, play
from tests.simulation.nodes.test_changes import put
from tests.simulation.nodes.test_encryption import change, launched_with, serves, with_authority
from tests.simulation.nodes.test_restarts import UP, settled, until_settled


def ask_for(*words: str) -> Line:
    return launched_with("client_certificates", *words)


def uncertified(node: str, *clients: str) -> Line:
    return serves(node, "uncertified_clients", *clients)


def certificates(word: str) -> list[Line]:
    return [
        put(SECURITY_CLIENT_CERTIFICATES=word),
        Send.until_complete(cycles=200),
        until_settled(),
        ask_for(word, word, word),
    ]


OPTIONAL = [*UP, with_authority(), *change("optional"), *change("required"), *certificates("optional")]


def test_the_way_to_required_and_back() -> None:
    play([*OPTIONAL, *certificates("required"), *certificates("optional"), *certificates("off")])


def test_clients_without_a_certificate_hold_it_up_until_they_have_one_or_an_operator_lets_a_node_pass() -> None:
    play(
        [
            *OPTIONAL,
            uncertified("node-1", "10.0.0.9"),
            Send.time(1.0, cycles=35),
            put(SECURITY_CLIENT_CERTIFICATES="required"),
            Send.time(1.0, cycles=40),
            Expect.step("node-0", Status.WAITING, "UNCERTIFIED_CLIENTS", says="node-1 serves 10.0.0.9"),
            ask_for("optional", "optional", "optional"),
            Send.scheduler_restart(),
            Send.time(1.0, cycles=10),
            Send.command(ForceComplete("deploy", "Deploy", "node-0")),
            until_settled(),
            Send.until_step("node-1", Status.WAITING, cycles=100),
            ask_for("required", "optional", "optional"),
            Expect.step("node-1", Status.WAITING, "UNCERTIFIED_CLIENTS", says="node-1 serves 10.0.0.9"),
            uncertified("node-1"),
            Send.until_complete(cycles=200),
            until_settled(),
            ask_for("required", "required", "required"),
        ]
    )


@pytest.mark.parametrize("after", range(0, 6, 2))
@pytest.mark.parametrize("when", range(0, 12, 3))
def test_a_change_survives_a_crash_between_any_two_effects(when: int, after: int) -> None:
    world = play([*OPTIONAL, put(SECURITY_CLIENT_CERTIFICATES="required")])
    go_on_crashing(world, 150, after=after, when=when, each=lambda world: None)
    play([Send.until_complete(cycles=200), until_settled(), ask_for("required", "required", "required")], world)
    assert settled(world)
