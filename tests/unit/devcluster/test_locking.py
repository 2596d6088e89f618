"""The locks of this repository: what is installed and bundled has hashes, and none names where it comes from."""

from __future__ import annotations

import configparser
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from devcluster import locking
from executor import maven_lock
from executor.maven_lock import LockError

ROOT = Path(__file__).parents[3]
OWN = {"http-parser", "cassandra-mesos"}
POM = "{http://maven.apache.org/POM/4.0.0}"


def pinned(name: str) -> dict[str, tuple[str, ...]]:
    """Return the versions of a lock by package: more than one if they depend on the Python."""
    text = (ROOT / locking.DIRECTORY / name).read_text()
    found: dict[str, tuple[str, ...]] = {}
    for entry in re.split(r"\n(?=\S)", text.strip()):
        match = re.match(r"([\w.-]+)==(\S+)", entry)
        assert match is not None, entry
        assert "--hash=sha256:" in entry, entry
        found[match[1]] = (*found.get(match[1], ()), match[2])
    return found


@pytest.mark.parametrize(("lock", "extras"), [("runtime.txt", ()), ("dev.txt", ("dev",))])
def test_a_lock_has_what_setup_cfg_demands(lock: str, extras: tuple[str, ...]) -> None:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    lines = setup["options"]["install_requires"].split("\n")
    for extra in extras:
        lines += setup["options.extras_require"][extra].split("\n")
    versions = pinned(lock)
    for line in filter(None, lines):
        wanted = Requirement(line)
        name = canonicalize_name(wanted.name)
        assert name in versions, f"{name}: run ./dev lock --keep"
        assert all(version in wanted.specifier for version in versions[name]), f"{name}: run ./dev lock --keep"


def test_nothing_is_installed_in_two_versions() -> None:
    runtime, dev = pinned("runtime.txt"), pinned("dev.txt")
    assert {name: dev[name] for name in runtime} == runtime
    assert pinned("build.txt").keys() == {"setuptools"}


@pytest.mark.parametrize("lock", ["build.txt", "runtime.txt", "dev.txt"])
def test_a_lock_names_no_place(lock: str) -> None:
    text = (ROOT / locking.DIRECTORY / lock).read_text()
    assert not re.search(r"://|^-|/", text.replace("--hash=sha256:", ""), re.MULTILINE)
    assert not OWN & pinned(lock).keys()


@pytest.mark.parametrize("folder", ["cassandra", "cassandra/zookeeper"])
def test_a_lock_of_jars_has_what_the_pom_demands(folder: str) -> None:
    jars = maven_lock.read(ROOT / folder / maven_lock.NAME).values()
    found = {(jar.group, jar.artifact): jar.version for jar in jars}
    project = ElementTree.parse(ROOT / folder / "pom.xml").getroot()
    values = {f"${{{item.tag.removeprefix(POM)}}}": str(item.text) for item in project.iterfind(f"{POM}properties/*")}
    values["${project.version}"] = str(project.findtext(f"{POM}version"))
    for item in project.iterfind(f"{POM}dependencies/{POM}dependency"):
        group, artifact, version = (str(item.findtext(f"{POM}{name}")) for name in ("groupId", "artifactId", "version"))
        while version in values:
            version = values[version]
        assert found[group, artifact] == version, f"{artifact}: run ./dev lock --keep"


def test_a_lock_is_made_of_what_maven_lists(tmp_path: Path) -> None:
    listed = """
The following files have been resolved:
   org.example:some:jar:1.0:compile -- module some (auto)
   org.example:native:jar:linux-x86_64:2.0.Final:runtime
"""
    for name in ("some-1.0.jar", "native-2.0.Final-linux-x86_64.jar"):
        (tmp_path / name).write_bytes(b"jar")
    text = maven_lock.make(listed, tmp_path.glob("*.jar"))
    (tmp_path / "lock").write_text(text)
    read = maven_lock.read(tmp_path / "lock")
    assert [(jar.group, jar.artifact, jar.version, jar.classifier) for jar in read.values()] == [
        ("org.example", "native", "2.0.Final", "linux-x86_64"), ("org.example", "some", "1.0", ""),
    ]  # fmt: skip
    maven_lock.check(tmp_path, read)
    (tmp_path / "unknown-1.jar").touch()
    with pytest.raises(LockError, match=r"Maven does not list unknown-1\.jar"):
        maven_lock.make(listed, tmp_path.glob("*.jar"))
