"""Authentication and authorization of the nodes: the stage of each, the next one, and what must be true before it.

A stage is `off`, `transitional` or `on`. Every member becomes transitional before the first one is on, so clients go on
in between. The way back is direct, since clients with credentials can use a node that asks for none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from executor.sentences import list_first
from scheduler.core.configuration.client_certificates import authenticator
from scheduler.core.state.cluster import ClusterState
from scheduler.core.state.lifecycle import by_index, is_up
from scheduler.core.state.node import NodeRecord
from scheduler.core.state.operation_kinds import AUTHENTICATION
from scheduler.core.state.reason import Code, Reason
from scheduler.core.state.spec import ClusterSpec

OFF, TRANSITIONAL, ON = "off", "transitional", "on"
# The keys of cassandra.yaml, and their classes by stage.
# Characters of a client in a sentence, of which the last ones name its node.
_LONGEST_CLIENT, _END_OF_CLIENT = 200, 40
_CLASSES = {
    "authentication": (
        "authenticator",
        {TRANSITIONAL: "mesos.cassandra.TransitionalAuthenticator", ON: "PasswordAuthenticator"},
    ),
    "authorization": (
        "authorizer",
        {TRANSITIONAL: "mesos.cassandra.TransitionalAuthorizer", ON: "CassandraAuthorizer"},
    ),
}


@dataclass(frozen=True)
class Stage:
    """The stages of one node's authentication and authorization."""

    authentication: str = OFF
    authorization: str = OFF

    def options(self, spec: ClusterSpec) -> dict[str, Any]:
        """Return the keys of cassandra.yaml for this stage; none for what the scheduler does not manage."""
        found: dict[str, Any] = {}
        for name, (key, classes) in _CLASSES.items():
            stage = getattr(self, name)
            if stage in classes:
                found[key] = classes[stage]
        if self.authentication == ON and (by_certificate := authenticator(spec)) is not None:
            found["authenticator"] = by_certificate
        return found


@dataclass(frozen=True)
class Stages:
    """The stages of all members, by name, and the stage that the target wants."""

    wanted: Stage
    members: Mapping[str, Stage]

    def next_of(self, name: str) -> Stage:
        """Return the next stage of a node, which is its own if it stays as it is."""
        own = self.members.get(name)
        found = {}
        for part in _CLASSES:
            present = None if own is None else getattr(own, part)
            found[part] = _next(present, getattr(self.wanted, part), self._present[part])
        return Stage(**found)

    @cached_property
    def _present(self) -> Mapping[str, frozenset[str]]:
        """The present stages by part: every member's next one depends on those of all."""
        return {part: frozenset(getattr(stage, part) for stage in self.members.values()) for part in _CLASSES}


def stages(state: ClusterState) -> Stages:
    """Return the stages of all members."""
    members = {node.name: present_stage(state, node) for node in state.nodes.values() if node.deployed is not None}
    return Stages(wanted_stage(state.target.spec), members)


def present_stage(state: ClusterState, node: NodeRecord) -> Stage:
    """Return the stage of a member's newest launch; the operator's own classes count as `on`."""
    if node.task is None:
        return Stage()
    wanted = wanted_stage(state.target.spec)
    spec = state.configurations.get(node.task.configuration, state.target).spec
    found = {}
    for part, (key, classes) in _CLASSES.items():
        stage = getattr(node.task, part)
        name = str(spec.cassandra.options.get(key) or "").rpartition(".")[2]
        own = stage == OFF and getattr(wanted, part) == ON and name == classes[ON]
        found[part] = ON if own else stage
    return Stage(**found)


def wanted_stage(spec: ClusterSpec) -> Stage:
    """Return the stage that the settings want."""
    return Stage(spec.cassandra.authentication, spec.cassandra.authorization)


def is_managed(state: ClusterState) -> bool:
    """Return whether the target wants authentication, or a node still has it from the scheduler."""
    wanted = wanted_stage(state.target.spec)
    if wanted != Stage():
        return True
    return any(node.task is not None and node.task.authentication != OFF for node in state.nodes.values())


