"""What happens to a cluster, told line by line."""

from __future__ import annotations

import pytest

from scheduler.core.commands.command import Interrupt, Proceed, RestartStep
from scheduler.core.plans.plan import Status
from tests.simulation.engine.samples import agents, spec
from tests.simulation.engine.script import Expect, Send, World, home, play

UP = [Send.until_complete(), Expect.launched("node-0", "node-1", "node-2")]
RUN_ON = [Send.time(5.0, cycles=10)]


def test_three_nodes_come_up_the_last_two_at_once() -> None:
    play(
        [
            Send.time(),
            Expect.launched("node-0"),
            Expect.step("Reconciliation", Status.COMPLETE),
            Expect.step("node-0", Status.STARTING, "STAGING"),
            Expect.step("node-1", Status.PENDING, "EARLIER_NODE", says="waits for node-0"),
            Expect.plan(Status.IN_PROGRESS),
            Send.time(),
            Expect.step("node-0", Status.STARTED, "MODE", says="mode: JOINING"),
            Expect.launched(),
            Send.until_step("node-0", Status.COMPLETE),
            Expect.launched(),
            Send.time(),
            Expect.launched("node-1", "node-2"),
            Send.until_complete(),
            Expect.launched(),
            Expect.plan(Status.COMPLETE),
            Expect.plan(Status.COMPLETE, "recovery"),
        ]
    )


def test_racks_fill_evenly() -> None:
    world = play([Send.until_complete()], World(spec(4), agents(8, racks=2)))
    racks = [world.scheduler.state.nodes[f"node-{index}"].rack for index in range(4)]
    assert racks == ["r1", "r2", "r1", "r2"]


def test_a_node_goes_to_the_mount_disk_that_it_needs_and_comes_back_to_it() -> None:
    world = World(spec(2, disk_type="MOUNT"), agents(2, mounts=2))
    play([Send.until_complete(), Send.failure("node-1"), Send.time(), Send.until_complete("recovery")], world)
    reservation = world.scheduler.state.nodes["node-1"].reservation
    assert reservation is not None
    assert (reservation.mount_root, reservation.disk_mb) == ("/mnt/disk0", 2048.0)


def test_a_node_that_dies_is_relaunched_where_it_was() -> None:
    world = play(UP)
    before = home(world)
    play(
        [
            Send.failure("node-1", "OutOfMemoryError"),
            Send.time(),
            Expect.plan(Status.COMPLETE),
            Expect.step("node-1", Status.PENDING, "OWN_AGENT", "recovery"),
            Expect.state("mode is reset", lambda world: world.scheduler.state.nodes["node-1"].mode == "UNKNOWN"),
            Send.until_complete("recovery"),
            Expect.launched("node-1"),
            *RUN_ON,
            *RUN_ON,
            Expect.launched(),
        ],
        world,
    )
    assert home(world) == before
    assert world.scheduler.state.nodes["node-1"].failures.count == 0


def test_all_nodes_that_die_are_relaunched_together() -> None:
    play(
        [
            *UP,
            Send.failure("node-0"),
            Send.failure("node-1"),
            Send.failure("node-2"),
            Send.time(1.0, cycles=3),
            Expect.launched("node-0", "node-1", "node-2"),
            Send.until_complete("recovery"),
        ]
    )


def test_failures_in_a_row_back_off_and_end_in_an_error_until_an_operator_restarts_the_step() -> None:
    lines = [*UP, Send.time(60.0)]
    for count, pause in enumerate((0.0, 5.0, 10.0, 20.0), start=1):
        lines += [Send.failure("node-2", f"bad heap {count}"), Send.time(0.5)]
        if pause:
            waiting = Expect.step("node-2", Status.DELAYED, "BACK_OFF", "recovery", says=f"bad heap {count}")
            lines += [waiting, Send.time(pause - 1.0), Expect.launched()]
        lines += [Send.time(1.0, cycles=3), Expect.launched("node-2")]
    lines += [
        Send.failure("node-2", "bad heap 5"),
        Send.time(600.0, cycles=5),
        Expect.launched(),
        Expect.step("node-2", Status.ERROR, "FAILED", "recovery", says="bad heap 5"),
        Expect.plan(Status.ERROR, "recovery"),
        Expect.plan(Status.COMPLETE),
        Send.command(RestartStep("recovery", "Recovery", "node-2")),
        Send.until_complete("recovery"),
        Expect.launched("node-2"),
    ]
    play(lines)


def test_no_node_joins_while_a_member_is_down() -> None:
    world = World(spec(4), agents(4))
    play(
        [
            Send.until_step("node-2", Status.STARTED),
            Send.agent_lost("127.0.0.2"),
            Send.until_step("node-2", Status.COMPLETE),
            *RUN_ON,
            Expect.launched("node-0", "node-1", "node-2"),
            Expect.step("node-3", Status.WAITING, "NODE_DOWN", says="node-0"),
            Expect.step("node-0", Status.WAITING, "UNREACHABLE", "recovery"),
            Send.agent_back("127.0.0.2"),
            Send.until_complete(),
            Expect.launched("node-3"),
        ],
        world,
    )


def test_an_unreachable_node_is_waited_for_and_kept() -> None:
    play(
        [
            *UP,
            Send.agent_lost("127.0.0.3"),
            Send.time(60.0, cycles=30),
            Expect.launched(),
            Expect.step("node-1", Status.WAITING, "UNREACHABLE", "recovery"),
            Send.agent_back("127.0.0.3"),
            Send.until_complete("recovery"),
            Expect.launched(),
        ]
    )


