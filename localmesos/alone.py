"""A master and agents as children of one program, for trials."""

import argparse
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

_STOP_SECONDS = 10.0
_POLL_SECONDS = 0.1
_DEFAULT_RESOURCES = "cpus:4;mem:4096;disk:20480;ports:[7000-7001,7199-7199,9042-9042,31000-32000]"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the stand-alone form."""
    parser.add_argument("--agents", type=int, default=3, help="how many agents, on 127.0.0.2 and up (default: 3)")
    parser.add_argument("--racks", default="", help="the agents' attribute rack, in turn: r1,r2,r3 (default)")
    parser.add_argument("--base-port", type=int, default=5050, help="the master's port; the agents' is one more")
    parser.add_argument("--work-dir", type=Path, default=Path("localmesos-data"), help="default: ./localmesos-data")
    parser.add_argument("--resources", default=_DEFAULT_RESOURCES, help="of each agent")


class _StoppedError(Exception):
    """A request to end, by a signal."""


def _stop(number: int, _: FrameType | None) -> None:
    raise _StoppedError(signal.Signals(number).name)


def run(args: argparse.Namespace) -> int:
    """Start all, wait for Ctrl-C, SIGTERM or the master's end, stop all, and return the exit status."""
    if not 0 <= args.agents <= 250:
        sys.stderr.write("--agents must be between 0 and 250\n")
        return 2
    children: list[subprocess.Popen[bytes]] = []
    previous = {number: signal.signal(number, _stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        for command in _commands(args):
            # Children in sessions of their own: Ctrl-C reaches this program alone, which then stops them in order.
            children.append(subprocess.Popen(command, start_new_session=True))
        _say(args)
        return _wait(children)
    except _StoppedError:
        return 0
    finally:
        for number in previous:
            signal.signal(number, signal.SIG_IGN)
        _stop_all(children)
        for number, handler in previous.items():
            signal.signal(number, handler)


def _say(args: argparse.Namespace) -> None:
    sys.stdout.write(
        f"localmesos: master at http://127.0.0.1:{args.base_port}, {args.agents} agents;"
        f" data in {args.work_dir}; Ctrl-C stops all\n"
    )
    sys.stdout.flush()


def _commands(args: argparse.Namespace) -> Iterator[list[str]]:
    program = [sys.executable, "-m", "localmesos"]
    master, work_dir = f"127.0.0.1:{args.base_port}", args.work_dir.resolve()
    yield [*program, "master", "--port", str(args.base_port), "--work-dir", str(work_dir / "master")]
    racks = [rack for rack in args.racks.split(",") if rack]
    for number in range(1, args.agents + 1):
        rack = racks[(number - 1) % len(racks)] if racks else f"r{number}"
        yield [
            *(*program, "agent", "--ip", f"127.0.0.{number + 1}", "--port", str(args.base_port + 1)),
            *("--master", master, "--work-dir", str(work_dir / f"agent-{number}")),
            *("--resources", args.resources, "--attributes", f"rack:{rack}"),
        ]


def _wait(children: list[subprocess.Popen[bytes]]) -> int:
    """Wait until the master ends; an agent's end, which can be a test's purpose, is only reported."""
    ended: set[int] = set()
    while (status := children[0].poll()) is None:
        for number, child in enumerate(children):
            if number not in ended and child.poll() is not None:
                ended.add(number)
                sys.stderr.write(f"localmesos: agent {number} ended with status {child.returncode}\n")
        time.sleep(_POLL_SECONDS)
    sys.stderr.write(f"localmesos: the master ended with status {status}; stopping all\n")
    return 1


def _stop_all(children: list[subprocess.Popen[bytes]]) -> None:
    """Stop the agents, which unregister and end their executors, and then the master."""
    for child in children[1:]:
        if child.poll() is None:
            child.send_signal(signal.SIGUSR1)
    deadline = time.monotonic() + _STOP_SECONDS
    for child in reversed(children):
        if child is children[0] and child.poll() is None:
            child.terminate()
        try:
            child.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
