"""Clients that could not log in, who choose the names of themselves and of their drivers."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from devcluster.java import find_home
from executor.jmx import logins
from executor.jmx.jolokia import Jolokia
from executor.jmx.logins import Watch

JOLOKIA = Jolokia("127.0.0.1", 1, "executor", "x")
OPTIONS = {"authenticator": "mesos.cassandra.TransitionalAuthenticator"}
ATTEMPTS = Path(__file__).parents[4] / "cassandra" / "java" / "mesos" / "cassandra" / "Attempts.java"
PROGRAM = """\
package mesos.cassandra;

import java.net.InetAddress;
import java.net.InetSocketAddress;

final class Program {
    public static void main(String[] arguments) throws Exception {
        InetAddress address = InetAddress.getByName("10.0.0.9");
        String user = "\\0shop\\0" + "p".repeat(100);
        String[] answers = {user, "\\0" + "u".repeat(500) + "\\0secret", "\\0shop\\0" + "p".repeat(1 << 20)};
        for (int port = 1; port <= answers.length; port++) {
            InetSocketAddress from = new InetSocketAddress(address, port);
            Attempts.ask(from, "d".repeat(60000), 0);
            Attempts.answer(address, answers[port - 1].getBytes(), 1);
            byte[] kept = Attempts.offered(from);
            System.out.println(kept.length + " " + Attempts.user(kept));
        }
        Attempts.ask(new InetSocketAddress(address, 9), "d".repeat(60000), 2);
        System.out.println(Attempts.silent(4_000_000_000L));
    }
}
"""


@pytest.fixture
def jolokia(monkeypatch: pytest.MonkeyPatch) -> dict[str, Sequence[str]]:
    """What Cassandra says of its clients, by operation."""
    said: dict[str, Sequence[str]] = {"silent": [], "refused": [], "uncertified": []}

    def execute(_self: Jolokia, _bean: str, operation: str, _arguments: Sequence[Any], _timeout: float) -> Any:
        return said[operation]

    monkeypatch.setattr(logins, "attach", lambda *_: "bean")
    monkeypatch.setattr(Jolokia, "execute", execute)
    return said


def test_clients_are_few_short_lines(jolokia: dict[str, Sequence[str]]) -> None:
    jolokia["silent"] = ["10.0.0.9 (" + "d" * 65_536 + ")"] * 50
    long = "10.0.0.9 as a\nb\x1bc\u2028d" + "x" * 10**7
    jolokia["refused"] = ["10.0.0.9 as shop (wrong user or password)", long]
    found = Watch(OPTIONS).read(JOLOKIA)
    assert found is not None
    assert (len(found.silent), {len(words) for words in found.silent}) == (20, {200})
    assert found.refused[0] == "10.0.0.9 as shop (wrong user or password)"
    assert found.refused[1].startswith("10.0.0.9 as a b\N{REPLACEMENT CHARACTER}c dxxx")
    assert len(found.refused[1]) == 200
    jolokia["uncertified"] = ["10.0.0.9"]
    assert logins.uncertified_clients(JOLOKIA) == ("10.0.0.9",)


def test_cassandra_keeps_no_long_answers_of_clients(tmp_path: Path) -> None:
    """Each connection could otherwise leave as many megabytes in its memory, without a login."""
    home = find_home()
    assert home is not None, "no JDK 17"
    (tmp_path / "Program.java").write_text(PROGRAM)
    files = [str(ATTEMPTS), str(tmp_path / "Program.java")]
    subprocess.run([f"{home}/bin/javac", "-proc:none", "-d", str(tmp_path), *files], check=True)
    command = [
        f"{home}/bin/java",
        "-Dfile.encoding=UTF-8",
        "-Dsun.stdout.encoding=UTF-8",
        "-cp",
        str(tmp_path),
        "mesos.cassandra.Program",
    ]
    said = subprocess.run(command, check=True, capture_output=True, encoding="utf-8").stdout
    assert said.splitlines() == ["106 shop", f"508 {'u' * 64}…", "0 ", f"[10.0.0.9 ({'d' * 64}…)]"]
