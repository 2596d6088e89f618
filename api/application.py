"""The WSGI application, which takes paths as people type them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from flask import Flask

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment


class Application(Flask):
    """Takes `//` in a path for `/`: the reference itself has it in one of its lines.

    A redirect, Flask's own way, would not do: curl does not follow one unless told.
    """

    def wsgi_app(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """One request."""
        environ["PATH_INFO"] = re.sub("/{2,}", "/", environ.get("PATH_INFO", ""))
        return super().wsgi_app(environ, start_response)
