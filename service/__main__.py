"""`python -m scheduler` serves. `python -m scheduler uninstall` removes the service for good.

`python -m scheduler tokens` adds, lists and removes tokens of the API.
"""

from __future__ import annotations

import argparse
import logging
import os
import queue
import signal
import sys
import uuid
from collections.abc import Iterable
from dataclasses import replace

from scheduler.errors import Exit
from scheduler.loop.gateway import LoopGateway
from scheduler.settings import InvalidSettings, Settings, check_access, parse
from service import logs, tokens

UNINSTALL = "uninstall"

logger = logging.getLogger(__name__)


def main(arguments: list[str] | None = None) -> int:
    """Run until ended; returns the process' exit code (see scheduler.errors.Exit)."""
    given = _parser().parse_args(arguments)
    if given.command == tokens.COMMAND:
        return tokens.run(given, os.environ)
    try:
        settings = parse(os.environ)
    except InvalidSettings as error:
        return _refuse(error.problems)
    if given.command == UNINSTALL:
        return _uninstall(settings, given.service)
    if (problem := check_access(settings)) is not None:
        return _refuse((problem,))
    _log(settings)
    # pymesos must be imported by the main thread, and not before the settings are known to be good.
    from service.server import Server

    Server(settings).run()
    return Exit.OK


def _refuse(problems: Iterable[str]) -> Exit:
    sys.stderr.write("The scheduler cannot start with these settings:\n")
    sys.stderr.writelines(f"  {problem}\n" for problem in problems)
    return Exit.SETTINGS


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m scheduler", description=(__doc__ or "").partition("\n")[0])
    commands = parser.add_subparsers(dest="command", metavar=f"[{UNINSTALL} | {tokens.COMMAND}]")
    tokens.add_parser(commands)
    words = (
        "end all nodes, destroy their volumes, give all reservations back, tear the framework down, remove all records"
    )
    uninstall = commands.add_parser(UNINSTALL, help=words, description=words)
    uninstall.add_argument("--service", metavar="NAME", help="the service's name, which is asked for otherwise")
    return parser


def _uninstall(settings: Settings, name: str | None) -> int:
    """Remove the service once its name was given; its scheduler must have been stopped before."""
    if name is None:
        sys.stdout.write(f"This destroys all data of the service {settings.service_name}, for good.\n")
        sys.stdout.write("Type its name to go on: ")
        sys.stdout.flush()
        name = sys.stdin.readline().strip()
    if name.removeprefix("/") != settings.service_name:
        sys.stderr.write(f"Nothing was done: {name!r} is not the service's name, {settings.service_name}.\n")
        return Exit.SETTINGS
    _log(settings)
    return uninstall(replace(settings, service_uninstall=settings.service_name))


def _log(settings: Settings) -> None:
    logs.set_up(settings.log_level, settings.log_format)
    for warning in settings.warnings:
        logging.getLogger(__name__).warning("%s", warning)


def uninstall(settings: Settings) -> Exit:
    """Run on the calling thread, the main one, until done or told to stop; what is done then can be gone on with."""
    # It takes pymesos with it, which must be imported by the main thread.
    from service.startup import Service

    codes: queue.SimpleQueue[Exit | None] = queue.SimpleQueue()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: codes.put(None))
    service = Service(settings, LoopGateway(lambda: uuid.uuid4().hex), codes.put, stays=False)
    service.start()
    code = codes.get()
    if code is None:
        logger.warning("stopped before the uninstall has ended: start it again to go on")
        service.stop()
        return Exit.STOPPED
    return code


if __name__ == "__main__":
    sys.exit(main())
