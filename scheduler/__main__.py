"""`python -m scheduler`, the documented command: the service's own entry point."""

import sys

from service.__main__ import main

if __name__ == "__main__":
    sys.exit(main())
