"""The target, the framework, and stored facts that clients can read."""

from __future__ import annotations

from http import HTTPStatus

from flask import Response

from api.documents import cluster
from api.http.access import access, answer, snapshot
from api.http.errors import RequestError
from api.openapi.json_schema import INTEGER, OBJECT, STRINGS, list_of, ref
from api.openapi.routes import Routes
from scheduler import __version__
from scheduler.loop.snapshot import Snapshot
from scheduler.settings import Settings
from scheduler.settings.texts import plain

blueprint = Routes("config", __name__)

_SUPPRESSED = "suppressed"


@blueprint.read("/v1/config", "The target configuration", OBJECT)
def target() -> Response:
    """Return the target, and why the settings of this start were refused, if they were."""
    return answer("config", lambda found: cluster.configuration(found.state))


@blueprint.read("/v1/config/cassandra", "Its Cassandra part", OBJECT)
def cassandra() -> Response:
    """Return the target's Cassandra part."""
    return answer("config/cassandra", lambda found: cluster.cassandra(found.state.target.spec))


@blueprint.read("/v1/config/executor", "Its executor part", OBJECT)
def executor() -> Response:
    """Return the target's executor part."""
    return answer("config/executor", lambda found: cluster.executor(found.state.target.spec))


@blueprint.read("/v1/config/nodes", "The number of nodes", INTEGER)
def nodes() -> Response:
    """Return the number of nodes."""
    return answer("config/nodes", lambda found: found.state.target.spec.nodes)


@blueprint.read("/v1/config/seed-nodes", "The number of seeds", INTEGER)
def seed_nodes() -> Response:
    """Return the number of seeds."""
    return answer("config/seed-nodes", lambda found: found.state.target.spec.seeds)


@blueprint.read("/v1/framework", "The framework", ref("Framework"))
def framework() -> Response:
    """Return the framework as Mesos knows it, without secrets and their paths."""
    settings = access().settings
    return answer("framework", lambda found: _framework(found, settings))


@blueprint.read("/v1/state/frameworkId", "The framework's id, in a list", STRINGS)
def framework_id() -> Response:
    """Return the framework's id in a list of one; 404 before the first registration."""
    found = snapshot()
    if found.state.framework_id is None:
        raise RequestError(HTTPStatus.NOT_FOUND, "The framework has no id before it is registered for the first time.")
    return answer("state/frameworkId", lambda of: [of.state.framework_id], found)


@blueprint.read("/v1/state/properties", "Names of stored properties", STRINGS)
def properties() -> Response:
    """Return the names of the stored properties."""
    return answer("state/properties", lambda found: [_SUPPRESSED])


@blueprint.read("/v1/state/properties/<key>", "A stored property", {})
def stored_property(key: str) -> Response:
    """Return one property's value."""
    if key != _SUPPRESSED:
        raise RequestError(HTTPStatus.NOT_FOUND, f"There is no property {plain(key)}; there is {_SUPPRESSED}.")
    return answer("state/properties/suppressed", lambda found: found.state.suppressed)


def _framework(found: Snapshot, settings: Settings) -> cluster.Json:
    spec = found.state.target.spec
    return {
        "name": spec.service_name,
        "id": found.state.framework_id or "",
        "version": __version__,
        "cluster": spec.cassandra.cluster_name,
        "user": spec.user,
        "role": spec.role,
        "principal": spec.principal,
        "checkpoint": True,
        "failover_timeout_s": settings.service_failover_timeout_s,
    }


@blueprint.read("/v1/garbage", "Reservations of this cluster that no record knows", list_of("Garbage"))
def garbage() -> Response:
    """Return all garbage, oldest first."""
    return answer(
        "garbage", lambda found: [cluster.garbage(found.state, item) for item in cluster.all_garbage(found.state)]
    )