@pytest.mark.parametrize("new_agent_id", [False, True])
def test_a_rebooted_agent_gets_its_node_back(new_agent_id: bool) -> None:
    play(
        [
            *UP,
            Send.reboot("127.0.0.3", new_agent_id),
            Send.time(5.0, cycles=40),
            Expect.launched("node-1"),
            Expect.plan(Status.COMPLETE, "recovery"),
        ]
    )


def test_a_scheduler_restart_touches_nothing() -> None:
    play(
        [
            Send.until_step("node-1", Status.STARTED),
            Expect.launched("node-0", "node-1", "node-2"),
            Send.scheduler_restart(),
            Send.time(0.1),
            Expect.launched(),
            Send.until_complete(),
            Expect.launched(),
            Send.scheduler_restart(),
            *RUN_ON,
            Expect.launched(),
            Expect.plan(Status.COMPLETE),
        ]
    )


def test_after_a_master_restart_everything_waits_for_the_agents() -> None:
    world = World(spec(4), agents(4))
    play(
        [
            Send.until_step("node-2", Status.COMPLETE),
            Send.master_restart(),
            Send.time(10.0, cycles=10),
            Expect.step("Reconciliation", Status.IN_PROGRESS, "RECONCILING", says="node-0 (agent 127.0.0.2)"),
            Expect.step("node-3", Status.PENDING, "RECONCILING"),
            Send.agent_back("127.0.0.2"),
            Send.agent_back("127.0.0.3"),
            Send.agent_back("127.0.0.5"),
            Send.time(10.0, cycles=10),
            Expect.launched("node-0", "node-1", "node-2"),
            Expect.step("Reconciliation", Status.IN_PROGRESS, "RECONCILING", says="of node-2 (agent 127.0.0.4) yet;"),
            Send.agent_back("127.0.0.4"),
            Send.until_complete(cycles=200),
            Expect.launched("node-3"),
        ],
        world,
    )


def test_an_interrupt_lets_the_running_node_finish_and_holds_over_a_restart() -> None:
    play(
        [
            Send.until_step("node-0", Status.STARTED),
            Send.command(Interrupt("deploy")),
            Send.until_step("node-0", Status.COMPLETE),
            *RUN_ON,
            Expect.launched("node-0"),
            Expect.step("node-1", Status.WAITING, "INTERRUPTED"),
            Expect.plan(Status.WAITING),
            Send.scheduler_restart(),
            *RUN_ON,
            Expect.launched(),
            Expect.plan(Status.WAITING),
            Send.command(Proceed("deploy")),
            Send.until_complete(),
            Expect.launched("node-1", "node-2"),
        ]
    )


def test_a_member_is_recovered_while_deploy_is_interrupted_but_not_while_recovery_is() -> None:
    play(
        [
            *UP,
            Send.command(Interrupt("deploy")),
            Send.failure("node-0"),
            Send.time(),
            Send.until_complete("recovery"),
            Expect.launched("node-0"),
            Send.command(Interrupt("recovery")),
            Send.failure("node-0"),
            *RUN_ON,
            Expect.launched(),
            Expect.step("node-0", Status.WAITING, "INTERRUPTED", "recovery"),
            Send.command(Proceed("recovery")),
            Send.until_complete("recovery"),
            Expect.launched("node-0"),
        ]
    )


def test_a_refused_reservation_is_explained_and_tried_again() -> None:
    play(
        [
            Send.operation_failure("RESERVE"),
            Send.time(),
            Send.time(),
            Expect.launched(),
            Expect.step("node-0", Status.PENDING),
            Expect.state(
                "the operation's reason is kept",
                lambda world: "no space left" in world.scheduler.state.nodes["node-0"].failures.message,
            ),
            Send.until_complete(cycles=150),
            Expect.launched("node-0", "node-1", "node-2"),
        ]
    )


def test_a_volume_that_could_not_be_made_is_made_on_the_same_reservation() -> None:
    world = play(
        [
            Send.operation_failure("CREATE"),
            Send.time(),
            Send.until_complete(),
            Expect.launched("node-0", "node-1", "node-2"),
        ]
    )
    assert all(not node.abandoned for node in world.scheduler.state.nodes.values())


def test_an_offer_in_pieces_is_waited_for() -> None:
    play(
        [
            *UP,
            Expect.decided("(what was before)", bool),
            Send.failure("node-0"),
            Send.time(0.0),
            Send.partial_offers(),
            Expect.launched(),
            Expect.decided(
                "the piece goes back for a second",
                lambda decisions: any(
                    item.seconds == 1.0 and item.reason.startswith("RESERVATION_PARTIAL")
                    for decision in decisions
                    for item in decision.declines
                ),
            ),
            Send.until_complete("recovery"),
            Expect.launched("node-0"),
        ]
    )


def test_it_is_quiet_when_idle_and_calls_when_there_is_work() -> None:
    play(
        [
            *UP,
            Send.time(),
            Expect.decided("suppressed once", lambda decisions: decisions[-1].suppress or not decisions[-1].declines),
            Send.time(5.0, cycles=20),
            Expect.decided("silent", lambda decisions: not any(item.suppress or item.revive for item in decisions)),
            Send.failure("node-2"),
            Send.time(),
            Expect.decided("revived once", lambda decisions: [item.revive for item in decisions] == [True]),
        ]
    )
