"""The addresses of the page. All are on one level below `/ui/`, so that every link between them is a plain name."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import replace
from http import HTTPStatus
from urllib.parse import urlencode

from flask import Blueprint, Flask, Response, current_app, g, redirect, request, send_from_directory
from werkzeug.exceptions import HTTPException, NotFound
from werkzeug.wrappers import Response as WerkzeugResponse

from api.documents import cluster
from api.http import access, streaming
from api.http.auth import LogInNeeded, guard, has_header, identify, refuse_foreign
from api.http.errors import RequestError, http_error
from api.http.origin import address_of
from api.http.sessions import COOKIE, delete_cookie, set_cookie
from api.page import assets, backups, formats, history, logs, nodes, now, work
from api.page.commands import button
from api.page.dispatch import call
from api.page.do import ask_first, carry_out
from api.page.live import answer, show
from api.page.locations import PLACE, ask_for_list
from api.page.offers import matrix
from api.page.settings import context
from api.page.stream import EXTENSION, Streams, streams
from scheduler import __version__
from scheduler.core.events.log import KEPT, entries_after
from scheduler.core.nodes.names import parse_node_name
from scheduler.core.state.cluster import ClusterState
from scheduler.core.state.node import NodeRecord
from scheduler.core.state.operation_kinds import KINDS
from scheduler.loop.snapshot import Gateway, Snapshot, Unavailable

blueprint = Blueprint("page", __name__, template_folder="templates")

VIEWS = (
    ("now", ".", "Now"), ("ring", "ring", "Ring"), ("plans", "plans", "Plans"),
    ("operations", "operations", "Operations"), ("backups", "backups", "Backups"), ("offers", "offers", "Offers"),
    ("settings", "settings", "Settings"), ("events", "events", "Events"),
)  # fmt: skip
POLICY = (
    "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'; "
    "img-src 'self'; script-src 'self'; style-src 'self'; connect-src 'self'"
)
# Those with a part that changes.
_LIVE_VIEWS = {address for _, address, _ in VIEWS if address != "backups"} | {"node"}
_DAY_SECONDS = 86400
_EVENTS_OF_NODE = 20
# With more nodes than these, the first view only counts them.
_STRIP_NODES = 200


def register(app: Flask, gateway: Gateway) -> None:
    """Prepare the application for the page: filters of templates, and what a browser is told on errors."""
    app.jinja_env.filters.update(formats.FILTERS)
    app.jinja_env.globals.update(asset=assets.asset_address, views=VIEWS, version=__version__)
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.context_processor(_common)
    app.register_error_handler(LogInNeeded, _log_in_first)
    app.extensions[EXTENSION] = Streams(app, gateway)


def _common() -> dict[str, object]:
    settings, holder = access.access().settings, g.get("holder")
    signed_in = holder is not None and guard().tokens is not None
    return {
        "service": settings.service_name,
        "holder": holder,
        "signed_in": signed_in,
        "state_age": access.stale_seconds(),
    }


@blueprint.after_request
def _protect(response: Response) -> Response:
    response.headers["Content-Security-Policy"] = POLICY
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "same-origin"
    response.headers["Cross-Origin-Opener-Policy"] = "same-origin"
    return response


@blueprint.route("/")
@blueprint.route("/ui/<other>")
def front(other: str = "") -> WerkzeugResponse:
    """Lead a browser to the page, or tell it that this is no view; programs are told that there is nothing."""
    if "text/html" not in request.headers.get("Accept", ""):
        return http_error(NotFound())
    if other:
        raise NotFound
    return _lead("ui/" if request.environ["PATH_INFO"] else f"{request.root_path.rpartition('/')[2]}/ui/")


@blueprint.route("/ui/")
def now_or_lead() -> Response:
    """Show what is going on and what needs a person."""
    return _lead("ui/") if not request.path.endswith("/") else _now()


def _now() -> Response:
    def build(found: Snapshot) -> dict[str, object]:
        every = nodes.tiles(found)
        state, sentence, detail = now.headline(found, every)
        items, facts = now.notes(found, every, access.access().warnings())
        said = detail in {item.sentence for item in items[: now.SHOWN]}
        return {
            "state": now.weigh(state, items), "sentence": sentence, "items": items[: now.SHOWN],
            "detail": "" if said else detail, "more": len(items) - now.SHOWN, "works": now.under_way(found),
            "counts": nodes.counts(every),
            "events": entries_after(found.state, 0, KEPT)[:-9:-1], "facts": facts,
            "racks": nodes.by_rack(every) if len(every) <= _STRIP_NODES else {},
        }  # fmt: skip

    return show("now", "Now", build)


@blueprint.route("/ui/ring")
def ring() -> Response:
    """Show all nodes by data center and rack."""

    def build(found: Snapshot) -> dict[str, object]:
        every = nodes.tiles(found)
        return {"centers": nodes.by_rack(every), "arcs": nodes.circle(every), "counts": nodes.counts(every),
                "total": len(every), "restart": button("ring-restart", node="*")}  # fmt: skip

    return show("ring", "Ring", build)


@blueprint.route("/ui/node")
def node() -> Response:
    """Show one node: what is known of it, its events, and its commands."""
    name = parse_node_name(request.args.get("node", "")) or ""
    if name not in access.snapshot().state.nodes:
        raise RequestError(HTTPStatus.NOT_FOUND, f"There is no node {request.args.get('node', '')[:40]}.")
    return show("node", name, functools.partial(_node, name=name), {"node": name}, f"log?node={name}&file=system")


@blueprint.route("/ui/log")
def log() -> Response:
    """Show the end of a node's log, its warnings and errors first; only these as a part of another view."""
    name, file = parse_node_name(request.args.get("node", "")) or "", request.args.get("file", "system")
    if name not in access.snapshot().state.nodes or file not in logs.FILES:
        raise RequestError(HTTPStatus.NOT_FOUND, "There is no such log.")
    outcome = logs.read(name, file)
    lines = outcome.document["lines"] if outcome.accepted else []
    return answer(
        "errors.html" if "part" in request.args else "log.html", "log", f"Log of {name}", node=name, file=file,
        files=logs.FILES, outcome=outcome, entries=logs.entries(lines), lines=lines[-logs.SHOWN_LINES :],
        read=len(lines),
    )  # fmt: skip


