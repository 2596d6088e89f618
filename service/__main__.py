"""Run the scheduler and its API. Settings are environment variables; see docs/configuration.md."""

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
from scheduler.security.api_certificate import UnusableCertificate
from scheduler.settings import InvalidSettings, Settings, check_access, check_texts_of_access, parse
from service import logs, tokens

UNINSTALL = "uninstall"

logger = logging.getLogger(__name__)


def main(arguments: list[str] | None = None) -> int:
    """Run until the process ends; returns its exit code, a scheduler.errors.Exit."""
    parsed = _parser().parse_args(arguments)
    if parsed.command == tokens.COMMAND:
        return tokens.run(parsed, os.environ)
    try:
        settings = parse(os.environ)
    except InvalidSettings as error:
        served = parsed.command is None
        return _refuse((*error.problems, *(check_texts_of_access(os.environ) if served else ())))
    if parsed.command == UNINSTALL:
        return _uninstall(settings, parsed.service)
    if (problem := check_access(settings)) is not None:
        return _refuse((problem,))
    _log(settings)
    # pymesos must be imported by the main thread, and not before the settings are known to be good.
    from service.server import Server

    try:
        server = Server(settings)
    except UnusableCertificate as error:
        return _refuse(error.problems)
    server.run()
    return Exit.OK


def _refuse(problems: Iterable[str]) -> Exit:
    sys.stderr.write("The scheduler cannot start with these settings:\n")
    sys.stderr.writelines(f"  {problem}\n" for problem in problems)
    return Exit.SETTINGS


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m scheduler", description=(__doc__ or "").partition("\n")[0])
    commands = parser.add_subparsers(dest="command", metavar=f"[{UNINSTALL} | {tokens.COMMAND}]")
    tokens.add_parser(commands)
    meaning = (
        "remove the service for good: end all nodes, destroy their volumes, release all reservations, tear down the "
        "framework, remove all records"
    )
    uninstall = commands.add_parser(UNINSTALL, help=meaning, description=meaning)
    uninstall.add_argument("--service", metavar="NAME", help="the service's name; without it the command asks for it")
    return parser


def _uninstall(settings: Settings, name: str | None) -> int:
    """Remove the service after its name was typed; its scheduler must be stopped."""
    if name is None:
        sys.stdout.write(f"This destroys all data of the service {settings.service_name}, for good.\n")
        sys.stdout.write("Type its name to continue: ")
        sys.stdout.flush()
        name = sys.stdin.readline().strip()
    if name.removeprefix("/") != settings.service_name:
        sys.stderr.write(
            f"Uninstall refused: {name!r} is not the service's name, {settings.service_name}. Nothing has changed.\n"
        )
        return Exit.SETTINGS
    _log(settings)
    return uninstall(replace(settings, service_uninstall=settings.service_name))


def _log(settings: Settings) -> None:
    logs.set_up(settings.log_level, settings.log_format)
    for warning in settings.warnings:
        logger.warning("%s", warning)
    if unchecked := settings.unchecked_bundles():
        logger.warning("agents run bundles without a check of their SHA-256: set %s", " and ".join(unchecked))


def uninstall(settings: Settings) -> Exit:
    """Remove the service; runs on the main thread until done or stopped. A later run continues."""
    # It imports pymesos, which must be imported by the main thread.
    from service.startup import Service

    codes: queue.SimpleQueue[Exit | None] = queue.SimpleQueue()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: codes.put(None))
    service = Service(settings, LoopGateway(lambda: uuid.uuid4().hex), codes.put, stays=False)
    service.start()
    code = codes.get()
    if code is None:
        logger.warning("uninstall stopped before its end: start it again to continue")
        service.stop()
        return Exit.STOPPED
    return code


if __name__ == "__main__":
    sys.exit(main())
