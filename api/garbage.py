"""Reservations of this cluster that no node's record knows, until they are given back."""

from __future__ import annotations

from flask import Blueprint, Response

from api.documents import cluster
from api.http.access import answer

blueprint = Blueprint("garbage", __name__)


@blueprint.get("/v1/garbage")
def found() -> Response:
    """All that is known of, oldest first."""
    return answer("garbage", lambda of: [cluster.garbage(of.state, item) for item in cluster.all_garbage(of.state)])
