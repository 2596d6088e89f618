"""moto's S3 alone: the program that `s3` starts, and the same server on a thread.

moto's own program finds the service of each request anew: it looks for 170 directories, and tries the patterns of all
services. That is a third of its processor time.
"""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread

from moto.moto_server.werkzeug_app import MotoRequestHandler, create_backend_app
from werkzeug.serving import BaseWSGIServer, make_server


def main(arguments: list[str] | None = None) -> None:
    """Serve S3 at --host and --port until SIGTERM or SIGINT. Each start begins without objects."""
    parser = argparse.ArgumentParser(prog="python -m devcluster.s3_server", description=main.__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    given = parser.parse_args(arguments)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))
    make(given.host, given.port).serve_forever()


def make(host: str, port: int) -> BaseWSGIServer:
    """Return the server, which listens and does not serve yet."""
    return make_server(host, port, create_backend_app("s3"), threaded=True, request_handler=MotoRequestHandler)


@contextmanager
def running(host: str, port: int) -> Iterator[None]:
    """Serve on a thread of this process. All servers of a process have the same buckets."""
    server = make(host, port)
    thread = Thread(target=server.serve_forever, name="S3 server", daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


if __name__ == "__main__":
    main()
