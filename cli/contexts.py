"""Contexts: named addresses of APIs in a file of the user, with the files of their secrets."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from cli.errors import ExitCode, Failure, words_of
from cli.files import check_mode, read_text
from cli.repeated import read_yaml

_TOKEN_COMMAND_SECONDS = 60.0
# As in a file of the server, whose lines are <name>:<role>:<token or hash>, without the role for all rights.
_ROLES = ("read", "operate", "configure", "admin")
_HASH = "scrypt:"


@dataclass(frozen=True)
class Context:
    """One API: its address, the files of TLS, the source of its token, and the preferred output."""

    url: str = ""
    ca: str = ""
    cert: str = ""
    key: str = ""
    token_file: str = ""
    token_command: str = ""
    output: str = ""


FIELDS = tuple(item.name for item in fields(Context))


@dataclass(frozen=True)
class Contexts:
    """All contexts of a user, and the name of the current one."""

    current: str = ""
    contexts: Mapping[str, Context] = field(default_factory=dict)

    def find(self, name: str) -> Context:
        """Return the context of this name.

        Raises:
            Failure: There is none.
        """
        if name not in self.contexts:
            known = ", ".join(sorted(self.contexts)) or "none"
            raise Failure(f"There is no context {name}; there are: {known}.", ExitCode.NOT_FOUND)
        return self.contexts[name]


def path(environ: Mapping[str, str]) -> Path:
    """Return the path of the file with the contexts."""
    if given := environ.get("CASSANDRA_MESOS_CONFIG"):
        return Path(given)
    home = environ.get("XDG_CONFIG_HOME") or str(Path(environ.get("HOME", "~")).expanduser() / ".config")
    return Path(home) / "cassandra-mesos" / "config.yaml"


def load(file: Path) -> Contexts:
    """Return the contexts of a file, none if it does not exist.

    Raises:
        Failure: The file cannot be used.
    """
    if not file.exists():
        return Contexts()
    check_mode(file)
    import yaml

    text = read_text(file)
    try:
        found = read_yaml(text, str(file)) or {}
    except (ValueError, RecursionError, yaml.YAMLError) as error:
        raise Failure(f"{file} cannot be read: {' '.join(str(error).split())}.", ExitCode.USAGE) from error
    return _parse(found, file)


def save(file: Path, contexts: Contexts) -> None:
    """Write the contexts to a file that only its owner can read."""
    import yaml

    document = {
        "current": contexts.current,
        "contexts": {
            name: {key: value for key, value in asdict(context).items() if value}
            for name, context in sorted(contexts.contexts.items())
        },
    }
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    partial = file.with_name(f".{file.name}.{os.getpid()}")
    with open(partial, "x", opener=lambda name, flags: os.open(name, flags, 0o600)) as opened:
        yaml.safe_dump(document, opened, sort_keys=False)
    partial.replace(file)


def read_token(file: Path) -> str:
    """Return the token of a file: its first line, without the `<name>:<role>:` of a server's file.

    Raises:
        Failure: The file cannot be read, has no token, or is open to others.
    """
    check_mode(file)
    lines = [line.strip() for line in read_text(file, f"The token file {file}").split("\n")]
    line = next((line for line in lines if line and not line.startswith("#")), None)
    if line is None:
        raise Failure(f"The token file {file} is empty.", ExitCode.USAGE)
    token = _token_of(line)
    if token.startswith(_HASH):
        words = "holds the hash of a token, which only the server can use: put the token itself there"
        raise Failure(f"The token file {file} {words}.", ExitCode.USAGE)
    return token


def _token_of(line: str) -> str:
    """Return the token of a line; it can have colons itself."""
    _, colon, rest = line.partition(":")
    role, more, token = rest.partition(":")
    if more and role in _ROLES:
        return token
    return rest if colon else line


def run_token_command(command: str) -> str:
    """Return the token that a context's command prints. No shell runs it.

    Raises:
        Failure: The command fails or prints nothing.
    """
    try:
        ended = subprocess.run(
            shlex.split(command), capture_output=True, text=True, check=False, timeout=_TOKEN_COMMAND_SECONDS
        )
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        program = f" {error.filename}" if isinstance(error, OSError) and error.filename else ""
        raise Failure(f"token_command{program} cannot be run: {words_of(error)}.", ExitCode.NO_RIGHT) from error
    if ended.returncode != 0 or not ended.stdout.strip():
        words = ended.stderr.strip().splitlines()[-1:] or ["it printed no token"]
        raise Failure(f"token_command failed with {ended.returncode}: {words[0]}.", ExitCode.NO_RIGHT)
    return ended.stdout.strip()


def _parse(found: Any, file: Path) -> Contexts:
    if not isinstance(found, dict) or not isinstance(found.get("contexts", {}), dict):
        raise Failure(f"{file} must have the keys current and contexts.", ExitCode.USAGE)
    contexts: dict[str, Context] = {}
    for name, values in found.get("contexts", {}).items():
        if not isinstance(values, dict) or (unknown := set(values) - set(FIELDS)):
            extra = ", ".join(sorted(map(str, unknown))) if isinstance(values, dict) else "a value that is no mapping"
            raise Failure(f"{file}: context {name} has {extra}; known: {', '.join(FIELDS)}.", ExitCode.USAGE)
        contexts[str(name)] = Context(**{key: str(value) for key, value in values.items() if value is not None})
    return Contexts(str(found.get("current") or ""), contexts)
