"""A stand-in for `java` that hangs, or refuses to drain or to end, which no real Cassandra does on demand."""

import json
import os
import signal
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

MODE = {"OperationMode": "NORMAL"}


def option(name: str, default: str = "") -> str:
    found = [item.partition("=")[2] for item in sys.argv[1:] if item.startswith(f"-D{name}=")]
    return found[-1] if found else default


def answer(request: dict[str, Any]) -> dict[str, Any]:
    if request["type"] == "exec" and request["operation"] == "getTablesForKeyspace":
        return {"status": 200, "value": ["users"]}
    if request["type"] == "exec" and request["operation"] != "drain":
        if option("standin.work") == "hang":
            time.sleep(60)
        return {"status": 200, "value": 0}
    if request["type"] == "exec":
        behaviour = option("standin.drain", "ok")
        if behaviour == "hang":
            time.sleep(60)
        if behaviour == "fail":
            return {"status": 500, "error": "java.lang.IllegalStateException : cannot drain"}
        MODE["OperationMode"] = "DRAINED"
        return {"status": 200, "value": None}
    values: dict[str, Any] = {**MODE, "Joined": True, "NativeTransportRunning": True, "LiveNodes": ["127.0.2.9"]}
    values |= {"Keyspaces": ["app", "system"], "NonLocalStrategyKeyspaces": ["app"]}
    if version := option("standin.schema"):  # its keyspaces' replication is then asked for, and answered with 0
        values |= {"SchemaVersion": version, "Datacenter": "dc1"}
    if request["attribute"] not in values:
        return {"status": 404, "error": "javax.management.AttributeNotFoundException : No such attribute"}
    return {"status": 200, "value": values[request["attribute"]]}


class Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        text = json.dumps([answer(item) for item in body] if isinstance(body, list) else answer(body)).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""


def main() -> None:
    if code := option("standin.exit"):
        log = Path(option("cassandra.logdir")) / "system.log"
        words = "java.io.IOException: disk" + " of many words" * int(option("standin.words", "0"))
        log.write_text(f"INFO  [main] now - fine\nERROR [main] now - it broke\n{words}\n\tat a.b.C\n")
        os._exit(int(code))
    if mode := option("standin.mode"):
        MODE["OperationMode"] = mode
        words = "ERROR [main] now - Bootstrap will have to be restarted.\n"
        (Path(option("cassandra.logdir")) / "system.log").write_text(words)
    config = next(item.partition("=config=")[2] for item in sys.argv if "=config=" in item)
    properties = dict(line.split("=", 1) for line in Path(config).read_text().splitlines())
    if option("standin.term") == "ignore":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    else:
        # Before there are threads: one of them could get the signal, and the main one would go on waiting.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    server = ThreadingHTTPServer((properties["host"], int(properties["port"])), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    if option("standin.term") != "ignore":
        signal.sigwait({signal.SIGTERM})
        os._exit(143)
    while True:
        signal.pause()


if __name__ == "__main__":
    main()
