"""How clients and other data centers reach the cluster."""

from __future__ import annotations

from flask import Blueprint, Response

from api.documents import cluster
from api.http.access import access, answer
from scheduler.core.configuration.differences import without_secrets
from scheduler.loop.snapshot import Snapshot

blueprint = Blueprint("connection", __name__)


@blueprint.get("/v1/connection")
@blueprint.get("/v1/nodes/connect")
def connection() -> Response:
    """Addresses, DNS names and the virtual address for CQL."""
    return answer("connection", lambda found: cluster.connection(found.state))


@blueprint.get("/v1/connection/address")
@blueprint.get("/v1/nodes/connect/address")
def addresses() -> Response:
    """Only the addresses."""
    return answer("connection/address", lambda found: cluster.connection(found.state)["address"])


@blueprint.get("/v1/connection/dns")
@blueprint.get("/v1/nodes/connect/dns")
def names() -> Response:
    """Only the DNS names."""
    return answer("connection/dns", lambda found: cluster.connection(found.state)["dns"])


@blueprint.get("/v1/seeds")
def seeds() -> Response:
    """The seeds, and whether there are still fewer of them than configured."""
    return answer("seeds", _seeds)


@blueprint.get("/v1/datacenter")
def data_center() -> Response:
    """This data center as others see it."""
    url = without_secrets(access().settings.dc_url)
    return answer(
        "datacenter",
        lambda found: {
            "data_center": found.state.target.spec.cassandra.data_center,
            "url": url,
            "seeds": cluster.seeds(found.state),
        },
    )


def _seeds(found: Snapshot) -> cluster.Json:
    seeds = cluster.seeds(found.state)
    return {"isSeed": len(seeds) < found.state.target.spec.seeds, "seeds": seeds}
