"""The command of an executor, and the bundles that the agent fetches for it, as Mesos' JSON.

Mesos' fetcher unpacks archives before any command runs. A bundle with a known digest therefore stays packed until the
command has compared its SHA-256. The command is plain sh, because the executor itself is in one of the bundles.
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
# Another text, here or in the lines after it, needs a mark in the record of the launches that have it.
_CHECK = f"""\
check_bundle() {{
  found=$(sha256sum < "$1") || exit 1
  [ "${{found%% *}}" = "$2" ] && return
  echo "{REFUSAL}$1 is refused: its SHA-256 is ${{found%% *}}, but $2 is expected." >&2
  exit {REFUSED}
}}
"""
# The endings by which Mesos' fetcher knows an archive.
_TAR = (".tar", ".tgz", ".tar.gz", ".tbz2", ".tar.bz2", ".txz", ".tar.xz")
_ODD = re.compile(r"[^A-Za-z0-9._+-]|^-")


def build_command(executor: ExecutorSpec, user: str, digests: Digests) -> Json:
    """Return the CommandInfo of an executor.

    Args:
        executor: Its command, environment and URIs.
        user: The user on the agent; empty for the framework's.
        digests: The digests to check. Other URIs are fetched and unpacked without a check.
    """
    variables = [
        {"name": name, "type": "VALUE", "value": value} for name, value in sorted(executor.environment.items())
    ]
    command: dict[str, Any] = {
        "shell": True,
        "value": _checked_command(executor, digests),
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


def _checked_command(executor: ExecutorSpec, digests: Digests) -> str:
    lines = list(_check_lines(executor.uris, digests))
    return "".join([_CHECK, *lines, executor.command]) if lines else executor.command


def _check_lines(uris: Iterable[Uri], digests: Digests) -> Iterator[str]:
    for uri in uris:
        if uri.value in digests:
            name = uri.output_file or bundle_name(uri.value)
            steps = (f"check_bundle {name} {digests[uri.value]}", *(_unpack_steps(name) if uri.extract else ()))
            yield " && ".join(steps) + " || exit 1\n"


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
