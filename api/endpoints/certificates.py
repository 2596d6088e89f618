"""Certificates: who has which, their renewal, and the rotation of the authority."""

from __future__ import annotations

import time
from http import HTTPStatus

from flask import Response, g, jsonify

from api.documents.certificates import certificates as certificates_document
from api.http.access import access, answer, snapshot
from api.http.arguments import body, choice, query
from api.http.errors import RequestError, refusal_error
from api.openapi.json_schema import BOOLEAN, STRING, STRINGS, Json, object_of
from api.openapi.operation import parameter
from api.openapi.routes import Routes
from scheduler.core.commands.command import RenewCertificates, RotateAuthority
from scheduler.core.nodes.certificates import certified_nodes
from scheduler.core.nodes.names import parse_node_name
from scheduler.security.authority import AuthorityError
from scheduler.security.issuer import Issuer
from scheduler.settings.texts import plain

blueprint = Routes("certificates", __name__)

_MAYBE: Json = {"type": ["string", "null"]}
_CERTIFICATES = object_of(
    {
        "encryption": {"type": "string", "enum": ["off", "optional", "required"]},
        "authorities": {
            "type": "array",
            "items": object_of(
                {
                    "fingerprint": STRING,
                    "signs": BOOLEAN,
                    "not_before": STRING,
                    "not_after": STRING,
                    "certificate": STRING,
                }
            ),
        },
        "rotation": _MAYBE,
        "rotated": _MAYBE,
        "nodes": {
            "type": "array",
            "items": object_of(
                {
                    "node": STRING,
                    "address": _MAYBE,
                    "encryption": STRING,
                    "state": {"type": "string", "enum": ["none", "unknown", "valid", "overdue", "expired"]},
                    "message": STRING,
                    "serial": _MAYBE,
                    "not_before": _MAYBE,
                    "not_after": _MAYBE,
                    "authority": _MAYBE,
                    "trusted": STRINGS,
                    "ports": {"type": "array", "items": {"type": "integer"}},
                }
            ),
        },
    }
)
_WAIT = parameter("wait", "query", "false: go on by itself when all nodes trust both authorities", ("true", "false"))
_NODE = parameter("node", "query", "A node's name; * or nothing for all")


@blueprint.read("/v1/certificates", "The authority, and the certificate of each node", _CERTIFICATES)
def certificates() -> Response:
    """Return the authorities that nodes trust, and what each node shows on its ports."""
    return answer("certificates", certificates_document)


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
    if (refusal := access().gateway.submit(command, g.principal)) is not None:
        raise refusal_error(refusal)
    return jsonify(names)


@blueprint.command(
    "/v1/certificates/rotate",
    "Change to a new authority, without a restart of nodes",
    object_of({"message": STRING}),
    (_WAIT,),
)
def rotate() -> Response:
    """Begin the rotation of the authority: see the plan certificates."""
    waits = choice(query("wait"), "wait", ("true", "false"), "true") == "true"
    body()
    settings = access().settings
    files = (settings.security_ca_certificate_file, settings.security_ca_key_file)
    try:
        following = Issuer(settings.service_name, access().sealer, *files).new(time.time())
    except AuthorityError as error:
        raise RequestError(HTTPStatus.CONFLICT, f"There is no new authority: {error}.") from error
    command = RotateAuthority(following.certificate, following.sealed, g.principal, waits)
    if (refusal := access().gateway.submit(command, g.principal)) is not None:
        raise refusal_error(refusal)
    message = "The rotation of the authority begins: see the plan certificates."
    if waits:
        message += " When all nodes trust both authorities, give clients the new one, and continue that plan."
    return jsonify(message=message)
