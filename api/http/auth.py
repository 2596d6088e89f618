"""Authentication by `Authorization: token=<token>` or by a client certificate, and authorization by role.

Without a file of either the router before the API is trusted, if the settings say so; otherwise no request is let in.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus

from flask import Response, current_app, g, jsonify, request

from api.http import roles
from api.http.client_roles import ENVIRON, ClientRoles
from api.http.origin import Hosts, address_of
from api.http.refusals import Refusals
from api.http.sessions import Sessions
from api.http.token_file import TokenFile
from scheduler.security.client_names import ClientCertificate
from scheduler.security.tokens import Role, Token
from scheduler.settings.texts import plain

EXTENSION = "cassandra-mesos-guard"
TRUSTED = "admin-router"
_BEARER = "bearer "
# In the environment of a request that the page makes in this process: its session's holder. No client can set it, since
# the names of its headers begin with HTTP_.
VOUCHED = "cassandra-mesos.holder"
_PAGE = "page"


class LogInNeeded(Exception):
    """A request of a browser for the page, without a session."""


@dataclass(frozen=True)
class Guard:
    """What decides on a request; `trusting`: the router before the API is, and so are the headers that it adds."""

    tokens: TokenFile | None
    clients: ClientRoles | None
    trusting: bool
    hosts: Hosts
    refusals: Refusals
    sessions: Sessions = field(default_factory=Sessions)


class Certified(Token):
    """The holder of a client certificate with a role."""


def guard() -> Guard:
    """Return that of the running application."""
    found = current_app.extensions[EXTENSION]
    assert isinstance(found, Guard)
    return found


def check() -> Response | None:
    """Store the principal of a request in `g`; or answer 401, 403 or 429.

    Raises:
        LogInNeeded: A browser that has no session asks for the page.
    """
    role = roles.needed(request.endpoint)
    if role is None:
        return None
    found = guard()
    address = address_of(request, found.trusting)
    if found.tokens is None and found.clients is None and found.trusting:
        if (problem := found.hosts.problem(request)) is not None:
            return _forbid(found, address, "", problem)
        holder = Token(TRUSTED)
    else:
        answer = _holder(found, address)
        if isinstance(answer, Response):
            return answer
        holder = answer
    if (problem := found.hosts.is_foreign(request, found.trusting)) is not None:
        return _forbid(found, address, holder.name, problem)
    if holder.role < role:
        proof = "certificate" if isinstance(holder, Certified) else "token"
        problem = (
            f"This needs a {proof} with the role {role.word}: the {proof} of {holder.name} has {holder.role.word}."
        )
        return _forbid(found, address, holder.name, problem)
    g.principal, g.holder = holder.name, holder
    return None


def standing() -> Callable[[], bool]:
    """Return what tells whether the request's holder may still read: later, and on any thread."""
    found, holder, certificate = guard(), g.holder, request.environ.get(ENVIRON)

    def stands() -> bool:
        if isinstance(holder, Certified):
            return isinstance(certificate, ClientCertificate) and _role(found, certificate) is not None
        return found.tokens is None or found.tokens.has(holder)

    return stands


def has_header() -> bool:
    """Return whether the request brings a token itself, as programs do and no other site's page can."""
    return "Authorization" in request.headers


def _holder(found: Guard, address: str) -> Token | Response:
    """Return whose token, session or certificate the request has, or the answer without a valid one.

    A token or a session counts before a certificate, which can be that of a program that passes requests on.
    """
    vouched = request.environ.get(VOUCHED)
    if isinstance(vouched, Token):
        return vouched
    given = request.headers.get("Authorization")
    if given is None and _is_page():
        holder = found.sessions.holder(request, found.tokens) or _certified(found, address)
        if holder is None:
            raise LogInNeeded
        return holder
    if given is None:
        return _certified(found, address) or _refuse(found, HTTPStatus.UNAUTHORIZED, address, "", _needed(found))
    return identify(found, address, _secret(given))


def _is_page() -> bool:
    return (request.endpoint or "").startswith(f"{_PAGE}.")


