"""An admin router: it serves the scheduler below /service/<name>/ and takes this prefix away, as that of DC/OS does."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from devcluster.layout import Address
from tests.http_servers import HttpServer, QuietHandler
from tests.waiting import patient

_HOP = ("connection", "transfer-encoding", "content-length")


@contextmanager
def route(target: Address, prefix: str) -> Iterator[Address]:
    """Yield the router's own address."""

    class Handler(QuietHandler):
        protocol_version = "HTTP/1.1"

        def _pass(self) -> None:
            if not self.path.startswith(f"{prefix}/"):
                self.send_error(404)
                return
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {name: text for name, text in self.headers.items() if name.lower() not in _HOP}
            connection = http.client.HTTPConnection(target.host, target.port, timeout=patient(30))
            try:
                connection.request(self.command, self.path.removeprefix(prefix), body, headers)
                answer = connection.getresponse()
                streams = answer.headers.get_content_type() == "text/event-stream"
                data = b"" if streams else answer.read()
                self._head(answer, None if streams else len(data))
                self.wfile.write(data)
                while streams and (data := answer.read1()):
                    self.wfile.write(data)
            except ConnectionError:
                self.close_connection = True  # the browser is gone
            except OSError:
                self.send_error(502)
            finally:
                connection.close()

        def finish(self) -> None:
            with suppress(ConnectionError):
                super().finish()

        def _head(self, answer: http.client.HTTPResponse, length: int | None) -> None:
            self.send_response(answer.status)
            for name, text in answer.getheaders():
                if name.lower() not in _HOP:
                    self.send_header(name, text)
            if length is None:
                self.send_header("Connection", "close")
                self.close_connection = True
            else:
                self.send_header("Content-Length", str(length))
            self.end_headers()

        do_GET = do_POST = _pass  # noqa: N815 the names that the base class looks for

    with HttpServer(Handler) as server:
        yield Address("127.0.0.1", server.port)
