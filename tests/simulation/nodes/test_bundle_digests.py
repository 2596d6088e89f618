"""The digests of the bundles with which nodes are launched, while bundles are built again under their names."""

from __future__ import annotations

from dataclasses import replace

from scheduler.core.state.operation import OperationState
from scheduler.core.state.spec import Policy
from tests.simulation.engine.samples import begin
from tests.simulation.engine.script import Line, Send, World, play
from tests.simulation.nodes.test_restarts import UP, until_settled

BUNDLE = "http://127.0.0.1/executor.tgz"
OLD, NEW = "a" * 64, "b" * 64


def built(digest: str) -> Line:
    """The scheduler has a bundle with this digest."""

    def run(world: World) -> None:
        world.scheduler.state = replace(world.scheduler.state, policy=Policy(digests={BUNDLE: digest}))

    return Line(f"built({digest[:1]})", run)


def launched(node: str, digest: str) -> Line:
    """The node's executor was launched with this digest; with none if it is empty."""

    def run(world: World) -> None:
        record = world.scheduler.state.nodes[node]
        assert record.task is not None
        assert record.task.digests == ({BUNDLE: digest} if digest else {})
        task = world.mesos.task(record.task.id)
        assert task is not None
        command = task.executor["command"]["value"]
        assert (f" {digest} " in command) if digest else command == "./run"

    return Line(f"launched({node}, {digest[:1]})", run)


def cleanup(name: str) -> list[Line]:
    """Run a job on every node: Mesos refuses one whose executor is not described as that of the node's launch."""

    def ended(world: World) -> None:
        assert world.scheduler.state.operations["cleanup"].state is OperationState.COMPLETE

    return [Send.command(begin("cleanup", name)), Send.until_complete("cleanup"), Line("complete", ended)]


def test_running_nodes_keep_theirs_and_each_launch_takes_the_present_one() -> None:
    play(
        [
            *UP,  # as by a version that knew no digests
            launched("node-0", ""),
            built(OLD),
            *cleanup("first"),
            Send.failure("node-1"),
            Send.time(60.0),
            until_settled(),
            launched("node-0", ""),
            launched("node-1", OLD),
            built(NEW),
            *cleanup("second"),
            launched("node-1", OLD),
            Send.failure("node-1"),
            Send.time(60.0),
            until_settled(),
            launched("node-1", NEW),
            *cleanup("third"),
        ]
    )
