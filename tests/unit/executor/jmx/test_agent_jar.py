from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from devcluster.java import find_home
from executor.jmx import agent_jar
from executor.jmx.agent_jar import CompileError

AGENT = """\
package mesos.cassandra;

public final class Agent {
    public static void agentmain(String arguments) {}
}
"""


@pytest.fixture
def environ() -> dict[str, str]:
    home = find_home()
    assert home is not None, "no JDK 17"
    return {"JAVA_HOME": str(home)}


def test_the_agent_compiles_into_the_same_bytes_each_time(tmp_path: Path, environ: dict[str, str]) -> None:
    (tmp_path / "Agent.java").write_text(AGENT)
    for name in ("one.jar", "two.jar"):
        agent_jar.build(tmp_path, tmp_path, tmp_path / name, environ)
    assert (tmp_path / "one.jar").read_bytes() == (tmp_path / "two.jar").read_bytes()
    with zipfile.ZipFile(tmp_path / "one.jar") as jar:
        assert b"Agent-Class: mesos.cassandra.Agent\n" in jar.read("META-INF/MANIFEST.MF")
        assert "mesos/cassandra/Agent.class" in jar.namelist()


def test_what_javac_says_comes_back(tmp_path: Path, environ: dict[str, str]) -> None:
    (tmp_path / "Bad.java").write_text("class Bad { int x = nothing; }")
    with pytest.raises(CompileError, match=r"javac failed:(.|\n)*cannot find symbol"):
        agent_jar.build(tmp_path, tmp_path, tmp_path / "bad.jar", environ)
    assert not (tmp_path / "bad.jar").exists()


@pytest.mark.parametrize(
    ("environ_", "message"),
    [
        ({"PATH": "/nowhere"}, "needs a JDK"),
        ({"JAVA_HOME": "/nowhere"}, "/nowhere/bin/javac cannot be run: No such file"),
    ],
)
def test_without_a_jdk(tmp_path: Path, environ_: dict[str, str], message: str) -> None:
    with pytest.raises(CompileError, match=message):
        agent_jar.build(tmp_path, tmp_path, tmp_path / "no.jar", environ_)
