"""`python -m scheduler`: read the settings, then serve."""

from __future__ import annotations

import logging
import os
import sys

from scheduler import logs
from scheduler.errors import Exit
from scheduler.settings import InvalidSettings, parse


def main() -> int:
    """Run until ended; returns the process' exit code (see scheduler.errors.Exit)."""
    try:
        settings = parse(os.environ)
    except InvalidSettings as error:
        sys.stderr.write("The scheduler cannot start with these settings:\n")
        sys.stderr.writelines(f"  {problem}\n" for problem in error.problems)
        return Exit.SETTINGS
    logs.set_up(settings.log_level, settings.log_format)
    for warning in settings.warnings:
        logging.getLogger(__name__).warning("%s", warning)
    # pymesos must be imported by the main thread, and not before the settings are known to be good.
    from scheduler.serve import Server

    Server(settings).run()
    return Exit.OK


if __name__ == "__main__":
    sys.exit(main())