def _node(found: Snapshot, name: str) -> dict[str, object]:
    record, sighting = found.state.nodes[name], found.state.sightings.get(name)
    tile = next(item for item in nodes.tiles(found) if item.name == name)
    events = [entry for entry in entries_after(found.state, 0, KEPT) if entry.node == name]
    words = ("restart", "pause", "replace", "decommission") if record.mode != "PAUSED" else ("resume", "replace")
    words = (*words, "cancel") if record.intent is not None else words
    return {
        "tile": tile, "record": nodes.facts(cluster.info(record)), "intent": record.intent, "task": record.task,
        "vitals": nodes.vitals(sighting),
        "status": nodes.facts(cluster.status(replace(sighting.status, figures=None))) if sighting else [],
        "figures": nodes.figures(sighting),
        "seen_at": sighting.at if sighting else None, "error": sighting.status.error if sighting else None,
        "failures": record.failures, "events": events[: -_EVENTS_OF_NODE - 1 : -1],
        "sandbox": _sandbox(found.state, record),
        "buttons": [button(f"node-{word}", node=name) for word in words] if record.task else [],
    }  # fmt: skip


def _sandbox(state: ClusterState, record: NodeRecord) -> str:
    """Return the agent's list of the files in the sandbox; empty if unknown, or if the offer's address is no http."""
    base = record.agent.url if record.agent else ""
    if not base.startswith(("http://", "https://")) or record.task is None:
        return ""
    # Mesos' virtual path of the newest run, since 1.5.
    path = f"/frameworks/{state.framework_id}/executors/{record.task.executor_id}/runs/latest"
    return f"{base}/files/browse?{urlencode({'path': path})}"


