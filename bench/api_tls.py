"""API reads over TLS with a hashed token, measured as bench.api_reads does; printed as one JSON document.

`python -m bench.api_tls [nodes] [rate] [seconds]`. The clients are in this process, so that the handshakes of both
sides take their time from the same processors.
"""

from __future__ import annotations

import json
import ssl
import sys
import tempfile
import time
from pathlib import Path

from bench.api_reads import Api, measure, memory_mb, percentile, processor_s, server
from scheduler.security.tokens import Role, new_token
from tests.certificates import Authority
from tests.ports import free_port


def main() -> None:
    """Measure and print."""
    arguments = [int(value) for value in sys.argv[1:4]]
    nodes, rate, seconds = arguments + [1000, 200, 15][len(arguments) :]
    with tempfile.TemporaryDirectory() as directory:
        authority = Authority(Path(directory))
        issued = authority.issue("api")
        token, line = new_token("bench", Role.READ)
        file = Path(directory) / "tokens"
        file.write_text(f"{line}\n")
        settings = {
            "API_TOKEN_FILE": str(file),
            "API_CERTIFICATE_FILE": str(issued.certificate),
            "API_KEY_FILE": str(issued.key),
        }
        tls = ssl.create_default_context(cafile=str(authority.ca))
        api = Api(free_port(), tls, {"Authorization": f"token={token}"})
        with server(nodes, api, settings) as pid:
            measure(api, rate, 3)  # warm-up
            begun = processor_s(pid)
            time.sleep(seconds)  # the cycles alone
            cycles = processor_s(pid) - begun
            latencies, wrong = measure(api, rate, seconds)
            kept = processor_s(pid) - begun - cycles
            fresh, fresh_wrong = measure(api, rate, seconds, keep=False)
            each = processor_s(pid) - begun - cycles - kept
            memory = memory_mb(pid)
    result = {
        "nodes": nodes,
        "requests_per_second": rate,
        "not_200": wrong + fresh_wrong,
        "p50_ms": round(percentile(latencies, 50) * 1000, 2),
        "p99_ms": round(percentile(latencies, 99) * 1000, 2),
        "fresh_p50_ms": round(percentile(fresh, 50) * 1000, 2),
        "fresh_p99_ms": round(percentile(fresh, 99) * 1000, 2),
        "processor_ms": round((kept - cycles) / len(latencies) * 1000, 2),
        "fresh_processor_ms": round((each - cycles) / len(fresh) * 1000, 2),
        "worker_memory_mb": memory,
    }
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
