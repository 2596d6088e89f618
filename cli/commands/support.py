"""`support bundle`: what someone needs who helps from afar, in one archive without secrets."""

from __future__ import annotations

import hashlib
import io
import json
import re
import tarfile
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from cli.commands.op import KINDS
from cli.commands.version import own_version
from cli.errors import ExitCode, Failure
from cli.redaction import Redaction, without_secrets
from cli.requests import nodes_option
from cli.rest import Client, segment
from cli.session import Session, group, names, node_name, pass_session
from cli.tables import Column, Kind, Table, columns
from cli.units import format_time
from cli.waiting import operation_path

_ONCE = (
    "/v1/health", "/admin/healthcheck", "/v1/framework", "/v1/config", "/v1/connection", "/v1/seeds", "/v1/datacenter",
    "/v1/nodes/list", "/v1/nodes/status", "/v1/plans", "/v1/events", "/v1/garbage", "/v1/debug/offers",
    "/v1/state/properties/suppressed", "/v1/certificates", "/v1/users", "/v1/debug/log", "/metrics",
)  # fmt: skip
# They answer with an error while something is wrong, which is when a bundle is made.
_CHECKS = ("/v1/health", "/admin/healthcheck")
_LOGS = ("system", "output", "executor")
# The answers of the API that are a log; they become plain text.
_IS_LOG = re.compile(r"/v1/(?:debug/log|nodes/(?P<node>[^/]+)/logs\?file=(?P<file>\w+)&lines=1000)")
# Above so many nodes, a node is asked for its status and its logs only if the command names it.
_ALL_NODES = 50
_NAME = re.compile(r"\w[\w.-]{0,99}", re.ASCII)
_COLUMNS = columns("File", Column("Size", Kind.BYTES), "SHA-256")


@group("support")
def support() -> None:
    """Collect what is needed to help with a problem."""


@support.command("bundle")
@click.option("--file", "file", type=click.Path(dir_okay=False), metavar="FILE", help="The archive (.tar.gz).")
@click.option("--redact", is_flag=True, help="Also hide addresses, host names, users, principals and locations.")
@click.option("--node-status", is_flag=True, hidden=True)
@nodes_option
@pass_session
def bundle(session: Session, file: str | None, redact: bool, node_status: bool, nodes: tuple[str, ...]) -> None:
    """Write an archive with the API's documents, logs and a manifest. It never has tokens or passwords.

    Nodes are asked for their status and their logs: all up to 50 nodes, else those of --node.
    """
    now = datetime.now(UTC)
    target = Path(file or f"cassandra-mesos-support-{now:%Y%m%dT%H%M%SZ}.tar.gz")
    chosen = [node_name(item) for item in names(nodes)]
    files, errors = collect(session.client, chosen, node_status, redact)
    if not files:
        raise Failure(f"Nothing could be read. {next(iter(errors.values()))}", ExitCode.NOT_REACHABLE)
    manifest = make_manifest(files, errors, now, redact)
    try:
        write(target, {**files, "manifest.json": json.dumps(manifest, indent=2).encode()})
    except OSError as error:
        raise Failure(f"{target} cannot be written: {error.strerror}.") from error
    rows = [(item["name"], item["bytes"], item["sha256"]) for item in manifest["files"]]
    session.output.show(manifest, Table(_COLUMNS, rows))
    for path, why in errors.items():
        session.output.say(f"{path} is missing: {why}")
    session.output.say(f"Written to {target}. Look at it before you send it.")


