"""The chain of reasons behind a step that waits, and the command that an operator can use."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

from cli.wording import as_options

Json = Mapping[str, Any]

_NODE = re.compile(r"\bnode-\d+\b")
# What stands before the reason in a step's message, and beside it in every table: "Deploying Cassandra node node-0
# mode: NORMAL; " and "Repair of node-0: ".
_DOING = re.compile(r"(?:\w+ing Cassandra node node-\d+ mode: \w*; |[A-Z][\w ]*? of (?:node-\d+|cluster): )")
# Other steps are the cause of these.
_OF_OTHERS = (
    "EARLIER_NODE", "OTHER_JOINS", "NODE_DOWN", "OTHER_CHOSEN", "EARLIER_PHASE", "OTHER_FAILED", "OTHER_JOB",
    "PEER_SILENT", "PEER_VIEW", "SCHEMA", "OTHER_INTENT", "NO_SEED",
)  # fmt: skip
_OF_OFFERS = ("NO_OFFER", "NO_OFFER_FITS")
# A replacement gives up the data on that machine, which an agent that starts again brings back.
_IF_LOST = "cassandra-mesos node replace {node}  # if its machine is lost"
# A node that has not joined has nothing to replace: it is launched on another agent.
_ELSEWHERE = "cassandra-mesos plan restart {plan} {step}"
_OF_JOINING = {"AGENT_GONE": _ELSEWHERE, "UNREACHABLE": f"{_ELSEWHERE}  # if its machine is lost"}
# By reason: the next command, with the names of plan, step and node.
ADVICE: Mapping[str, str] = {
    "INTERRUPTED": "cassandra-mesos plan continue {plan}",
    "CANARY": "cassandra-mesos plan continue {plan}",
    "LOGINS": "cassandra-mesos plan status authentication",
    "REFUSED_CLIENTS": "cassandra-mesos plan force-complete {plan} Deploy {node}",
    "PLAIN_CLIENTS": "cassandra-mesos plan force-complete {plan} Deploy {node}",
    "UNCERTIFIED_CLIENTS": "cassandra-mesos plan force-complete {plan} Deploy {node}",
    "PAUSED": "cassandra-mesos node resume {node}",
    "FAILED": "cassandra-mesos plan restart {plan} {step}",
    "OTHER_FAILED": "cassandra-mesos plan status {plan}",
    "NO_OFFER": "cassandra-mesos offers why {node}",
    "NO_OFFER_FITS": "cassandra-mesos offers why {node}",
    "AGENT_GONE": "cassandra-mesos node replace {node}",
    "NO_STATUS": "cassandra-mesos node logs {node}",
    "UNREACHABLE": _IF_LOST,
    "RELEASE_REFUSED": "cassandra-mesos garbage",
    "SETTINGS_REFUSED": "cassandra-mesos config rollback",
}


@dataclass(frozen=True)
class Link:
    """One reason in a chain: a step of a plan that is not complete, or an offer that does not fit."""

    depth: int
    plan: str
    step: str
    status: str
    reason: str
    message: str
    advice: str = ""


def brief(message: str) -> str:
    """Return a step's message without the words that its row has already, and with options for the API's words.

    The row has the step, its node and its mode.
    """
    begin = _DOING.match(message)
    return as_options(message if begin is None else message[begin.end() :])


def chain(plans: Mapping[str, Json], evaluations: Sequence[Json], wanted: str) -> list[Link]:
    """Return the reasons for which a node or a plan is not done, each followed by those behind it.

    Args:
        plans: All plans by name.
        evaluations: The last evaluations of offers.
        wanted: The name of a node or of a plan.
    """
    members = {step["name"] for phase in plans.get("recovery", {}).get("phases", ()) for step in phase["steps"]}
    steps = [step for name, plan in plans.items() for step in _pending(name, plan, members)]
    if wanted in plans:
        first = [step for step in steps if step.plan == wanted]
        first = [step for step in first if step.reason not in _OF_OTHERS] or first
    else:
        first = [step for step in steps if step.step == wanted]
    seen: set[tuple[str, str, str]] = set()
    return [link for step in first for link in _follow(step, steps, evaluations, 0, seen)]


def _pending(name: str, plan: Json, members: Set[str]) -> Iterator[Link]:
    """Yield the steps of a plan that are not complete; `members` are the nodes with a step of the plan recovery."""
    for phase in plan["phases"]:
        for step in phase["steps"]:
            if step["status"] != "COMPLETE":
                node = step["name"]
                # A member that its peers miss and whose agent is silent comes back by itself, or never.
                missing = name == "recovery" and (step["reason"], step["status"]) == ("PEER_VIEW", "WAITING")
                code = "UNREACHABLE" if missing else step["reason"]
                advices = {**ADVICE, **_OF_JOINING} if name == "deploy" and node not in members else ADVICE
                advice = advices.get(code, "").format(plan=name, step=step["name"], node=node)
                yield Link(0, name, step["name"], step["status"], step["reason"], step["message"], advice)


def _follow(
    link: Link, steps: Sequence[Link], evaluations: Sequence[Json], depth: int, seen: set[tuple[str, str, str]]
) -> Iterator[Link]:
    key = (link.plan, link.step, link.reason)
    if key in seen:
        return
    seen.add(key)
    yield Link(depth, link.plan, link.step, link.status, link.reason, link.message, link.advice)
    if link.reason in _OF_OFFERS:
        yield from _offers(link, evaluations, depth + 1)
    if link.reason in (*_OF_OTHERS, "RUNNING"):  # a job that runs can wait for other nodes as well
        named = set(_NODE.findall(link.message))
        names = named - {link.step}
        for other in steps:
            # A job that waits for its own node waits for what another plan says of it, such as a pause.
            of_own = other.step == link.step and other.plan != link.plan and link.reason == "NODE_DOWN"
            of_same_plan = other.plan == link.plan and other.reason not in _OF_OTHERS and link.reason != "RUNNING"
            if other.step in names or (of_own and other.step in named) or (not names and of_same_plan):
                yield from _follow(other, steps, evaluations, depth + 1, seen)


def _offers(link: Link, evaluations: Sequence[Json], depth: int) -> Iterator[Link]:
    newest = {item["agent_id"]: item for item in evaluations if item["node"] == link.step}
    for item in newest.values():
        for reason in item["reasons"]:
            yield Link(depth, "offers", item["hostname"], item["outcome"], reason["code"], reason["message"])
