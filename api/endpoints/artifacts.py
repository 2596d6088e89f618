"""The bundles that the agents' fetcher takes: files of ARTIFACTS_DIR and nothing else, without a token."""

from __future__ import annotations

from pathlib import Path

from flask import Blueprint, Response, abort, send_file

from api.http.access import access

blueprint = Blueprint("artifacts", __name__)

_TYPES = {".gz": "application/gzip", ".tgz": "application/gzip"}


@blueprint.get("/v1/artifacts/<name>")
def fetch(name: str) -> Response:
    """One file; conditional and range requests are answered."""
    directory = Path(access().settings.artifacts_dir).resolve()
    file = directory / name
    try:
        # A link that leads out of the directory is no file of it, and neither is a directory.
        found = not name.startswith(".") and file.resolve().parent == directory and file.is_file()
    except (OSError, ValueError):  # a name that no file can have: too long, or with a NUL
        found = False
    if not found:
        abort(404)
    mimetype = _TYPES.get(file.suffix, "application/octet-stream")
    return send_file(file, mimetype=mimetype, conditional=True, max_age=0)
