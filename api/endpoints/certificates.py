"""Certificates: who has which, their renewal, and the rotation of the authority."""

from __future__ import annotations

import time
from http import HTTPStatus

from flask import Response, g, jsonify

from api.documents.certificates import certificates as certificates_document
from api.http.access import access, answer, snapshot, submit
from api.http.arguments import body, flag, query
from api.http.errors import RequestError
from api.openapi.json_schema import BOOLEAN, INTEGER, NULLABLE, STRING, STRINGS, object_of
from api.openapi.operation import Answer, parameter
from api.openapi.routes import Routes
from scheduler.core.commands.command import RenewCertificates, RotateAuthority
from scheduler.core.nodes.certificates import certified_nodes
from scheduler.core.nodes.names import parse_node_name
from scheduler.security.authority import AuthorityError
from scheduler.settings.texts import plain

blueprint = Routes("certificates", __name__)

_LEVEL = {"type": "string", "enum": ["off", "optional", "required"]}
_AUTHORITY = {"fingerprint": STRING, "not_before": STRING, "not_after": STRING, "certificate": STRING}
_CERTIFICATES = object_of(
    {
        "encryption": _LEVEL,
        "authorities": {"type": "array", "items": object_of({**_AUTHORITY, "signs": BOOLEAN})},
        "rotation": NULLABLE,
        "rotated": NULLABLE,
        "nodes": {
            "type": "array",
            "items": object_of(
                {
                    "node": STRING,
                    "address": NULLABLE,
                    "encryption": STRING,
                    "client_certificates": _LEVEL,
                    "state": {"type": "string", "enum": ["none", "unknown", "valid", "overdue", "expired"]},
                    "message": STRING,
                    "serial": NULLABLE,
                    "not_before": NULLABLE,
                    "not_after": NULLABLE,
                    "authority": NULLABLE,
                    "trusted": STRINGS,
                    "ports": {"type": "array", "items": INTEGER},
                }
            ),
        },
        "clients": object_of(
            {"certificates": _LEVEL, "authorities": {"type": "array", "items": object_of(_AUTHORITY)}}
        ),
        "api": {
            **object_of(
                {
                    "source": {"type": "string", "enum": ["own", "file"]},
                    "serial": STRING,
                    "not_before": STRING,
                    "not_after": STRING,
                    "authority": NULLABLE,
                }
            ),
            "type": ["object", "null"],
        },
    }
)
_WAIT = parameter("wait", "query", "false: go on by itself when all nodes trust both authorities", ("true", "false"))
_NODE = parameter("node", "query", "A node's name; * or nothing for all")


@blueprint.read("/v1/certificates", "The authority, and the certificate of each node", _CERTIFICATES)
def certificates() -> Response:
    """Return the authorities that nodes trust, and what each node shows on its ports."""
    identity = access().identity()
    key = "certificates" if identity is None else f"certificates {identity.serial}"
    return answer(key, lambda found: certificates_document(found, identity))


@blueprint.read(
    "/v1/certificates/authorities", "The authorities that clients must trust, as PEM", Answer(STRING, "text/plain")
)
def authorities() -> Response:
    """Return the certificates of the authorities; open to all, so that a client can begin to trust them."""
    record = snapshot().state.authority
    return Response("" if record is None else record.trusted_pem, mimetype="text/plain")


@blueprint.command("/v1/certificates/renew", "Replace the certificate of a node, or of all", STRINGS, (_NODE,))
def renew() -> Response:
    """Replace the certificate of the node of `?node=`, or of all nodes; the answer has their names."""
    text = query("node").get("node", "*")
    body()
    state = snapshot().state
    if text == "*":
        names = tuple(node.name for node in certified_nodes(state))
    else:
        name = parse_node_name(text)
        if name is None or name not in state.nodes:
            raise RequestError(HTTPStatus.NOT_FOUND, f"There is no node {plain(text)}.")
        names = (name,)
    command = RenewCertificates(names, g.principal)
    submit(command)
    return jsonify(names)


@blueprint.command(
    "/v1/certificates/rotate",
    "Change to a new authority, without a restart of nodes",
    object_of({"message": STRING}),
    (_WAIT,),
)
def rotate() -> Response:
    """Begin the rotation of the authority: see the plan certificates."""
    waits = flag(query("wait"), "wait", default=True)
    body()
    try:
        following = access().settings.issuer(access().sealer).new(time.time())
    except AuthorityError as error:
        raise RequestError(HTTPStatus.CONFLICT, f"There is no new authority: {error}.") from error
    command = RotateAuthority(following.certificate, following.sealed, g.principal, waits)
    submit(command)
    message = "The rotation of the authority begins: see the plan certificates."
    if waits:
        message += " When all nodes trust both authorities, give clients the new one, and continue that plan."
    return jsonify(message=message)
