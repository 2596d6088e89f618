"""The bundles that the agents' fetcher takes: files of ARTIFACTS_DIR and nothing else, without a token."""

from __future__ import annotations

from pathlib import Path

from flask import Response, abort, send_file

from api.http.access import access
from api.openapi.operation import Answer
from api.openapi.routes import Routes

blueprint = Routes("artifacts", __name__)

_TYPES = {".gz": "application/gzip", ".tgz": "application/gzip"}


@blueprint.read(
    "/v1/artifacts/<name>", "A bundle for the agents' fetcher", Answer(None, "application/gzip"), needs_token=False
)
def fetch(name: str) -> Response:
    """One file; conditional and range requests are answered."""
    directory = Path(access().settings.artifacts_dir).resolve()
    file = directory / name
    # A link that leads out of the directory is no file of it, and neither is a directory.
    if name.startswith(".") or file.resolve().parent != directory or not file.is_file():
        abort(404)
    mimetype = _TYPES.get(file.suffix, "application/octet-stream")
    return send_file(file, mimetype=mimetype, conditional=True, max_age=0)
