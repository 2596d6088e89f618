"""HTTP requests to the parts of a local cluster."""

from __future__ import annotations

import base64
import http.client
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from devcluster.layout import Address


class UnreachableError(Exception):
    """An address that does not answer, or not in HTTP."""


@dataclass(frozen=True)
class Response:
    """Status and body of an answer."""

    status: int
    body: bytes

    def json(self) -> Any:
        """Return the body as JSON.

        Raises:
            UnreachableError: the body is none: another program has that port.
        """
        try:
            return json.loads(self.body)
        except ValueError as error:
            raise UnreachableError("the answer is not JSON") from error


def basic(user: str, password: str) -> dict[str, str]:
    """Return the headers of basic authentication."""
    return {"Authorization": f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"}


def get(
    address: Address,
    path: str,
    headers: Mapping[str, str] | None = None,
    seconds: float = 5.0,
    ca: Path | None = None,
) -> Response:
    """GET a path, over HTTPS if there is an authority to trust; any status is an answer."""
    connection = _connection(address, seconds, ca)
    try:
        connection.request("GET", path, headers=dict(headers or {}))
        response = connection.getresponse()
        return Response(response.status, response.read())
    except (OSError, http.client.HTTPException) as error:
        raise UnreachableError(f"{address}: {error}") from error
    finally:
        connection.close()


def _connection(address: Address, seconds: float, ca: Path | None) -> http.client.HTTPConnection:
    if ca is None:
        return http.client.HTTPConnection(address.host, address.port, timeout=seconds)
    context = ssl.create_default_context(cafile=str(ca))
    return http.client.HTTPSConnection(address.host, address.port, timeout=seconds, context=context)


def answers(address: Address, path: str, headers: Mapping[str, str] | None = None, ca: Path | None = None) -> bool:
    """Return whether a GET is answered with 200."""
    try:
        return get(address, path, headers, seconds=2.0, ca=ca).status == 200
    except UnreachableError:
        return False