@blueprint.route("/ui/plans")
def plans() -> Response:
    """Show one plan as a tree, and the state of the others."""
    name = request.args.get("plan", "")
    if name and name not in access.snapshot().plans:
        raise RequestError(HTTPStatus.NOT_FOUND, f"There is no plan {name[:40]}.")

    def build(found: Snapshot) -> dict[str, object]:
        marks = work.plan_marks(found)
        shown = name or marks[0][0]
        return {"marks": marks, "plan": work.plan_view(found, shown)}

    return show("plans", "Plans", build, {"plan": name})


@blueprint.route("/ui/operations")
def operations() -> Response:
    """Show the operations: of one kind with its nodes, or the newest of all kinds."""
    kind = request.args.get("kind", "")
    if kind and kind not in KINDS:
        raise RequestError(HTTPStatus.NOT_FOUND, f"There is no kind of operation {kind[:40]}.")

    def build(found: Snapshot) -> dict[str, object]:
        shown = [work.operation(found, kind)] if kind else work.newest(found)
        return {"kind": kind, "operations": shown, "past": work.past(found, kind), "starts": work.startable(),
                "kinds": KINDS}  # fmt: skip

    return show("operations", "Operations", build, {"kind": kind})


@blueprint.route("/ui/backups")
def list_backups() -> Response:
    """Show the backups at a location."""
    return _backups(request.args)


@blueprint.route("/ui/backups", methods=["POST"])
def list_with_keys() -> Response:
    """Show the backups at a location with keys for it, which are never in an address."""
    _check_code()
    return _backups(request.form)


def _backups(given: Mapping[str, str]) -> Response:
    found = access.snapshot()
    places = backups.known_places(found.state)
    place = {name: given.get(name, "") for name in PLACE}
    outcome = ask_for_list(given) if "external_location" in given else None
    if outcome is None and places:
        place = places[0]
    listed = outcome.document.get("backups", []) if outcome is not None and outcome.accepted else []
    return answer(
        "backups.html", "backups", "Backups", place=place, places=places, outcome=outcome,
        backups=backups.newest_first(listed), line=backups.time_line(listed),
        deletion=button("start-backup-delete"), backup=button("start-backup"),
    )  # fmt: skip


@blueprint.route("/ui/offers")
def offers() -> Response:
    """Show why agents do not fit a node."""
    name = request.args.get("node", "")
    return show("offers", "Offers", lambda found: {"node": name, "matrix": matrix(found.evaluations, name)},
                {"node": name})  # fmt: skip


@blueprint.route("/ui/settings")
def settings() -> Response:
    """Show the target, and the nodes that do not have it yet."""
    return show(
        "settings",
        "Settings",
        lambda found: {
            **context(found.state), "change": button("config-change"), "rollback": button("config-rollback"),
            "plan": button("plan-continue", plan="deploy"),
        },
    )  # fmt: skip


@blueprint.route("/ui/events")
def events() -> Response:
    """Show the events, newest first: of a node, of a kind, or around one of them."""
    names = ("node", "kind", "before", "at")
    chosen = {name: request.args.get(name, "")[:40] for name in names}
    return show("events", "Events", lambda found: history.context(found.state, chosen), chosen)


@blueprint.route("/ui/tables")
def tables() -> Response:
    """Show the keyspaces and tables to choose from."""
    return answer("tables.html", "tables", "Tables", outcome=call("GET", "/v1/schema"))


@blueprint.route("/ui/stream")
def stream() -> Response:
    """Stream the news of a view to a browser; without a server that can, it asks for them itself."""
    outlet, view = request.environ.get(streaming.ENVIRON), request.args.get("view", "")
    query = {name: text for name, text in request.args.items() if name != "view"}
    if outlet is None or view not in _LIVE_VIEWS or not isinstance(outlet, streaming.Outlet):
        return Response(status=HTTPStatus.NO_CONTENT)
    path = request.environ["PATH_INFO"].removesuffix("stream") + ("" if view == "." else view)
    environ = {**request.environ, "PATH_INFO": path}
    address = address_of(request, guard().trusting)
    return streams(current_app).answer(outlet, environ, address, query)


