"""The bundles for the agents' fetcher: files of ARTIFACTS_DIR, without a token."""

from __future__ import annotations

from http import HTTPStatus
from pathlib import Path

from flask import Response, abort, request, send_file
from werkzeug.wsgi import wrap_file

from api.http.access import access
from api.openapi.operation import Answer
from api.openapi.routes import Routes

blueprint = Routes("artifacts", __name__)

_TYPES = {".gz": "application/gzip", ".tgz": "application/gzip"}


@blueprint.read("/v1/artifacts/<name>", "A bundle for the agents' fetcher", Answer(None, "application/gzip"))
def fetch(name: str) -> Response:
    """Send one file; conditional and range requests work."""
    directory = Path(access().settings.artifacts_dir).resolve()
    file = directory / name
    try:
        # A link out of the directory must not be followed, and a directory is no file.
        found = not name.startswith(".") and file.resolve().parent == directory and file.is_file()
    except (OSError, ValueError):  # a name that no file can have: too long, or with a NUL
        found = False
    if not found:
        abort(404)
    mimetype = _TYPES.get(file.suffix, "application/octet-stream")
    response = send_file(file, mimetype=mimetype, conditional=True, max_age=0)
    if response.status_code == HTTPStatus.PARTIAL_CONTENT and "wsgi.file_wrapper" in request.environ:
        _send_by_kernel(response, file)
    return response


def _send_by_kernel(response: Response, file: Path) -> None:
    """Give the server the file itself, at the range's start, as it has it for a whole file.

    werkzeug reads a range in pieces, on a thread that then waits for a slow client. The server stops at Content-Length.
    """
    opened = file.open("rb")
    opened.seek(response.content_range.start or 0)
    response.close()
    response.response = wrap_file(request.environ, opened)
