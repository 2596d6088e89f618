"""Transport encryption over the nodes and a rotation of the authority, with a crash between any two effects."""

from __future__ import annotations

from dataclasses import replace
from itertools import count

import pytest

from executor.certificate_messages import CertificateFacts
from scheduler.core.commands.command import ForceComplete, Interrupt, Proceed, RefusalKind, RotateAuthority
from scheduler.core.nodes.certificates import fingerprint, wanted_of
from scheduler.core.plans.plan import Status
from scheduler.core.state.authority import Authority, AuthorityRecord
from scheduler.core.state.codec import load
from tests.simulation.engine.script import Expect, Line, Send, World, go_on_crashing, play
from tests.simulation.nodes.test_changes import put
from tests.simulation.nodes.test_restarts import ALL, UP, settled, until_settled

OLD, NEW = (
    Authority(f"-----BEGIN CERTIFICATE-----\n{word}\n-----END CERTIFICATE-----\n", "sealed")
    for word in ("b2xk", "bmV3")
)


def with_authority() -> Line:
    """As the loop: the scheduler has an authority, and signs for executors by what is stored."""

    def run(world: World) -> None:
        scheduler, serials = world.scheduler, count(1)

        def sign() -> CertificateFacts:
            record = load(scheduler.znodes).authority
            assert record is not None
            found = wanted_of(record)
            return CertificateFacts(
                f"{next(serials):x}", 0.0, 1e11, fingerprint(record.signing), tuple(sorted(found.trusted)), (7000, 9042)
            )

        scheduler.state = replace(scheduler.state, authority=AuthorityRecord(OLD))
        world.mesos.ring.sign = sign

    return Line("with_authority", run)


def authority(world: World) -> AuthorityRecord:
    found = world.scheduler.state.authority
    assert found is not None
    return found


def launches(world: World, field: str) -> list[str]:
    """What the nodes were launched with in a field, in their order."""
    running = {process.launch.node: process.launch for process in world.mesos.ring.processes.values()}
    return [getattr(running[name], field) for name in sorted(running)]


def launched_with(field: str, *words: str) -> Line:
    def run(world: World) -> None:
        assert launches(world, field) == list(words)

    return Line(f"launched_with({field}, {words})", run)


def serves(node: str, kind: str, *clients: str) -> Line:
    """Clients of a kind, `plain_clients` or `uncertified_clients`, connect to the node, or have gone."""

    def run(world: World) -> None:
        for process in world.mesos.ring.processes.values():
            if process.launch.node == node:
                setattr(process, kind, clients)

    return Line(f"serves({node}, {kind}, {clients})", run)


def runs_with(*words: str) -> Line:
    return launched_with("encryption", *words)


def plain(node: str, *clients: str) -> Line:
    return serves(node, "plain_clients", *clients)


def change(word: str) -> list[Line]:
    return [
        put(SECURITY_TRANSPORT_ENCRYPTION=word),
        Send.until_complete(cycles=200),
        until_settled(),
        runs_with(word, word, word),
    ]


OPTIONAL = [*UP, with_authority(), *change("optional")]


def test_the_way_to_required_and_back() -> None:
    play([*OPTIONAL, *change("required"), *change("optional"), *change("off")])


def test_clients_in_plain_text_hold_it_up_until_they_have_gone() -> None:
    play(
        [
            *OPTIONAL,
            plain("node-1", "10.0.0.9"),
            Send.time(1.0, cycles=35),
            put(SECURITY_TRANSPORT_ENCRYPTION="required"),
            Send.time(1.0, cycles=40),
            Expect.step("node-0", Status.WAITING, "PLAIN_CLIENTS", says="node-1 serves 10.0.0.9"),
            runs_with("optional", "optional", "optional"),
            Send.scheduler_restart(),
            Send.time(1.0, cycles=10),
            Expect.step("node-0", Status.WAITING, "PLAIN_CLIENTS", says="node-1 serves 10.0.0.9"),
            plain("node-1"),
            Send.until_complete(cycles=200),
            until_settled(),
            runs_with("required", "required", "required"),
        ]
    )


