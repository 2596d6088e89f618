"""The first view: the state in one sentence, and what needs a person, with the commands for it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from api.documents import curves, operations
from api.documents.certificates import Json, authority_warnings, certificates
from api.documents.warnings import cluster_warnings
from api.page.commands import Button, button
from api.page.formats import brief, percent, size
from api.page.nodes import PLANS, Mark, Tile
from api.sentences import sentence
from executor.sentences import number_of, stamp
from scheduler.core.configuration.standing_plans import DEPLOY, RECOVERY
from scheduler.core.nodes.expiry import EXPIRED, OVERDUE
from scheduler.core.nodes.replacement import has_moved
from scheduler.core.plans.plan import Plan, Status, Step
from scheduler.core.state.operation import OperationRecord, OperationState
from scheduler.core.state.operation_kinds import KINDS
from scheduler.core.state.reason import Code
from scheduler.loop.snapshot import Snapshot

# More items than a person can read at once are counted.
SHOWN = 20
# One command to the plan answers for all of its steps with the same reason.
_OF_PLAN = (Code.INTERRUPTED, Code.CANARY, Code.SETTINGS_REFUSED)
_OF_OFFERS = (Code.NO_OFFER, Code.NO_OFFER_FITS)
# A long text of a node can be cut.
_ENDS = (".", "!", "?", "…")
_DONE = ("NONE", "COMPLETE", "STOPPED")
# An operation that waits for these goes on by itself: the cause is an item of its own, of recovery or deploy. One that
# an operator has stopped waits for nothing.
_SAID_ELSEWHERE = (Code.NODE_DOWN, Code.STOPPED, *_OF_OFFERS)
# The step that failed is an item of its own.
_OF_FAILED = Code.OTHER_FAILED
_ENDING = (OVERDUE, EXPIRED)
_REMEMBERED_SECONDS = 7 * 86400
_FILLING_PERCENT, _FULL_PERCENT = 75.0, 90.0


@dataclass(frozen=True)
class Item:
    """Something that waits for a person: `link` leads to its view."""

    mark: Mark
    title: str
    sentence: str
    buttons: tuple[Button, ...] = ()
    link: str = ""


@dataclass(frozen=True)
class Work:
    """Something that goes on: `percent` is None if it has no number."""

    title: str
    sentence: str
    percent: float | None
    link: str
    rate: float | None = None
    seconds_left: float | None = None


@dataclass(frozen=True)
class Fact:
    """One line at the foot: `mark` is None if it is neither good nor bad."""

    title: str
    text: str
    link: str
    mark: Mark | None = None
    at: str | None = None


def headline(found: Snapshot, nodes: Sequence[Tile]) -> tuple[Mark, str, str]:
    """Return the state of the cluster in one sentence, and the step of a plan that says most about it."""
    state = found.state
    if state.uninstall is not None:
        return Mark("warn", "uninstall"), "The service is being uninstalled.", ""
    if found.problem:
        return Mark("bad", "problem"), found.problem, ""
    if not found.connected or not state.registered:
        return Mark("bad", "no Mesos"), "The scheduler has no connection to Mesos; nodes keep running.", ""
    up = sum(tile.mark.tone == "ok" for tile in nodes)
    wanted = state.target.spec.nodes
    have = f"{up} of {max(wanted, len(nodes))} nodes {'is' if up == 1 else 'are'} up"
    for name in PLANS:
        plan = found.plans.get(name)
        if plan is not None and plan.status is not Status.COMPLETE:
            step = _telling(plan)
            detail = "" if step is None else sentence(_named(step), _ENDS)
            tone = "bad" if plan.status is Status.ERROR else "warn" if plan.status is Status.WAITING else "busy"
            word = plan.status.value.replace("_", " ").lower()
            return Mark(tone, word), f"The plan {name} is {word}; {have}.", detail
    for kind, item in state.operations.items():
        plan = found.plans.get(kind)
        if item.state is OperationState.RUNNING and plan is not None and plan.status is Status.ERROR:
            return Mark("bad", "failed"), f"The operation {kind} has failed; {have}.", ""
    running = [KINDS[kind].title for kind, item in state.operations.items() if item.state is OperationState.RUNNING]
    if up < len(nodes):
        return Mark("warn", "nodes down"), f"{have}.", ""
    more = f" {' and '.join(running)} {'is' if len(running) == 1 else 'are'} under way." if running else ""
    all_up = "The node is" if len(nodes) == 1 else f"All {len(nodes)} nodes are"
    return Mark("ok", "all well"), f"{all_up} up, and no plan is pending.{more}", ""


def weigh(state: Mark, items: Sequence[Item]) -> Mark:
    """Return the mark of the headline: nothing is all well while something needs a person."""
    return Mark("warn", "needs a person") if state.tone == "ok" and items else state


def notes(found: Snapshot, nodes: Sequence[Tile], warned: Sequence[str]) -> tuple[list[Item], list[Fact]]:
    """Return what waits for a person, and the foot; `warned` are warnings about the scheduler itself."""
    certified = certificates(found, None)["nodes"]
    return attention(found, warned, certified), foot(found, nodes, certified)


def attention(found: Snapshot, warned: Sequence[str], certified: Sequence[Json]) -> list[Item]:
    """Return what waits for a person, the plans first.

    Args:
        found: The published state.
        warned: Warnings about the scheduler itself.
        certified: The nodes' certificates.
    """
    made = [item for name, plan in found.plans.items() for item in _of_plan(found, name, plan)]
    made += _different(found)
    state = found.state
    words = [*state.configuration_errors, *warned, *cluster_warnings(found, authority_warnings(found))]
    made += [Item(Mark("warn", "warning"), "Warning", sentence(text, _ENDS)) for text in words]
    for node in certified:
        if node["state"] in _ENDING:
            renew = button("certificates-renew", node=node["node"])
            tone = "bad" if node["state"] == EXPIRED else "warn"
            text = sentence(node["message"], _ENDS)
            made.append(Item(Mark(tone, node["state"]), f"certificate: {node['node']}", text, (renew,)))
    return made


def _different(found: Snapshot) -> Iterator[Item]:
    """Yield operations whose result differs from the request, for some days or until the next one of their kind."""
    for kind, item in found.state.operations.items():
        ended = item.finished_at
        if item.state is OperationState.DIFFERENT and ended is not None and found.at - ended < _REMEMBERED_SECONDS:
            title = f"{KINDS[kind].title}: the result differs"
            yield Item(Mark("warn", "different"), title, sentence(item.message, _ENDS), (), f"operations?kind={kind}")


def foot(found: Snapshot, nodes: Sequence[Tile], certified: Sequence[Json]) -> list[Fact]:
    """Return what an operator looks for although nothing is wrong with it: data, backup, repair, certificates."""
    made = [_data(nodes), *(_last(found, kind) for kind in ("backup", "repair"))]
    own = [item for item in certified if item["not_after"] is not None]
    if own:
        first = min(own, key=lambda item: str(item["not_after"]))
        ending = sum(item["state"] in _ENDING for item in own)
        text = f"{ending} of {len(own)} not renewed" if ending else f"{len(own)} valid"
        text += f"; the first ends with {first['node']} at"
        made.append(Fact("Certificates", text, "ring", Mark("warn", "") if ending else None, first["not_after"]))
    return [item for item in made if item is not None]


def _data(nodes: Sequence[Tile]) -> Fact | None:
    loads = [tile.load_bytes for tile in nodes if tile.load_bytes is not None]
    if not loads:
        return None
    full = [(tile.disk_percent, tile.name) for tile in nodes if tile.disk_percent is not None]
    most, name = max(full, default=(None, ""))
    text = f"{size(sum(loads))} on {number_of(len(loads), 'node')}, replicas included"
    if most is None:
        return Fact("Data", text, "ring")
    mark = Mark("bad" if most >= _FULL_PERCENT else "warn", "") if most >= _FILLING_PERCENT else None
    return Fact("Data", f"{text}; the fullest disk is that of {name}, {percent(most)}", f"node?node={name}", mark)


def _last(found: Snapshot, kind: str) -> Fact:
    """Return when an operation of a kind was last complete."""
    present = found.state.operations.get(kind)
    records = [item.operation for item in found.state.history.values() if item.operation.kind == kind]
    ended = [item for item in (*records, *([present] if present is not None else [])) if _is_complete(item)]
    last = max(ended, key=lambda item: item.finished_at or 0.0, default=None)
    title, link = f"Last {KINDS[kind].title.lower()}", "backups" if kind == "backup" else f"operations?kind={kind}"
    if last is None or last.finished_at is None:
        return Fact(title, "none is known", link)
    name = str(last.request.get("backup_name") or "complete")
    return Fact(title, name, link, at=stamp(last.finished_at))


def _is_complete(record: OperationRecord) -> bool:
    return record.state is OperationState.COMPLETE and record.finished_at is not None


def under_way(found: Snapshot) -> list[Work]:
    """Return the operations that have not ended."""
    made = []
    for kind in found.state.operations:
        document = operations.status(found, kind)
        if document["state"] not in (*_DONE, "DIFFERENT", "ERROR"):  # an error is an item that needs a person
            title = f"{KINDS[kind].title}: {document['state'].lower()}"
            rate, left = document["progress"].get("rate"), curves.time_left(found, kind)
            words, done = document["message"], document["percent"]
            made.append(Work(title, words, done, f"operations?kind={kind}", rate, left))
    return made


def _of_plan(found: Snapshot, name: str, plan: Plan) -> Iterator[Item]:
    link = f"operations?kind={name}" if name in KINDS else f"plans?plan={name}"
    seen: set[str] = set()
    for phase in plan.phases:
        for step in phase.steps:
            if step.status is Status.COMPLETE or (step.reason in seen and step.reason in _OF_PLAN):
                continue
            if step.reason == _OF_FAILED or (name not in PLANS and step.reason in _SAID_ELSEWHERE):
                continue
            seen.add(step.reason)
            buttons = tuple(_buttons(found, name, phase.name, step))
            waits = step.status in (Status.ERROR, Status.WAITING) or step.reason in (*_OF_PLAN, *_OF_OFFERS)
            if buttons or waits:
                tone = "bad" if step.status is Status.ERROR else "warn"
                title = f"{name}: {step.name}" if name in PLANS else f"{name}: {phase.name} of {step.name}"
                title = f"{name}: {phase.name}" if step.reason in _OF_PLAN else title
                where = f"offers?node={step.name}" if step.reason in _OF_OFFERS else link
                word = step.status.value.replace("_", " ").lower()
                yield Item(Mark(tone, word), title, sentence(brief(step.message), _ENDS), buttons, where)


def _buttons(found: Snapshot, plan: str, phase: str, step: Step) -> Iterator[Button]:
    node = step.name if step.name in found.state.nodes else ""
    if step.reason in (Code.INTERRUPTED, Code.CANARY):
        yield button("plan-continue", plan=plan)
    if step.reason in (Code.CANARY, Code.SETTINGS_REFUSED):
        yield button("config-rollback")
    if step.reason == Code.FAILED or step.status is Status.ERROR:
        yield button("step-restart", plan=plan, phase=phase, step=step.name)
        if plan in KINDS:
            yield button("stop", kind=plan)
    if node and step.reason == Code.PAUSED:
        yield button("node-resume", node=node)
    # A member that its peers miss and whose agent is silent comes back by itself, or never.
    missing = plan == RECOVERY and step.reason == Code.PEER_VIEW and step.status is Status.WAITING
    if node and (missing or step.reason in (Code.UNREACHABLE, Code.AGENT_GONE)):
        # One that has not joined has nothing to replace: it is launched on another agent.
        record = found.state.nodes[node]
        joins = plan == DEPLOY and record.deployed is None and not has_moved(record)
        yield button("step-restart", plan=plan, phase=phase, step=node) if joins else button("node-replace", node=node)


def _telling(plan: Plan) -> Step | None:
    """Return the step that says most about a plan: one that failed, else one that runs, else the first that waits."""
    steps = [step for phase in plan.phases for step in phase.steps if step.status is not Status.COMPLETE]
    order = (Status.ERROR, Status.STARTED, Status.STARTING, Status.IN_PROGRESS, Status.PREPARED)
    for status in order:
        for step in steps:
            if step.status is status:
                return step
    return steps[0] if steps else None


def _named(step: Step) -> str:
    """Return the message of a step, with its name if the message lacks it."""
    message = brief(step.message)
    return message if step.name in message else f"{step.name}: {message}"
