"""``python -m localmesos``: a master and agents on this machine; or one of them, as ``master`` or ``agent``."""

import argparse
import sys

from localmesos import alone
from localmesos.agent import main as agent_main
from localmesos.master import main as master_main


def main(argv: list[str] | None = None) -> int:
    """Run the command line and return the exit status."""
    arguments = sys.argv[1:] if argv is None else argv
    if arguments and arguments[0] == "master":
        parser = argparse.ArgumentParser(prog="localmesos master", description="One master.")
        master_main.add_arguments(parser)
        return master_main.run(parser.parse_args(arguments[1:]))
    if arguments and arguments[0] == "agent":
        parser = argparse.ArgumentParser(prog="localmesos agent", description="One agent.")
        agent_main.add_arguments(parser)
        return agent_main.run(parser.parse_args(arguments[1:]))
    parser = argparse.ArgumentParser(
        prog="localmesos",
        description="A Mesos-compatible master and agents on this machine, until Ctrl-C.",
        epilog="'localmesos master --help' and 'localmesos agent --help' describe single processes.",
    )
    alone.add_arguments(parser)
    return alone.run(parser.parse_args(arguments))


if __name__ == "__main__":
    sys.exit(main())
