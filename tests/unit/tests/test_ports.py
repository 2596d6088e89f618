"""Ports that two test processes of one machine never share."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.ports import RANGE, Claims, can_listen, free_network, free_port

ROOT = Path(__file__).parents[3]
# Another test process: it claims as many ports as its argument names, prints them and runs until its input ends.
OTHER = """
import sys
from pathlib import Path
from tests.ports import Claims, can_listen
claims = Claims(Path(sys.argv[1]), range(20000, 20400))
print(*[claims.claim(lambda port: can_listen("127.0.0.1", port)) for _ in range(int(sys.argv[2]))], flush=True)
sys.stdin.read()
"""
FEW = range(20000, 20400)


def is_free(port: int) -> bool:
    return can_listen("127.0.0.1", port)


def other_process(file: Path, count: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", OTHER, str(file), str(count)]
    return subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def claimed(process: subprocess.Popen[str]) -> set[int]:
    assert process.stdout is not None
    return {int(port) for port in process.stdout.readline().split()}


def test_processes_side_by_side_get_different_ports(tmp_path: Path) -> None:
    with other_process(tmp_path / "claims", 10) as one, other_process(tmp_path / "claims", 10) as two:
        theirs = [claimed(one), claimed(two)]
        mine = Claims(tmp_path / "claims", FEW)
        ours = {mine.claim(is_free) for _ in range(10)}
        assert len(ours | theirs[0] | theirs[1]) == 30
        assert ours | theirs[0] | theirs[1] <= set(FEW)
        one.communicate()
        two.communicate()


def test_the_claims_of_a_killed_process_end(tmp_path: Path) -> None:
    with other_process(tmp_path / "claims", 10) as other:
        theirs = claimed(other)
        other.kill()
        other.wait(20)
    claims = Claims(tmp_path / "claims", range(min(theirs), min(theirs) + 1))
    assert claims.claim(is_free) == min(theirs)


def test_a_port_on_which_a_program_listens_is_passed_over(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", free_port())) as server:
        taken = server.getsockname()[1]
        claims = Claims(tmp_path / "claims", range(taken, taken + 1))
        with pytest.raises(RuntimeError, match="claims: every number is claimed or in use"):
            claims.claim(is_free)


def test_a_process_gets_a_port_once() -> None:
    ports = [free_port() for _ in range(50)]
    assert len(set(ports)) == 50
    assert set(ports) <= set(RANGE)


def test_two_clusters_of_a_process_get_different_networks() -> None:
    assert free_network() != free_network()
