"""Entry point on a Mesos agent: `python -m executor` in the sandbox."""

from __future__ import annotations

import os
import sys

from executor.cassandra import late_bundle

if __name__ == "__main__":
    bundle = late_bundle.begin(os.environ)
    # Loading the rest takes about as long as the bundle.
    from executor import late_libraries
    from executor.program import main

    late_libraries.install()
    sys.exit(main(bundle))
