"""The workspace of one cycle: the state that the concerns of `decide` read, and the calls that they decide on."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from scheduler.core.cycle.decision import Accept, Ask, Decision, Decline, Fit, Json, Kill, Reconcile, Try, Tuning
from scheduler.core.mesos.offer import Offer, by_agent
from scheduler.core.state.cluster import Asked, ClusterState, Need, NeedKind
from scheduler.core.state.lifecycle import UNSEEN, task_agent
from scheduler.core.state.node import NodeRecord
from scheduler.core.state.reason import Code, Reason
from scheduler.core.state.record_kinds import Record, collection_of, with_collections

# The most ids of released reservations that are kept.
RELEASED_LIMIT = 1000

KILL_AGAIN_SECONDS = 30.0


class Cycle:
    """One pass of `decide`. Concerns take offers out of `offers`; those that remain are declined."""

    def __init__(self, state: ClusterState, offers: Iterable[Offer], now: float, new_id: Callable[[], str]) -> None:
        self.now = now
        self.new_id = new_id
        self._state = state
        self._open: dict[str, dict[str, Any]] = {}  # by attribute: records that were changed since the state was read
        self._changed: dict[str, dict[str, Any]] = {}  # and before; no longer written to
        self.offers = by_agent(offers)
        self.heard_offers = bool(self.offers)
        self._offering = frozenset(self.offers)  # agents whose offers came, used or not
        self._hosts = frozenset(offer.agent.hostname for offer in self.offers.values())
        self._executors: dict[str, set[str]] = {}  # by agent id and by host name: all that its offers name
        for offer in self.offers.values():
            for where in (offer.agent.id, offer.agent.hostname):
                self._executors.setdefault(where, set()).update(offer.executor_ids)
        self.holders = {label: offer.agent.id for offer in self.offers.values() for label in offer.held}
        self.accepts: list[Accept] = []
        self.kills: list[Kill] = []
        self.asks: list[Ask] = []
        self.trials: list[Try] = []
        self.tunings: list[Tuning] = []
        self.certify: list[Ask] = []
        self.reconcile: Reconcile | None = None
        self.suppress = self.revive = self.teardown = False
        self.wanted: set[Need] = set()
        self.waits: dict[str, str] = {}
        self.verdicts: dict[str, tuple[Reason, float]] = {}  # by agent id
        self._evaluations: list[Json] = []

    @property
    def state(self) -> ClusterState:
        """Return the state with every record put so far; a later `put` does not change it."""
        if self._open:
            self._state = with_collections(self._state, self._open)
            self._changed |= self._open
            self._open = {}
        return self._state

    def put(self, record: Record) -> None:
        """Add a record, or replace the one with the same key."""
        self._records(record)[collection_of(record).key(record)] = record

    def remove(self, record: Record) -> None:
        """Remove the record with the same key, if there is one."""
        self._records(record).pop(collection_of(record).key(record), None)

    def _records(self, record: Record) -> dict[str, Any]:
        """Return the records of this one's kind to write to: a copy, since states that were read have the others."""
        kind = collection_of(record)
        if kind.attribute not in self._open:
            self._open[kind.attribute] = dict(kind.of(self._state))
        return self._open[kind.attribute]

    def replace_state(self, state: ClusterState) -> None:
        """Continue with a state that differs in other things than the records put or removed in this cycle."""
        current = self._changed | self._open
        self._state = with_collections(state, current)
        self._changed, self._open = current, {}

    def holder(self, resource_id: str) -> Offer | None:
        """Return the offer that shows this reservation, if no concern has used it."""
        return self.offers.get(self.holders.get(resource_id, ""))

    def has_offered(self, agent_id: str, hostname: str) -> bool:
        """Return whether an offer from this agent (by id or hostname) arrived in this cycle."""
        return agent_id in self._offering or hostname in self._hosts

    def executors_at(self, agent_id: str, hostname: str) -> set[str]:
        """Return this framework's executors on this agent, as offers name them: each can hold what is not offered."""
        return self._executors.get(agent_id, set()) | self._executors.get(hostname, set())

    def note_released(self, resource_id: str) -> None:
        """Keep the id of a reservation that is released whole, to recognize its remnants."""
        others = [name for name in self.state.released if name != resource_id]
        self.replace_state(replace(self.state, released=(*others, resource_id)[-RELEASED_LIMIT:]))

    def take(self, fit: Fit, offer: Offer) -> None:
        """Launch a node with an offer: put its record, and add the accept."""
        self.put(fit.record)
        self.accepts.append(fit.accept)
        self.offers.pop(offer.agent.id, None)
        self.wanted -= {Need(kind, fit.record.name) for kind in (NeedKind.NODE, NeedKind.PLACEMENT)}
        self.waits.pop(fit.record.name, None)

    def use(self, offer: Offer, accept: Accept) -> None:
        """Use an offer for another purpose than a node's launch."""
        self.accepts.append(accept)
        self.offers.pop(offer.agent.id, None)

    def judge(self, offer: Offer, reason: Reason, seconds: float) -> None:
        """Keep the reason to decline an offer for `seconds`; the judgement with the shortest time holds."""
        known = self.verdicts.get(offer.agent.id)
        if known is None or seconds < known[1]:
            self.verdicts[offer.agent.id] = (reason, seconds)

    def explain(self, node: NodeRecord, offer: Offer, reasons: tuple[Reason, ...], outcome: str) -> None:
        """Record for people how an offer was judged for a node; `outcome` is `launched`, `fits` or `refused`."""
        self._evaluations.append(
            {
                "node": node.name,
                "offers": list(offer.ids),
                "agent_id": offer.agent.id,
                "hostname": offer.agent.hostname,
                "outcome": outcome,
                "reasons": [{"code": reason.code.value, "message": reason.sentence} for reason in reasons],
                "at": self.now,
            }
        )

    def ask(self, node: NodeRecord) -> None:
        """Send a status query to the executor of a node that was launched."""
        task = node.known_task
        self.asks.append(Ask(node.name, task.executor_id, node.known_agent.id, task.id))

    def note_asked(self) -> dict[str, Asked]:
        """Return the last status query to each node, those of this cycle included."""
        asked = dict(self.state.memory.asked)
        for ask in self.asks:
            before = asked.get(ask.node)
            asked[ask.node] = Asked(self.now, 1 if before is None else before.unanswered + 1)
        return asked

    def result(self, declines: Iterable[Decline]) -> tuple[Decision, ClusterState]:
        """Return the decision, and the state that holds once its records are stored."""
        decision = Decision(
            accepts=tuple(self.accepts),
            declines=tuple(declines),
            kills=tuple(self.kills),
            asks=tuple(self.asks),
            trials=tuple(self.trials),
            tunings=tuple(self.tunings),
            certify=tuple(self.certify),
            reconcile=self.reconcile,
            suppress=self.suppress,
            revive=self.revive,
            teardown=self.teardown,
            evaluations=tuple(self._evaluations),
        )
        memory = replace(self.state.memory, waits=self.waits, asked=self.note_asked(), at=self.now)
        return decision, replace(self.state, memory=memory)


def no_work() -> Reason:
    """Return the reason to decline an offer that nothing needs."""
    return Reason(Code.NO_WORK, "nothing is to be launched")


def end_task(cycle: Cycle, node: NodeRecord, reason: str) -> None:
    """Kill a node's task, again every 30 s until it has ended; an unreachable one once Mesos reports it again."""
    task, agent = node.task, task_agent(node)
    if task is None or agent is None:
        return
    told = cycle.state.memory.told
    if cycle.now - told.get(task.id, float("-inf")) < KILL_AGAIN_SECONDS or task.state in UNSEEN:
        return
    grace = cycle.state.target.spec.executor.shutdown_grace_seconds
    cycle.kills.append(Kill(task.id, agent.id, grace, reason))
    memory = replace(cycle.state.memory, told={**told, task.id: cycle.now})
    cycle.replace_state(replace(cycle.state, memory=memory))
