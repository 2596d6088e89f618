"""Authentication by `Authorization: token=<token>` or by a client certificate, and authorization by role.

Without a file of either the router before the API is trusted, if the settings say so; otherwise no request is let in.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from http import HTTPStatus

from flask import Response, current_app, g, jsonify, request

from api.http import roles
from api.http.client_roles import ENVIRON, ClientRoles
from api.http.origin import Hosts, address_of
from api.http.refusals import Refusals
from api.http.token_file import TokenFile
from scheduler.security.client_names import ClientCertificate
from scheduler.security.tokens import Token
from scheduler.settings.texts import plain

EXTENSION = "cassandra-mesos-guard"
TRUSTED = "admin-router"


@dataclass(frozen=True)
class Guard:
    """What decides on a request; `trusting`: the router before the API is, and so are the headers that it adds."""

    tokens: TokenFile | None
    clients: ClientRoles | None
    trusting: bool
    hosts: Hosts
    refusals: Refusals


class Certified(Token):
    """The holder of a client certificate with a role."""


def guard() -> Guard:
    """Return that of the running application."""
    found = current_app.extensions[EXTENSION]
    assert isinstance(found, Guard)
    return found


def check() -> Response | None:
    """Store the principal of a request in `g`; or answer 401, 403 or 429."""
    role = roles.needed(request.endpoint)
    if role is None:
        return None
    found = guard()
    address = address_of(request, found.trusting)
    if found.tokens is None and found.clients is None and found.trusting:
        if (problem := found.hosts.problem(request)) is not None:
            return _refuse(found, HTTPStatus.FORBIDDEN, address, "", problem)
        holder = Token(TRUSTED)
    else:
        answer = _holder(found, address)
        if isinstance(answer, Response):
            return answer
        holder = answer
    if (problem := found.hosts.is_foreign(request, found.trusting)) is not None:
        return _refuse(found, HTTPStatus.FORBIDDEN, address, holder.name, problem)
    if holder.role < role:
        proof = "certificate" if isinstance(holder, Certified) else "token"
        problem = (
            f"This needs a {proof} with the role {role.word}: the {proof} of {holder.name} has {holder.role.word}."
        )
        return _refuse(found, HTTPStatus.FORBIDDEN, address, holder.name, problem)
    g.principal = holder.name
    return None


def _holder(found: Guard, address: str) -> Token | Response:
    """Return whose token or certificate the request has, or the answer without a valid one.

    A token counts before a certificate, which can be that of a program that passes requests on.
    """
    given = request.headers.get("Authorization")
    if given is None:
        return _certified(found, address) or _refuse(found, HTTPStatus.UNAUTHORIZED, address, "", _needed(found))
    scheme, _, secret = given.partition("=")
    wait = found.refusals.wait(address)
    holder = None
    if found.tokens is not None and scheme.strip() == "token":
        holder = found.tokens.holder(secret, hashing=not wait)
    if wait and (holder is None or not found.refusals.knows(address, holder.name)):
        message = f"Too many wrong tokens came from {address}: try again in {wait} s."
        return _refuse(found, HTTPStatus.TOO_MANY_REQUESTS, address, "", message, wait)
    if holder is None:
        found.refusals.add_wrong_token(address)
        return _refuse(found, HTTPStatus.UNAUTHORIZED, address, "", "The token is not valid.")
    found.refusals.remember(address, holder.name)
    return holder


def _certified(found: Guard, address: str) -> Certified | Response | None:
    """Return whose certificate the connection has, or the answer to one that gives no right; None without one."""
    certificate = request.environ.get(ENVIRON)
    if found.clients is None or not isinstance(certificate, ClientCertificate):
        return None
    name = plain(certificate.name)
    if certificate.ends_at <= time.time():
        message = f"The client certificate of {name} has expired."
        return _refuse(found, HTTPStatus.UNAUTHORIZED, address, name, message)
    role = found.clients.role(certificate.name)
    if role is None:
        message = f"The client certificate of {name} has no role: add a line name:role to API_CLIENT_ROLES_FILE."
        return _refuse(found, HTTPStatus.FORBIDDEN, address, name, message)
    return Certified(name, role=role)


def _needed(found: Guard) -> str:
    if found.tokens is None and found.clients is not None:
        return "A client certificate is needed, of an authority in API_CLIENT_CA_FILE."
    other = ", or present a client certificate" if found.clients is not None else ""
    return f"A token is needed: send the header Authorization: token=<token>{other}."


def _refuse(found: Guard, status: HTTPStatus, address: str, name: str, message: str, wait: int = 0) -> Response:
    found.refusals.tell(status, address, name, message)
    response = jsonify(message=message)
    response.status_code = status
    if status is HTTPStatus.UNAUTHORIZED:
        response.headers["WWW-Authenticate"] = 'token realm="cassandra"'
    if wait:
        response.headers["Retry-After"] = str(wait)
    return response
