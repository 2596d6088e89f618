"""The command of an executor, and the bundles that the agent fetches for it, as Mesos' JSON.

Mesos' fetcher unpacks archives before any command runs. A bundle with a known digest therefore stays packed until the
command has compared its SHA-256. The command is plain sh, because the executor itself is in one of the bundles.
Cassandra's is the largest. The executor checks and unpacks it itself while it starts, if its own bundle can do that.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from scheduler.core.state.spec import ExecutorSpec, Uri

Json = Mapping[str, Any]
Digests = Mapping[str, str]
"""SHA-256 in lower-case hexadecimal digits, by the address of the bundle."""

REFUSED = 65
# The beginning of the sentence about a bundle that is not the expected one.
REFUSAL = "The bundle "
# Mesos refuses a job whose ExecutorInfo is not that of the running executor, so running executors need this very text.
# Another text, here or in the lines after it, needs a form of its own, which the record of each launch has.
FORM = 2
"""The form of the commands of new launches. In form 1, sh checks and unpacks all bundles, one after another."""
# What an agent runs in a sandbox with the executor's bundle. It is part of every stored configuration.
DEFAULT_COMMAND = "exec ./executor-bundle/run"
LATE_BUNDLE = "EXECUTOR_LATE_BUNDLE"
"""The environment variable with name and SHA-256 of the bundle that is left to the executor."""
_CHECK = f"""\
check_bundle() {{
  found=$(sha256sum < "$1") || exit 1
  [ "${{found%% *}}" = "$2" ] && return
  echo "{REFUSAL}$1 is refused: its SHA-256 is ${{found%% *}}, but $2 is expected." >&2
  exit {REFUSED}
}}
"""
# With this file in its bundle, an executor unpacks another one. The bundle can be older than the scheduler.
_UNPACKER = "executor-bundle/lib/executor/unpack.py"
# The archives that every Python can unpack.
_SIMPLE_TAR = (".tar", ".tgz", ".tar.gz")
# The endings by which Mesos' fetcher knows an archive.
_TAR = (".tar", ".tgz", ".tar.gz", ".tbz2", ".tar.bz2", ".txz", ".tar.xz")
_ODD = re.compile(r"[^A-Za-z0-9._+-]|^-")


def build_command(executor: ExecutorSpec, user: str, digests: Digests, form: int = FORM) -> Json:
    """Return the CommandInfo of an executor.

    Args:
        executor: Its command, environment and URIs.
        user: The user on the agent; empty for the framework's.
        digests: The digests to check. Other URIs are fetched and unpacked without a check.
        form: The form of the command, which its launch has recorded.
    """
    variables = [
        {"name": name, "type": "VALUE", "value": value} for name, value in sorted(executor.environment.items())
    ]
    command: dict[str, Any] = {
        "shell": True,
        "value": _checked_command(executor, digests, form),
        "uris": [_uri(uri, digests.get(uri.value)) for uri in executor.uris],
        "environment": {"variables": variables},
    }
    if user:
        command["user"] = user
    return command


def digests_of(uris: Iterable[Uri], digests: Digests, earlier: Digests) -> dict[str, str]:
    """Return the digests of these URIs: the present ones first, else those of an earlier launch."""
    known = {**earlier, **digests}
    return {uri.value: known[uri.value] for uri in uris if uri.value in known}


def bundle_name(address: str) -> str:
    """Return the file name of a bundle in the sandbox: `executor.tar.gz`."""
    return _ODD.sub("_", re.split(r"[?#]", address, maxsplit=1)[0].rpartition("/")[2])


def _checked_command(executor: ExecutorSpec, digests: Digests, form: int) -> str:
    late = None if form == 1 else _late(executor, digests)
    lines = list(_check_lines(executor.uris, digests, late))
    return "".join([_CHECK, *lines, executor.command]) if lines else executor.command


def _late(executor: ExecutorSpec, digests: Digests) -> Uri | None:
    """Return the bundle that the executor can unpack itself: Cassandra's, which always follows its own.

    Another command than the default one can need what is in it.
    """
    own, *others = executor.uris or (None,)
    if executor.command != DEFAULT_COMMAND or own is None or not others:
        return None
    simple = others[0].extract and _name(others[0]).endswith(_SIMPLE_TAR)
    return others[0] if simple and own.value in digests and others[0].value in digests else None


def _check_lines(uris: Iterable[Uri], digests: Digests, late: Uri | None) -> Iterator[str]:
    for uri in uris:
        if uri.value in digests:
            name = _name(uri)
            steps = (f"check_bundle {name} {digests[uri.value]}", *(_unpack_steps(name) if uri.extract else ()))
            line = " && ".join(steps) + " || exit 1\n"
            if uri is late:
                told = f"export {LATE_BUNDLE}='{name} {digests[uri.value]}'"
                line = f"if [ -e {_UNPACKER} ]; then\n  {told}\nelse\n  {line}fi\n"
            yield line


def _name(uri: Uri) -> str:
    return uri.output_file or bundle_name(uri.value)


def _unpack_steps(name: str) -> tuple[str, ...]:
    if name.endswith(_TAR):
        return f"tar -xf {name}", f"rm {name}"
    if name.endswith(".zip"):
        return f"unzip -oq {name}", f"rm {name}"
    return (f"gzip -d {name}",) if name.endswith(".gz") else ()


def _uri(uri: Uri, digest: str | None) -> Json:
    document: dict[str, Any] = {
        "value": uri.value if digest is None else _cache_address(uri, digest),
        "extract": uri.extract and digest is None,
        "executable": uri.executable,
        "cache": uri.cache,
    }
    if uri.output_file is not None:
        document["output_file"] = uri.output_file
    elif digest is not None:
        document["output_file"] = bundle_name(uri.value)
    return document


def _cache_address(uri: Uri, digest: str) -> str:
    """Return an address that changes with the content: the fetcher's cache knows a file by its address alone."""
    if not uri.cache or "?" in uri.value or "#" in uri.value or not uri.value.startswith(("http://", "https://")):
        return uri.value
    return f"{uri.value}?sha256={digest}"
