"""A master that does as the test says, over the internal protocol between localmesos' own programs."""

import json
import queue
import threading
from http.server import BaseHTTPRequestHandler
from typing import Any

from tests.http_servers import HttpServer, QuietHandler
from tests.waiting import patient

Json = dict[str, Any]


class FakeMaster:
    """A master that registers agents, records their calls, and sends them what the test hands over.

    `registrations` and `calls` hold what arrived; `acknowledge`: answer each STATUS_UPDATE at once; `hold` is cleared
    to leave a REGISTER without an answer until it is set.
    """

    def __init__(self) -> None:
        self.registrations: queue.Queue[Json] = queue.Queue()
        self.calls: queue.Queue[Json] = queue.Queue()
        self.acknowledge = True
        self.hold = threading.Event()
        self.hold.set()
        self.refusal: str | None = None
        self.redirect: str | None = None
        self._streams: set[queue.Queue[Json | None]] = set()
        self._server = HttpServer(_handler(self))

    @property
    def address(self) -> str:
        return self._server.address

    def send(self, event_type: str, body: Json) -> None:
        """Send an event to every connected agent."""
        for stream in list(self._streams):
            stream.put({"type": event_type, event_type.lower(): body})

    def disconnect(self) -> None:
        """Close all streams, as a master that fails."""
        for stream in list(self._streams):
            stream.put(None)

    def close(self) -> None:
        self.hold.set()
        self.disconnect()
        self._server.close()

    def registration(self, seconds: float = 10.0) -> Json:
        """Return the next registration of an agent."""
        return self.registrations.get(timeout=patient(seconds))

    def call(self, call_type: str, seconds: float = 10.0) -> Json:
        """Return the next call of this type; others before it are dropped."""
        while True:
            call = self.calls.get(timeout=patient(seconds))
            if call["type"] == call_type:
                body: Json = call[call_type.lower()]
                return body

    def update(self, state: str, task_id: str = "t1", seconds: float = 10.0) -> Json:
        """Status of the next update with this state; fails on an unexpected end of the task."""
        while True:
            status: Json = self.call("STATUS_UPDATE", seconds)["status"]
            if status["task_id"]["value"] != task_id:
                continue
            if status["state"] == state:
                return status
            assert status["state"] in ("TASK_STARTING", "TASK_RUNNING"), status

    def received(self, call: Json) -> None:
        self.calls.put(call)
        if call["type"] == "STATUS_UPDATE" and self.acknowledge:
            update = call["status_update"]
            ids = {"framework_id": update["framework_id"], "task_id": update["status"]["task_id"]}
            self.send("ACKNOWLEDGE", {**ids, "uuid": update["status"]["uuid"]})

    def serve(self, handler: BaseHTTPRequestHandler, registration: Json) -> None:
        """Write one agent's stream of events."""
        agent_id = registration["agent_info"].get("id", {"value": "agent-S0"})
        stream: queue.Queue[Json | None] = queue.Queue()
        reregistered = "id" in registration["agent_info"]
        registered = {"agent_id": agent_id, "master_id": "m", "reregistered": reregistered}
        stream.put({"type": "REGISTERED", "registered": registered})
        self.registrations.put(registration)
        self.hold.wait(patient(10))
        self._streams.add(stream)
        try:
            while (event := stream.get()) is not None:
                data = json.dumps(event).encode()
                record = b"%d\n%s" % (len(data), data)
                handler.wfile.write(b"%x\r\n%s\r\n" % (len(record), record))
                handler.wfile.flush()
            handler.wfile.write(b"0\r\n\r\n")
        except OSError:
            pass
        finally:
            self._streams.discard(stream)
            handler.close_connection = True


def _handler(master: FakeMaster) -> type[BaseHTTPRequestHandler]:
    class Handler(QuietHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if self.path == "/localmesos/agent/call":
                master.received(body)
                self.reply(202)
            elif master.redirect is not None:
                self.reply(307, Location=f"//{master.redirect}/localmesos/agent")
            elif master.refusal is not None:
                self.reply(403, master.refusal.encode())
            else:
                self.send_response(200)
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                master.serve(self, body)

    return Handler