@blueprint.route("/ui/do")
def ask() -> Response:
    """Show what a command does, with its fields and lines, before it is sent."""
    return ask_first()


@blueprint.route("/ui/do", methods=["POST"])
def command() -> Response:
    """Send a command to the API and show its answer."""
    _check_code()
    return carry_out()


def _check_code() -> None:
    """Refuse a form without the code of its session. A program that brings a token needs none."""
    if not has_header() and not guard().sessions.vouches(request):
        raise RequestError(
            HTTPStatus.BAD_REQUEST, "The form is older than this session: load the page again, and send it once more."
        )


@blueprint.route("/ui/login")
def log_in_form() -> Response:
    """Ask for a token; behind a router that is trusted without one, there is nothing to ask."""
    if guard().tokens is None and guard().trusting:
        return _lead(".")
    return _log_in_page(HTTPStatus.OK)


@blueprint.route("/ui/login", methods=["POST"])
def log_in() -> Response:
    """Begin a session for the holder of a token; wrong ones are counted as the API counts them."""
    found = guard()
    address = address_of(request, found.trusting)
    problem = refuse_foreign(found, address)
    if problem is not None:
        return problem
    holder = identify(found, address, request.form.get("token", "").strip())
    if isinstance(holder, Response):
        page = _log_in_page(holder.status_code, str((holder.get_json() or {}).get("message", "")))
        for name in ("Retry-After", "WWW-Authenticate"):
            if name in holder.headers:
                page.headers[name] = holder.headers[name]
        return page
    response = _lead(_own_view(request.form.get("next", "")))
    set_cookie(response, found.sessions.begin(holder), request)
    return response


@blueprint.route("/ui/logout", methods=["POST"])
def log_out() -> Response:
    """End the session."""
    found = guard()
    problem = refuse_foreign(found, address_of(request, found.trusting))
    if problem is not None:
        return problem
    found.sessions.end(request.cookies.get(COOKIE, ""))
    response = _lead("login")
    delete_cookie(response)
    return response


@blueprint.route("/ui/files/<name>")
def asset(name: str) -> Response:
    """Send one file of the page; its address changes with its content."""
    return send_from_directory(assets.FILES, name, max_age=_DAY_SECONDS, conditional=True)


def _lead(address: str) -> Response:
    response = redirect(address, HTTPStatus.SEE_OTHER, Response)
    assert isinstance(response, Response)
    return response


def _own_view(text: str) -> str:
    """Return a view of the page with its query; `.` for anything else, so that no address leads elsewhere."""
    name = text.partition("?")[0]
    return text if name in {address for _, address, _ in VIEWS} | {"node", "do"} and text.isprintable() else "."


def _log_in_page(status: int, problem: str = "") -> Response:
    wanted = request.values.get("next", "")
    return answer("login.html", "login", "Log in", status, problem=problem, wanted=_own_view(wanted))


def _log_in_first(_: LogInNeeded) -> Response:
    """Lead a browser to the log-in; a page that asks for its live part is told 401, and says it."""
    if "live" in request.args or "HX-Request" in request.headers:
        return Response("The session has ended.", HTTPStatus.UNAUTHORIZED, mimetype="text/plain")
    if request.method != "GET":
        return _log_in_page(HTTPStatus.UNAUTHORIZED, "The session has ended, and nothing was sent: do it again after.")
    path = request.path.rpartition("/")[2] or "."
    query = request.query_string.decode("ascii", "replace")
    return _lead(f"login?{urlencode({'next': f'{path}?{query}' if query else path})}")


@blueprint.errorhandler(RequestError)
@blueprint.errorhandler(Unavailable)
@blueprint.errorhandler(HTTPException)
def _failed(error: Exception) -> Response:
    status, message = HTTPStatus.SERVICE_UNAVAILABLE, str(error)
    if isinstance(error, RequestError):
        status, message = error.status, error.message
    elif isinstance(error, HTTPException):
        status = HTTPStatus(error.code or 500)
        message = "There is no such page." if status is HTTPStatus.NOT_FOUND else error.description or error.name
    return answer("failed.html", "failed", status.phrase, status, message=message)