def stage_differences(found: Stages, name: str) -> tuple[tuple[str, Any, Any], ...]:
    """Return the differences between a member's stage and its next one, as (name, old, new)."""
    old, new = found.members[name], found.next_of(name)
    pairs = ((part, getattr(old, part), getattr(new, part)) for part in _CLASSES)
    return tuple(item for item in pairs if item[1] != item[2])


def superusers_block(state: ClusterState, found: Stages, name: str) -> Reason | None:
    """Return that the superusers must be made before this member goes to its next stage; None if it may go there.

    No operator can complete this by force, since no login would be valid.
    """
    if not _enforces(found, name) or superusers_made(state):
        return None
    return Reason(Code.LOGINS, f"waits for the plan {AUTHENTICATION} to make the superusers of the service")


def clients_block(state: ClusterState, found: Stages, name: str) -> Reason | None:
    """Return the clients that hold a member back from its next stage, if there are any."""
    return _clients_block(state, found, _enforces(found, name)) if rises(found, name) else None


def rises(found: Stages, name: str) -> bool:
    """Return whether a member's next stage asks clients for more than its present one."""
    old, new = found.members.get(name), found.next_of(name)
    return old is not None and any(getattr(new, part) not in (OFF, getattr(old, part)) for part in _CLASSES)


def _enforces(found: Stages, name: str) -> bool:
    """Return whether a member's next stage refuses clients that its present one lets in."""
    old, new = found.members.get(name), found.next_of(name)
    return old is not None and any(getattr(new, part) == ON != getattr(old, part) for part in _CLASSES)


def superusers_made(state: ClusterState) -> bool:
    """Return whether the service can log in, and Cassandra's default superuser cannot."""
    return state.logins is not None and state.logins.made


def join_block(state: ClusterState) -> Reason | None:
    """Return why no node joins before the superusers are made; None if it may."""
    if state.target.spec.cassandra.authentication != ON or superusers_made(state):
        return None
    if all(node.deployed is None for node in state.nodes.values()):
        return None
    if any(stage.authentication == OFF for stage in stages(state).members.values()):
        return None
    return Reason(Code.LOGINS, f"waits for the plan {AUTHENTICATION} to make the superusers of the service")


def _clients_block(state: ClusterState, found: Stages, enforces: bool) -> Reason | None:
    """Return the clients that could not log in to a transitional member, if there are any."""
    silent: list[str] = []
    refused: list[str] = []
    for node in by_index(state.nodes.values()):
        stage = found.members.get(node.name, Stage())
        if TRANSITIONAL not in (stage.authentication, stage.authorization) or not is_up(node):
            continue
        sighting = state.sighting_of(node)
        if sighting is None or sighting.status.refused_clients is None:
            return Reason(Code.LOGINS, f"waits for {node.name} to report the clients that cannot log in")
        silent += [f"{client} at {node.name}" for client in sighting.status.silent_clients or ()]
        refused += [f"{client} at {node.name}" for client in sighting.status.refused_clients]
    if silent:
        text = (
            f"waits for clients without credentials: {list_clients(silent)}; give them a user and a password, or "
            "complete this step by force"
        )
        return Reason(Code.REFUSED_CLIENTS, text)
    if refused and enforces:
        text = (
            f"waits for clients that would be refused: {list_clients(refused)}; create their roles, correct them, or "
            "complete this step by force"
        )
        return Reason(Code.REFUSED_CLIENTS, text)
    return None


def list_clients(clients: Iterable[str]) -> str:
    """Return clients for a sentence, each once, and how many more there are."""
    return list_first(dict.fromkeys(map(_shown, clients)))


def _shown(client: str) -> str:
    """Return a client in one short line: it has chosen the name that it gives itself."""
    line = " ".join(client.split())
    return line if len(line) <= _LONGEST_CLIENT else f"{line[:_LONGEST_CLIENT]}…{line[-_END_OF_CLIENT:]}"


def _next(present: str | None, wanted: str, others: frozenset[str]) -> str:
    if wanted == OFF or present == ON:
        return wanted
    if present is None:
        # A node that joins is as far as the members; the first one has no clients yet.
        return ON if others <= {ON} else TRANSITIONAL
    return ON if present == TRANSITIONAL and OFF not in others else TRANSITIONAL
