"""HTTP requests to the parts of a local cluster."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass
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


def get(address: Address, path: str, headers: Mapping[str, str] | None = None, seconds: float = 5.0) -> Response:
    """GET a path; any status is an answer."""
    connection = http.client.HTTPConnection(address.host, address.port, timeout=seconds)
    try:
        connection.request("GET", path, headers=dict(headers or {}))
        response = connection.getresponse()
        return Response(response.status, response.read())
    except (OSError, http.client.HTTPException) as error:
        raise UnreachableError(f"{address}: {error}") from error
    finally:
        connection.close()


def answers(address: Address, path: str, headers: Mapping[str, str] | None = None) -> bool:
    """Return whether a GET is answered with 200."""
    try:
        return get(address, path, headers, seconds=2.0).status == 200
    except UnreachableError:
        return False
