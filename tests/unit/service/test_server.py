"""The server's process."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from cryptography.fernet import Fernet

from scheduler.errors import Exit
from scheduler.settings import Settings, parse
from service.http.worker import Worker
from service.server import Server
from tests.ports import free_port

_PROGRAM = """
import gc, sys
from service.server import SWITCH_SECONDS, share_the_interpreter
before = len(gc.get_objects())
share_the_interpreter()
assert abs(sys.getswitchinterval() - SWITCH_SECONDS) < 1e-6
print(before, len(gc.get_objects()), gc.get_freeze_count())
"""


def test_garbage_collections_leave_out_what_start_up_made() -> None:
    """A whole collection stops the API's threads, and modules and routes are most of what it would look at."""
    program = subprocess.run([sys.executable, "-c", _PROGRAM], capture_output=True, text=True, check=True)
    before, left, frozen = map(int, program.stdout.split())
    assert left < before / 100
    assert frozen > before * 0.9


def settings(directory: Path, **more: str) -> Settings:
    for name in ("executor.tar.gz", "cassandra-5.0.8.tar.gz"):
        (directory / name).write_bytes(b"")
    return parse(
        {
            "ARTIFACTS_DIR": str(directory),
            "API_TRUST_ROUTER": "true",
            "API_HOST": "127.0.0.1",
            "API_PORT": str(free_port()),
            "ZOOKEEPER_SERVERS": f"127.0.0.1:{free_port()}",
            **more,
        }
    )


@pytest.mark.parametrize(("parent", "told"), [(4711, [(4711, signal.SIGTERM)]), (1, [])])
def test_the_end_of_a_scheduler_is_told_to_its_own_arbiter_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, parent: int, told: list[tuple[int, int]]
) -> None:
    """The parent of a worker whose arbiter was killed is the first process of the machine."""
    server = Server(settings(tmp_path))
    monkeypatch.setattr(server, "_begin_service", lambda _: None)
    server._begin(cast("Worker", SimpleNamespace(ppid=4711)))
    killed: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "getppid", lambda: parent)
    monkeypatch.setattr(os, "kill", lambda *call: killed.append(call))
    server._ended(Exit.OK)
    assert killed == told


_SERVE = """
import os, sys
from scheduler.settings import parse
from service import logs
from service.server import Server
settings = parse(os.environ)
logs.set_up(settings.log_level, settings.log_format)
server = Server(settings)
if os.environ.get("LOSE"):
    os.unlink(os.environ["LOSE"])
server.run()
"""


def ends(environ: dict[str, str]) -> tuple[int, str]:
    """Return code and output of a server that cannot begin."""
    inherited = {"PATH": os.environ["PATH"], **environ}
    done = subprocess.run(
        [sys.executable, "-c", _SERVE], env=inherited, capture_output=True, text=True, timeout=60, check=False
    )
    return done.returncode, done.stdout + done.stderr


def test_an_address_that_is_in_use_is_named_with_its_settings(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, said = ends({**settings(tmp_path).given, "API_PORT": str(port)})
    assert f"API_HOST 127.0.0.1 and API_PORT {port} cannot be listened on: Address already in use" in said
    assert code == Exit.SETTINGS


def test_a_file_that_is_lost_after_the_check_is_named(tmp_path: Path) -> None:
    """gunicorn's code for a worker that does not begin is that of an uninstall that was stopped."""
    keys = tmp_path / "keys"
    keys.write_text(Fernet.generate_key().decode())
    given = settings(tmp_path, SECRETS_KEY_FILE=str(keys)).given
    code, said = ends({**given, "LOSE": str(keys)})
    assert f"a file that a setting names cannot be used any more: [Errno 2] No such file or directory: '{keys}'" in said
    assert code == Exit.SETTINGS


def test_what_gunicorn_has_to_say_is_in_the_log_in_its_format(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        _, said = ends({**settings(tmp_path).given, "API_PORT": str(port), "LOG_FORMAT": "json"})
    found = [json.loads(line) for line in said.splitlines()]
    assert {"gunicorn.error", "service.server"} <= {entry["logger"] for entry in found}