def test_force_goes_on_with_one_node() -> None:
    play(
        [
            *OPTIONAL,
            plain("node-2", "10.0.0.9"),
            Send.time(1.0, cycles=35),
            put(SECURITY_TRANSPORT_ENCRYPTION="required"),
            Send.time(1.0, cycles=5),
            Send.command(ForceComplete("deploy", "Deploy", "node-0")),
            until_settled(),
            Send.until_step("node-1", Status.WAITING, cycles=100),
            runs_with("required", "optional", "optional"),
            Expect.step("node-1", Status.WAITING, "PLAIN_CLIENTS", says="node-2 serves"),
        ]
    )


ROTATE = RotateAuthority(NEW.certificate, NEW.sealed, "operator")


def trusts_alone(authority: Authority) -> Line:
    def run(world: World) -> None:
        wanted = wanted_of(AuthorityRecord(authority))
        for process in world.mesos.ring.processes.values():
            assert process.certificate is not None
            assert (process.certificate.authority, set(process.certificate.trusted)) == (
                fingerprint(authority),
                set(wanted.trusted),
            )

    return Line("trusts_alone", run)


def test_a_rotation_restarts_no_node() -> None:
    play(
        [
            *OPTIONAL,
            Expect.launched(*ALL),
            Send.command(ROTATE),
            Expect.refused(ROTATE, RefusalKind.CONFLICT, "is rotated already"),
            Send.until_complete("certificates", cycles=100),
            Expect.plan(Status.COMPLETE, "certificates"),
            trusts_alone(NEW),
            Expect.launched(),
            Expect.state("the old one is forgotten", lambda world: authority(world).current == NEW),
        ]
    )


def test_a_rotation_waits_for_an_operator_who_gives_clients_the_new_authority() -> None:
    play(
        [
            *OPTIONAL,
            Send.command(replace(ROTATE, waits=True)),
            Send.time(1.0, cycles=60),
            Expect.state("both are trusted", lambda world: authority(world).phase == "TRUST_BOTH"),
            Expect.plan(Status.WAITING, "certificates"),
            Send.command(Proceed("certificates")),
            Send.until_complete("certificates", cycles=100),
            trusts_alone(NEW),
        ]
    )


def test_a_rotation_waits_where_it_is_interrupted_and_for_nodes_that_nobody_sees() -> None:
    play(
        [
            *OPTIONAL,
            Send.command(ROTATE),
            Send.command(Interrupt("certificates")),
            Send.time(1.0, cycles=30),
            Expect.state("first phase", lambda world: authority(world).phase == "TRUST_BOTH"),
            Send.agent_lost("127.0.0.3"),
            Send.command(Proceed("certificates")),
            Send.time(1.0, cycles=60),
            Expect.plan(Status.IN_PROGRESS, "certificates"),
            Send.agent_back("127.0.0.3"),
            Send.until_complete("certificates", cycles=200),
            trusts_alone(NEW),
        ]
    )


def never_cut_off(world: World) -> None:
    """Any two running nodes trust each other's certificates."""
    shown = [item.certificate for item in world.mesos.ring.processes.values() if item.certificate is not None]
    for one in shown:
        for other in shown:
            assert one.authority in other.trusted


@pytest.mark.parametrize("after", range(6))
@pytest.mark.parametrize("when", range(0, 12, 3))
def test_a_rotation_survives_a_crash_between_any_two_effects(when: int, after: int) -> None:
    world = play([*OPTIONAL, Send.command(ROTATE)])
    go_on_crashing(world, 120, after=after, when=when, each=never_cut_off)
    play([Send.until_complete("certificates", cycles=100), trusts_alone(NEW)], world)


@pytest.mark.parametrize("after", range(0, 6, 2))
@pytest.mark.parametrize("when", range(0, 12, 3))
def test_a_change_survives_a_crash_between_any_two_effects(when: int, after: int) -> None:
    world = play([*OPTIONAL, put(SECURITY_TRANSPORT_ENCRYPTION="required")])

    def neighbours(world: World) -> None:
        assert {"off", "required"} - set(launches(world, "encryption"))

    go_on_crashing(world, 150, after=after, when=when, each=neighbours)
    play([Send.until_complete(cycles=200), until_settled(), runs_with("required", "required", "required")], world)
    assert settled(world)
