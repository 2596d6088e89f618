"""`./dev`: one local cluster, from one command to the next."""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence

from devcluster import checks, executors, image, java, local, lock, locking, screenshots, status
from devcluster.layout import ClusterLayout, read_api_tls
from devcluster.processes import StartError, python_module
from devcluster.progress import Printer
from devcluster.up import NotUsableError, StuckError, resolve, summary, up


def main() -> int:
    """Run the command line and return the exit code."""
    try:
        return run(
            sys.argv[1:], ClusterLayout(checks.ROOT / ".dev", api_tls=read_api_tls(os.environ)), Printer(sys.stdout)
        )
    except BrokenPipeError:
        # The reader of the output has closed it, as in `./dev up | head`. Python must not try to write more at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141


def run(arguments: Sequence[str], base: ClusterLayout, printer: Printer) -> int:
    """Run one command on the cluster of `base`, whose sizes are the defaults.

    Returns:
        The exit code: 0 done, 1 not done, 130 interrupted; argparse exits with 2 on arguments that it does not know.
    """
    # Arguments of pytest and of the benchmarks are not parsed here.
    if arguments and arguments[0] == "test":
        return checks.run(checks.commands(arguments[1:]), _java_environment())
    if arguments and arguments[0] == "chaos":
        return checks.run(checks.chaos(arguments[1:]), _java_environment())
    if arguments and arguments[0] == "bench":
        return subprocess.run(python_module("bench", *arguments[1:]), cwd=checks.ROOT, check=False).returncode
    options = _parser().parse_args(arguments)
    layout = base.remembered() or base
    try:
        match options.command:
            case "up":
                return _up(_wanted(base, options), printer)
            case "status":
                return 0 if status.show(layout, printer) else 1
            case "screenshots":
                return _screenshots(layout, printer)
            case "image":
                return _image(layout, printer)
            case "lock":
                return _lock(options.keep, printer)
            case "down":
                return _down(layout, printer)
            case _:
                return _clean(layout, printer)
    except lock.BusyError as error:
        return _refuse(str(error))


def _lock(keep: bool, printer: Printer) -> int:
    try:
        locking.renew(checks.ROOT, upgrade=not keep, say=printer.plain)
    except locking.NotLockedError as error:
        return _refuse(str(error))
    return 0


def _wanted(base: ClusterLayout, options: argparse.Namespace) -> ClusterLayout:
    return resolve(base, options.nodes, options.heap, options.spare_agents, options.secure)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="./dev", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    starting = commands.add_parser("up", help="bring up a real Cassandra cluster on a local Mesos")
    starting.add_argument("--nodes", type=int, help="number of Cassandra nodes, each on its own agent (3)")
    starting.add_argument("--heap", type=int, metavar="MB", help="Java heap of each node (384)")
    starting.add_argument("--spare-agents", type=int, metavar="N", help="agents without a node (0)")
    starting.add_argument("--secure", action="store_true", help="with TLS, authentication and sealed backups")
    commands.add_parser("status", help="processes, plans and nodes")
    commands.add_parser("screenshots", help="pictures of the running cluster's page, into docs/images")
    commands.add_parser("image", help="build the Dockerfile, and start the scheduler from the image; as root")
    locks = commands.add_parser("lock", help="renew the files that pin Python packages and jars")
    locks.add_argument("--keep", action="store_true", help="keep the versions that setup.cfg still allows")
    commands.add_parser("down", help="stop the cluster; its data stays")
    commands.add_parser("clean", help="stop it and remove the data")
    commands.add_parser("test", help="all checks and tests; arguments go to pytest")
    commands.add_parser("chaos", help="the matrix of faults on a real cluster; arguments go to pytest")
    commands.add_parser("bench", help="measure")
    return parser


def _java_environment() -> dict[str, str]:
    home = java.find_home()
    return {} if home is None else {"JAVA_HOME": str(home)}


def _image(layout: ClusterLayout, printer: Printer) -> int:
    bundles = checks.ROOT / checks.BUNDLES
    subprocess.run(python_module("executor.bundle", "zookeeper", "--out", str(bundles)), cwd=checks.ROOT, check=True)
    try:
        image.check(checks.ROOT, layout.directory / "image", bundles / "zookeeper", printer.plain)
    except image.ImageError as error:
        return _refuse(str(error))
    return 0


def _up(layout: ClusterLayout, printer: Printer) -> int:
    try:
        started, contact_points = up(layout, printer)
    except NotUsableError as error:
        return _refuse(*error.problems, "Nothing was started.")
    except StartError as error:
        return _refuse(str(error), "The processes that this command had started are stopped again.")
    except StuckError as error:
        printer.plain()
        return _refuse(str(error), "The cluster runs on: see ./dev status; ./dev down stops it.")
    except KeyboardInterrupt:
        return _interrupted(layout, printer)
    printer.plain()
    printer.plain("The cluster is up." if started else "The cluster was already up; nothing was changed.")
    printer.plain()
    for line in summary(layout, contact_points):
        printer.plain(line)
    return 0


def _interrupted(layout: ClusterLayout, printer: Printer) -> int:
    printer.plain()
    if local.is_running(layout):
        printer.plain("The cluster runs on; ./dev up shows its progress again, ./dev down stops it.")
    else:
        printer.plain("Nothing was started.")
    return 130


def _screenshots(layout: ClusterLayout, printer: Printer) -> int:
    try:
        screenshots.take(layout, checks.ROOT / "docs" / "images", printer.plain)
    except screenshots.NoPicturesError as error:
        return _refuse(str(error))
    return 0


def _down(layout: ClusterLayout, printer: Printer) -> int:
    with lock.exclusive(layout.directory):
        if not local.is_running(layout):
            printer.plain("Nothing runs.")
            return 0
        if not local.stop(layout, printer.line):
            printer.plain("Some processes did not end in time and were killed.")
    printer.plain("The cluster is stopped; its data stays, and ./dev up starts the same nodes again.")
    return 0


def _clean(layout: ClusterLayout, printer: Printer) -> int:
    with lock.exclusive(layout.directory):
        if local.is_running(layout):
            local.stop(layout, printer.line)
        left = executors.find(layout.directory)
        if left:
            pids = ", ".join(str(process.pid) for process in left)
            return _refuse(f"Processes {pids} do not end; nothing was removed.")
        shutil.rmtree(layout.directory)
    printer.plain("The data of the local cluster is removed.")
    return 0


def _refuse(*sentences: str) -> int:
    for sentence in sentences:
        print(sentence, file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
