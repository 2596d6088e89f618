"""Check the settings of the environment, or write the files that are made from the table of settings."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from scheduler.settings import InvalidSettings, check_access, check_texts_of_access, parse, render


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns 1 if the environment's settings have problems, else 0."""
    parser = argparse.ArgumentParser(
        prog="python -m scheduler.settings", description=(__doc__ or "").partition("\n")[0]
    )
    action = parser.add_mutually_exclusive_group(required=True)
    action.add_argument(
        "--check",
        action="store_true",
        help="report every problem of the settings in the environment; the exit code is 1 if there is one",
    )
    action.add_argument(
        "--write", action="store_true", help="write docs/configuration.md and the definitions for Marathon"
    )
    if parser.parse_args(arguments).write:
        root = Path(__file__).resolve().parents[2]
        for path, text in render().items():
            (root / path).write_text(text)
        return 0
    try:
        settings = parse(os.environ)
    except InvalidSettings as error:
        sys.stderr.writelines(f"{problem}\n" for problem in (*error.problems, *check_texts_of_access(os.environ)))
        return 1
    if (problem := check_access(settings)) is not None:
        sys.stderr.write(f"{problem}\n")
        return 1
    sys.stderr.writelines(f"Warning: {warning}\n" for warning in settings.warnings)
    return 0


if __name__ == "__main__":
    sys.exit(main())