def collect(client: Client, nodes: Sequence[str], every: bool, redact: bool) -> tuple[dict[str, bytes], dict[str, str]]:
    """Return the files by name, and the paths that could not be read with the reasons.

    Args:
        client: The API.
        nodes: The nodes to ask; none for all of a small cluster.
        every: True if all nodes of a large cluster are asked as well.
        redact: True if the names of machines and people are replaced.
    """
    documents, errors = _read(client, list(_ONCE))
    launched = _names(documents.get("/v1/nodes/list", ()))
    more = [f"/v1/nodes/{segment(name)}/info" for name in launched]
    asked = [segment(name) for name in nodes or (launched if every or len(launched) <= _ALL_NODES else ())]
    more += [f"/v1/nodes/{name}/status" for name in asked]
    logs = [f"/v1/nodes/{name}/logs?file={log}&lines=1000" for name in asked for log in _LOGS]
    more += [f"/v1/plans/{segment(name)}" for name in _names(documents.get("/v1/plans", ()))]
    more += [f"{operation_path(kind)}/{word}" for kind in KINDS for word in ("status", "history")]
    others, failed = _read(client, more)
    for path in logs:  # one by one: the API reads few logs at a time, and refuses more
        found, unread = _read(client, [path])
        others |= found
        failed |= unread
    documents = {path: without_secrets(item) for path, item in {**documents, **others}.items()}
    errors = without_secrets({**errors, **failed})
    redaction = Redaction()
    if redact:
        for document in [*documents.values(), client.base, list(errors.values())]:
            redaction.learn(document)
    files = {}
    for path, document in documents.items():
        name, text = _file(path, document)
        files[name] = (redaction.apply(text) if redact else text).encode()
    return files, {path: redaction.apply(why) if redact else why for path, why in errors.items()}


def _names(given: Sequence[Any]) -> list[str]:
    """Return the names of an answer that can be those of files in the archive."""
    return [name for name in given if isinstance(name, str) and _NAME.fullmatch(name)]


def _file(path: str, document: Any) -> tuple[str, str]:
    """Return the name and the text of an answer in the archive: a log as it is, JSON, or other text."""
    log = _IS_LOG.fullmatch(path)
    if log is not None and isinstance(document, dict) and isinstance(document.get("lines"), list):
        place = f"{log['node']}/{log['file']}" if log["node"] else "scheduler"
        return f"logs/{place}.log", "\n".join([*map(str, document["lines"]), ""])
    if isinstance(document, str):
        return f"{path.strip('/')}.txt", document
    return f"{path.strip('/')}.json", json.dumps(document, indent=2, ensure_ascii=False)


def make_manifest(
    files: Mapping[str, bytes], errors: Mapping[str, str], made: datetime, redact: bool
) -> dict[str, Any]:
    """Return the description of a bundle: each file with its size and checksum, and what is missing."""
    return {
        "format": 1,
        "made": format_time(made.timestamp()),
        "client_version": own_version(),
        "redacted": redact,
        "files": [
            {"name": name, "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
            for name, data in sorted(files.items())
        ],
        "missing": dict(errors),
    }


def write(target: Path, files: Mapping[str, bytes]) -> None:
    """Write an archive that only its owner can read; its files lie in one directory."""
    root = target.name.removesuffix(".tar.gz")
    with (
        open(target, "xb", opener=_private) as raw,
        tarfile.open(fileobj=raw, mode="w:gz", format=tarfile.PAX_FORMAT) as archive,
    ):
        for name, data in sorted(files.items()):
            entry = tarfile.TarInfo(f"{root}/{name}")
            entry.size, entry.mtime, entry.mode = len(data), int(time.time()), 0o600
            archive.addfile(entry, io.BytesIO(data))


def _private(name: str, flags: int) -> int:
    import os

    return os.open(name, flags, 0o600)


def _read(client: Client, paths: list[str]) -> tuple[dict[str, Any], dict[str, str]]:
    answers = zip(paths, client.get_all(paths), strict=True)
    found = {path: _checks(item) if path in _CHECKS else item for path, item in answers}
    failed = {path: str(item) for path, item in found.items() if isinstance(item, Failure)}
    return {path: item for path, item in found.items() if path not in failed}, failed


def _checks(answer: Any) -> Any:
    """Return the document of checks, also of those that fail."""
    return answer.document if isinstance(answer, Failure) and isinstance(answer.document, dict) else answer
