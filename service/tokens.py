"""`python -m service tokens`: add, list and remove tokens of the API's file. Only hashes of tokens are stored."""

from __future__ import annotations

import argparse
import fcntl
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from scheduler.errors import Exit
from scheduler.security.lines import read_text
from scheduler.security.tokens import WORDS, Token, TokenFileError, new_token, read_tokens

COMMAND = "tokens"
FILE_SETTING = "API_TOKEN_FILE"
_FILE_HELP = f"the file of tokens; {FILE_SETTING} of the environment when it is not given"


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command with its parts to the command line."""
    words = "add, list and remove tokens of the API"
    parts = commands.add_parser(COMMAND, help=words, description=words).add_subparsers(
        dest="part", metavar="add | list | remove", required=True
    )
    add = parts.add_parser("add", help="store the hash of a new token, and print the token, once")
    add.add_argument("name", metavar="NAME", help="under which its holder's commands are logged")
    add.add_argument("--role", choices=list(WORDS), default="read", help="what it permits (read when not given)")
    listed = parts.add_parser("list", help="print the names and roles")
    remove = parts.add_parser("remove", help="remove all tokens of a name; the API refuses them within seconds")
    remove.add_argument("name", metavar="NAME")
    for part in (add, listed, remove):
        part.add_argument("--file", metavar="F", help=_FILE_HELP)


def run(given: argparse.Namespace, environ: Mapping[str, str]) -> Exit:
    """Carry a parsed command line out; the exit code is 2 where that is not possible."""
    path = given.file or environ.get(FILE_SETTING, "").strip()
    if not path:
        return _fail(f"--file or {FILE_SETTING} must name the file of tokens")
    parts: Mapping[str, Callable[[Path], None]] = {
        "add": lambda file: _add(file, given.name, given.role),
        "list": _list,
        "remove": lambda file: _remove(file, given.name),
    }
    try:
        with _alone(Path(path).resolve().parent):
            parts[given.part](Path(path))
    except TokenFileError as error:
        return _fail(str(error))
    except UnicodeDecodeError:
        return _fail(f"{path} is not a text file")
    except OSError as error:
        return _fail(f"{path}: {error.strerror}")
    return Exit.OK


@contextmanager
def _alone(directory: Path) -> Iterator[None]:
    """Hold the directory's lock: of two commands at once, the second must not write what the first has removed."""
    number = os.open(directory, os.O_RDONLY)
    try:
        fcntl.flock(number, fcntl.LOCK_EX)
        yield
    finally:
        os.close(number)


def _add(path: Path, name: str, word: str) -> None:
    text = read_text(path) if path.exists() else ""
    if _of(text, name):
        raise TokenFileError(f"{name} has a token already: choose another name, or remove it first")
    token, line = new_token(name, WORDS[word])
    _write(path, text + ("" if text.endswith("\n") or not text else "\n") + line + "\n")
    sys.stdout.write(f"{token}\n")
    sys.stderr.write(f"This is the token of {name} ({word}). It is not stored, and cannot be shown again.\n")


def _list(path: Path) -> None:
    tokens, problems = read_tokens(read_text(path))
    for token in tokens:
        sys.stdout.write(f"{token.name}\t{token.role.word}\t{'hash' if token.hash else 'plain'}\n")
    sys.stderr.writelines(f"{problem}\n" for problem in problems)


def _remove(path: Path, name: str) -> None:
    text = read_text(path)
    if not _of(text, name):
        raise TokenFileError(f"{path} has no token of {name}")
    # A line is read alone, but a token without a name is called by the number of its line.
    lines = text.removesuffix("\n").split("\n")
    kept = [line for number, line in enumerate(lines) if not _of("\n" * number + line, name)]
    _write(path, "".join(f"{line}\n" for line in kept))


def _of(text: str, name: str) -> list[Token]:
    return [token for token in read_tokens(text)[0] if token.name == name]


def _write(path: Path, text: str) -> None:
    """Replace the file at once, so that no half of it is ever read; owner and mode stay."""
    path = path.resolve()
    mode = path.stat().st_mode & 0o777 if path.exists() else 0o600
    number, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    made = Path(name)
    try:
        with open(number, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        if path.exists() and os.geteuid() == 0:
            os.chown(made, path.stat().st_uid, path.stat().st_gid)
        made.chmod(mode)
        made.replace(path)
    except BaseException:
        made.unlink(missing_ok=True)
        raise


def _fail(problem: str) -> Exit:
    sys.stderr.write(f"Nothing was done: {problem}.\n")
    return Exit.SETTINGS
