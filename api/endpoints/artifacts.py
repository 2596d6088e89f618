"""The bundles for the agents' fetcher: files of ARTIFACTS_DIR, without a token."""

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
    """Send one file; conditional and range requests work."""
    directory = Path(access().settings.artifacts_dir).resolve()
    file = directory / name
    # A link out of the directory must not be followed, and a directory is no file.
    if name.startswith(".") or file.resolve().parent != directory or not file.is_file():
        abort(404)
    mimetype = _TYPES.get(file.suffix, "application/octet-stream")
    return send_file(file, mimetype=mimetype, conditional=True, max_age=0)