def identify(found: Guard, address: str, secret: str | None) -> Token | Response:
    """Return whose token this is; None is a wrong one. Otherwise count it, and return 401, or 429 after too many."""
    wait = found.refusals.wait(address, HTTPStatus.UNAUTHORIZED)
    holder = None
    if found.tokens is not None and secret is not None:
        holder = found.tokens.holder(secret, hashing=not wait)
    if wait and (holder is None or not found.refusals.knows(address, holder.name)):
        message = f"Too many wrong tokens came from {address}: try again in {wait} s."
        return _refuse(found, HTTPStatus.TOO_MANY_REQUESTS, address, "", message, wait)
    if holder is None:
        # While a program replaces the file in two steps, holders of tokens are not slowed down as guesses are.
        if found.tokens is None or not found.tokens.is_empty:
            found.refusals.add(address, HTTPStatus.UNAUTHORIZED)
        return _refuse(found, HTTPStatus.UNAUTHORIZED, address, "", "The token is not valid.")
    found.refusals.remember(address, holder.name)
    return holder


def _forbid(found: Guard, address: str, name: str, problem: str) -> Response:
    """Answer 403, or 429 after too many of them; what the holder may do is answered as before."""
    if wait := found.refusals.wait(address, HTTPStatus.FORBIDDEN):
        message = f"Too many requests of {address} were refused: try again in {wait} s. {problem}"
        return _refuse(found, HTTPStatus.TOO_MANY_REQUESTS, address, name, message, wait)
    found.refusals.add(address, HTTPStatus.FORBIDDEN)
    return _refuse(found, HTTPStatus.FORBIDDEN, address, name, problem)


def _secret(given: str) -> str | None:
    """Return the token of `token=<token>`, or of `Bearer <token>`, as Prometheus sends it from a file."""
    if given[: len(_BEARER)].lower() == _BEARER:
        return given[len(_BEARER) :].strip()
    scheme, _, secret = given.partition("=")
    return secret if scheme.strip() == "token" else None


def _certified(found: Guard, address: str) -> Certified | Response | None:
    """Return whose certificate the connection has, or the answer to one that gives no right; None without one."""
    certificate = request.environ.get(ENVIRON)
    if found.clients is None or not isinstance(certificate, ClientCertificate):
        return None
    name = plain(certificate.name)
    if certificate.ends_at <= time.time():
        message = f"The client certificate of {name} has expired."
        return _refuse(found, HTTPStatus.UNAUTHORIZED, address, name, message)
    role = _role(found, certificate)
    if role is None:
        message = f"The client certificate of {name} has no role: add a line name:role to API_CLIENT_ROLES_FILE."
        return _forbid(found, address, name, message)
    return Certified(name, role=role)


def _role(found: Guard, certificate: ClientCertificate) -> Role | None:
    """Return the role of a client certificate; None if it has none, or has expired."""
    if found.clients is None or certificate.ends_at <= time.time():
        return None
    return found.clients.role(certificate.name)


def _needed(found: Guard) -> str:
    if found.tokens is None and found.clients is not None:
        return "A client certificate is needed, of an authority in API_CLIENT_CA_FILE."
    other = ", or present a client certificate" if found.clients is not None else ""
    return f"A token is needed: send the header Authorization: token=<token>{other}."


def refuse_foreign(found: Guard, address: str) -> Response | None:
    """Return 403 if another site's page sent this request, or the Host is foreign; else None."""
    problem = found.hosts.is_foreign(request, found.trusting)
    if problem is None and found.tokens is None:
        problem = found.hosts.problem(request)
    return None if problem is None else _forbid(found, address, "", problem)


def _refuse(found: Guard, status: HTTPStatus, address: str, name: str, message: str, wait: int = 0) -> Response:
    found.refusals.tell(status, address, name, message)
    response = jsonify(message=message)
    response.status_code = status
    if status is HTTPStatus.UNAUTHORIZED:
        response.headers["WWW-Authenticate"] = 'token realm="cassandra"'
    if wait:
        response.headers["Retry-After"] = str(wait)
    return response
