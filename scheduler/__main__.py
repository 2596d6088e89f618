"""The command `python -m scheduler`, which starts the service."""

import sys

from service.__main__ import main

if __name__ == "__main__":
    sys.exit(main())
