"""The jars that a bundle may hold, with their SHA-256: the file maven.lock beside each pom.xml.

A line is `<sha256>  <name of the jar>  <group:artifact:version[:classifier]>`. Maven compares what it downloads with
the repository's own checksums alone, so that who can change a jar there can change its checksum too.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

NAME = "maven.lock"
RENEW = "./dev lock"
_LINE = re.compile(r"([0-9a-f]{64})  (\S+\.jar)  ([\w.-]+):([\w.-]+):([\w.-]+?)(?::([\w.-]+))?")
_LISTED = re.compile(r"\s*([\w.-]+):([\w.-]+):jar:(?:([\w.-]+):)?([\w.-]+):(?:compile|runtime)\b")


class LockError(Exception):
    """A lock that cannot be read, or jars that it does not name; the text is for people."""


@dataclass(frozen=True)
class Jar:
    """One artifact of Maven, and the SHA-256 of its jar."""

    group: str
    artifact: str
    version: str
    classifier: str = ""
    sha256: str = ""

    @property
    def name(self) -> str:
        """Return the name of the jar, as Maven's copy-dependencies writes it."""
        return "-".join(filter(None, (self.artifact, self.version, self.classifier))) + ".jar"

    @property
    def line(self) -> str:
        """Return its line of the lock."""
        parts = filter(None, (self.group, self.artifact, self.version, self.classifier))
        return f"{self.sha256}  {self.name}  {':'.join(parts)}"


def read(path: Path) -> dict[str, Jar]:
    """Return the jars of a lock by their names. Raises LockError, also if there is no file."""
    try:
        lines = path.read_text().splitlines()
    except OSError as error:
        raise LockError(f"{path} cannot be read: {error.strerror}; {RENEW} makes it") from error
    found: dict[str, Jar] = {}
    for number, line in enumerate(lines, start=1):
        match = _LINE.fullmatch(line)
        if match is None:
            raise LockError(f"{path}: line {number} is not <sha256>  <jar>  <group:artifact:version>; {RENEW} makes it")
        sha256, name, group, artifact, version, classifier = match.groups(default="")
        found[name] = Jar(group, artifact, version, classifier, sha256)
    return found


def check(directory: Path, wanted: Mapping[str, Jar]) -> None:
    """Compare the jars of a directory with a lock. Raises LockError, which names every difference."""
    present = {path.name: path for path in directory.glob("*.jar")}
    problems = [f"{name} is missing" for name in sorted(wanted.keys() - present.keys())]
    problems += [f"{name} is not in the lock" for name in sorted(present.keys() - wanted.keys())]
    for name in sorted(wanted.keys() & present.keys()):
        found = sha256_of(present[name])
        if found != wanted[name].sha256:
            problems.append(f"{name} has the SHA-256 {found}, not {wanted[name].sha256}")
    if problems:
        raise LockError(f"the jars are not those of the lock: {'; '.join(problems)}")


def make(listed: str, jars: Iterable[Path]) -> str:
    """Return a lock.

    Args:
        listed: The output of Maven's dependency:list.
        jars: The files of dependency:copy-dependencies.

    Raises:
        LockError: A jar is not in the list.
    """
    known: dict[str, Jar] = {}
    for match in filter(None, map(_LISTED.match, listed.splitlines())):
        group, artifact, classifier, version = match.groups(default="")
        jar = Jar(group, artifact, version, classifier)
        known[jar.name] = jar
    lines = []
    for path in sorted(jars):
        jar = known.get(path.name, Jar("", "", ""))
        if not jar.group:
            raise LockError(f"Maven does not list {path.name}")
        lines.append(Jar(jar.group, jar.artifact, jar.version, jar.classifier, sha256_of(path)).line)
    return "".join(f"{line}\n" for line in lines)


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
