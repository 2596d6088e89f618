"""Authentication by `Authorization: token=<token>`, and authorization by the role of the token.

Without a token file the router before the API is trusted, if the settings say so; otherwise no request is let in.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from http import HTTPStatus

from flask import Response, current_app, g, jsonify, request

from api.http import roles
from api.http.origin import Hosts, address_of
from api.http.refusals import Refusals
from api.http.sessions import Sessions
from api.http.token_file import TokenFile
from scheduler.security.tokens import Token

EXTENSION = "cassandra-mesos-guard"
TRUSTED = "admin-router"
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
    trusting: bool
    hosts: Hosts
    refusals: Refusals
    sessions: Sessions = field(default_factory=Sessions)


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
    if found.tokens is None and found.trusting:
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
        problem = f"This needs a token with the role {role.word}: the token of {holder.name} has {holder.role.word}."
        return _refuse(found, HTTPStatus.FORBIDDEN, address, holder.name, problem)
    g.principal, g.holder = holder.name, holder
    return None


def has_header() -> bool:
    """Return whether the request brings a token itself, as programs do and no other site's page can."""
    return "Authorization" in request.headers


def _holder(found: Guard, address: str) -> Token | Response:
    """Return whose token or session the request has, or the answer without a valid one."""
    vouched = request.environ.get(VOUCHED)
    if isinstance(vouched, Token):
        return vouched
    given = request.headers.get("Authorization")
    if given is None and _is_page():
        holder = found.sessions.holder(request, found.tokens)
        if holder is None:
            raise LogInNeeded
        return holder
    if given is None:
        message = "A token is needed: send the header Authorization: token=<token>."
        return _refuse(found, HTTPStatus.UNAUTHORIZED, address, "", message)
    scheme, _, secret = given.partition("=")
    return identify(found, address, secret if scheme.strip() == "token" else None)


def _is_page() -> bool:
    return (request.endpoint or "").rpartition(":")[2].startswith(f"{_PAGE}.")


def identify(found: Guard, address: str, secret: str | None) -> Token | Response:
    """Return whose token this is; None is a wrong one. Otherwise count it, and return 401, or 429 after too many."""
    wait = found.refusals.wait(address)
    holder = None
    if found.tokens is not None and secret is not None:
        holder = found.tokens.holder(secret, hashing=not wait)
    if wait and (holder is None or not found.refusals.knows(address, holder.name)):
        message = f"Too many wrong tokens came from {address}: try again in {wait} s."
        return _refuse(found, HTTPStatus.TOO_MANY_REQUESTS, address, "", message, wait)
    if holder is None:
        found.refusals.add_wrong_token(address)
        return _refuse(found, HTTPStatus.UNAUTHORIZED, address, "", "The token is not valid.")
    found.refusals.remember(address, holder.name)
    return holder


def refuse_foreign(found: Guard, address: str) -> Response | None:
    """Return 403 if another site's page sent this request, or the Host is foreign; else None."""
    problem = found.hosts.is_foreign(request, found.trusting)
    if problem is None and found.tokens is None:
        problem = found.hosts.problem(request)
    return None if problem is None else _refuse(found, HTTPStatus.FORBIDDEN, address, "", problem)


def _refuse(found: Guard, status: HTTPStatus, address: str, name: str, message: str, wait: int = 0) -> Response:
    found.refusals.tell(status, address, name, message)
    response = jsonify(message=message)
    response.status_code = status
    if status is HTTPStatus.UNAUTHORIZED:
        response.headers["WWW-Authenticate"] = 'token realm="cassandra"'
    if wait:
        response.headers["Retry-After"] = str(wait)
    return response
