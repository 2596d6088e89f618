"""The one thread that decides: fold, decide, store, send, acknowledge, publish.

Nothing is sent that is not stored, nothing acknowledged that is not stored. When a step fails, the cycle ends there and
the next one begins with what is known then.
"""

from __future__ import annotations

import logging
import queue
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, replace
from typing import Protocol

from executor.protocol import (
    NodeStatus,
    ProtocolError,
    StatusQuery,
    StatusReply,
    encode_message,
    parse_message,
)
from scheduler.core import codec
from scheduler.core.commands import Refusal
from scheduler.core.decide import decide
from scheduler.core.decision import Accept, Ask, Decision, Decline, Kill, Reconcile
from scheduler.core.events import Event as CoreEvent
from scheduler.core.events import Registered
from scheduler.core.lifecycle import is_running
from scheduler.core.offers import Offer, parse_offer
from scheduler.core.operate import apply_command
from scheduler.core.plan import Plan, Status
from scheduler.core.plans import build_plans
from scheduler.core.state import ClusterState
from scheduler.core.status import fold_updates
from scheduler.errors import Exit, FatalError, NotConnectedError, StaleWriteError, StoreUnavailableError
from scheduler.events import (
    Asked,
    Event,
    Fatal,
    Json,
    Lost,
    Message,
    Offers,
    OperationStatus,
    Rescinded,
    StatusAsked,
    Update,
    Wake,
)
from scheduler.snapshot import Snapshot, Unavailable
from scheduler.store import Store

logger = logging.getLogger(__name__)

WORKING_SECONDS = 0.5
IDLE_SECONDS = 2.0
KEPT_EVALUATIONS = 500
KEPT_OFFERS = 5000


class Sender(Protocol):
    """What the loop needs of the driver; every call raises NotConnectedError when it did not surely arrive."""

    @property
    def connected(self) -> bool:
        """Whether there is a subscription."""

    def accept(self, accept: Accept) -> None: ...
    def decline(self, declines: Iterable[Decline]) -> None: ...
    def kill(self, kill: Kill) -> None: ...
    def reconcile(self, reconcile: Reconcile) -> None: ...
    def message(self, ask: Ask, data: str) -> None: ...
    def suppress(self) -> None: ...
    def revive(self) -> None: ...
    def acknowledge(self, acknowledgement: Json) -> None: ...
    def acknowledge_operation(self, acknowledgement: Json) -> None: ...


@dataclass(frozen=True)
class Sources:
    """Where the loop gets the time, in seconds since the epoch, and unused ids."""

    now: Callable[[], float]
    new_id: Callable[[], str]


class Loop:
    """The scheduler's loop. `put` may be called by any thread; everything else belongs to the loop's thread.

    `publish` is called with every new snapshot.
    """

    def __init__(
        self,
        store: Store,
        sender: Sender,
        state: ClusterState,
        sources: Sources,
        publish: Callable[[Snapshot], object],
    ) -> None:
        self._store = store
        self._sender = sender
        self._state = state
        self._stored = state
        self._sources = sources
        self._publish = publish
        self._queue: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._stopping = False
        self._offers: dict[str, Offer] = {}
        self._unacknowledged: list[Callable[[], None]] = []
        self._waiting: dict[str, Future[NodeStatus]] = {}
        self._evaluations: deque[Json] = deque(maxlen=KEPT_EVALUATIONS)
        self._plans: Mapping[str, Plan] = {}
        self._counters: dict[str, float] = {}
        self._store_was_unavailable = False
        self._last: Snapshot | None = None

    def put(self, event: Event) -> None:
        """Hand an event to the loop and wake it."""
        self._queue.put(event)

    def stop(self) -> None:
        """Let the loop end after its present cycle."""
        self._stopping = True
        self.put(Wake())

    def run(self) -> None:
        """Cycle until stopped. Raises FatalError when the process has to end."""
        while not self._stopping:
            self.cycle(self._next_events())

    def cycle(self, events: Iterable[Event]) -> None:
        """One cycle over these events."""
        began = self._sources.now()
        self._count("cycles_total")
        commands = self._take(events, began)
        state, answers = self._apply(commands, began)
        decision, after = decide(state, self._offers.values(), began, self._sources.new_id)
        try:
            self._commit(after)
        except StoreUnavailableError as error:
            self._fail_store(error, answers)
            return
        self._store_was_unavailable = False
        self._state = self._stored = after
        self._answer(answers)
        self._send(decision)
        self._acknowledge()
        self._show(decision, began)

    def _next_events(self) -> list[Event]:
        busy = any(plan.status is not Status.COMPLETE for plan in self._plans.values()) or not self._plans
        events: list[Event] = []
        try:
            events.append(self._queue.get(timeout=WORKING_SECONDS if busy else IDLE_SECONDS))
            while True:
                events.append(self._queue.get_nowait())
        except queue.Empty:
            return events

    # 1. fold

    def _take(self, events: Iterable[Event], now: float) -> list[Asked]:
        folded: list[CoreEvent] = []
        commands: list[Asked] = []
        for event in events:
            match event:
                case Fatal(error=error):
                    raise error
                case Offers(offers=offers):
                    self._take_offers(offers)
                case Rescinded(offer_id=offer_id):
                    self._offers.pop(offer_id, None)
                case Update(event=update, acknowledgement=acknowledgement):
                    folded.append(update)
                    self._acknowledge_later(self._sender.acknowledge, acknowledgement)
                case OperationStatus():
                    folded += self._take_operation(event)
                case Message(data=data):
                    folded += self._take_message(data)
                case Lost(words=words):
                    logger.info("%s", words)
                case Asked():
                    commands.append(event)
                case StatusAsked():
                    self._ask_live(event)
                case Wake():
                    pass
                case _:
                    folded.append(event)
                    self._forget_connection(event)
        if folded:
            self._count("events_total", len(folded))
            self._state = fold_updates(self._state, folded, now)
        return commands

    def _take_offers(self, offers: Iterable[Json]) -> None:
        spec = self._state.target.spec
        for document in offers:
            try:
                offer = parse_offer(document, spec.role, spec.principal)
            except (KeyError, TypeError, ValueError) as error:
                logger.error("an offer cannot be understood (%r): %.500s", error, document)
                continue
            self._count("offers_total")
            if len(self._offers) < KEPT_OFFERS:
                self._offers[offer.ids[0]] = offer

    def _take_operation(self, event: OperationStatus) -> list[CoreEvent]:
        logger.info("%s", event.words)
        self._acknowledge_later(self._sender.acknowledge_operation, event.acknowledgement)
        return [] if event.event is None else [event.event]

    def _take_message(self, data: str) -> list[CoreEvent]:
        try:
            message = parse_message(data)
        except ProtocolError as error:
            logger.warning("a message of an executor cannot be understood: %s", error)
            return []
        if not isinstance(message, StatusReply):
            return []
        waiting = self._waiting.pop(message.id, None)
        if waiting is not None and not waiting.cancelled():
            waiting.set_result(message.status)
        return [message]

    def _forget_connection(self, event: CoreEvent) -> None:
        """Offers and acknowledgements belong to the subscription that brought them."""
        self._offers.clear()
        self._unacknowledged.clear()
        if isinstance(event, Registered):
            logger.info("subscribed to Mesos as framework %s", event.framework_id)
        else:
            logger.warning("the connection to Mesos is gone; nodes run on, nothing is decided until it is back")

    def _acknowledge_later(self, send: Callable[[Json], None], acknowledgement: Json | None) -> None:
        if acknowledgement is not None:
            self._unacknowledged.append(lambda: send(acknowledgement))

    def _ask_live(self, event: StatusAsked) -> None:
        node = self._state.nodes.get(event.node)
        if node is None or node.task is None or node.agent is None or not is_running(node):
            event.answer.set_exception(Unavailable(f"{event.node} does not run"))
            return
        self._waiting = {name: future for name, future in self._waiting.items() if not future.cancelled()}
        self._waiting[event.id] = event.answer
        ask = Ask(node.name, node.task.executor_id, node.agent.id, node.task.id)
        try:
            self._sender.message(ask, encode_message(StatusQuery(event.id)))
        except NotConnectedError as error:
            del self._waiting[event.id]
            event.answer.set_exception(Unavailable(str(error)))

    def _apply(self, commands: Iterable[Asked], now: float) -> tuple[ClusterState, list[tuple[Asked, Refusal | None]]]:
        state = self._state
        answers: list[tuple[Asked, Refusal | None]] = []
        for asked in commands:
            outcome = apply_command(state, asked.command, now)
            if isinstance(outcome, Refusal):
                answers.append((asked, outcome))
                continue
            state, _ = outcome
            answers.append((asked, None))
        return state, answers

    # 3. store

    def _commit(self, after: ClusterState) -> None:
        writes = {codec.path_of(record): codec.encode_record(record) for record in codec.changes(self._stored, after)}
        if after.framework_id != self._stored.framework_id and after.framework_id is not None:
            writes[codec.FRAMEWORK_ID] = codec.encode_record(codec.FrameworkId(after.framework_id))
        try:
            self._store.commit(writes)
        except StaleWriteError as error:
            raise FatalError(
                Exit.STALE,
                f"{error}: another scheduler, or a person, writes to this state; nothing more is decided here",
            ) from error
        self._count("records_written_total", len(writes))

    def _fail_store(self, error: StoreUnavailableError, answers: Iterable[tuple[Asked, Refusal | None]]) -> None:
        if not self._store_was_unavailable:
            logger.warning("nothing is decided until the state can be stored again: %s", error)
        self._store_was_unavailable = True
        self._count("store_failures_total")
        if self._last is not None:
            # The state is as old as it says; whether Mesos has us subscribed is known all the same.
            self._last = replace(self._last, connected=self._sender.connected)
            self._publish(self._last)
        for asked, _ in answers:
            asked.answer.set_exception(Unavailable(f"the command was not stored: {error}"))

    def _answer(self, answers: Iterable[tuple[Asked, Refusal | None]]) -> None:
        for asked, refusal in answers:
            outcome = "done" if refusal is None else f"refused: {refusal.message}"
            logger.info("%s asked for %s: %s", asked.principal, asked.command, outcome)
            if not asked.answer.cancelled():
                asked.answer.set_result(refusal)

    # 4. send

    def _send(self, decision: Decision) -> None:
        used = {offer_id for accept in decision.accepts for offer_id in accept.offer_ids}
        used |= {decline.offer_id for decline in decision.declines}
        self._offers = {name: offer for name, offer in self._offers.items() if not used & set(offer.ids)}
        try:
            self._send_all(decision)
        except NotConnectedError as error:
            # What was not sent is not lost: records say what was meant, and reconciliation tells what came of it.
            logger.warning("%s", error)

    def _send_all(self, decision: Decision) -> None:
        for accept in decision.accepts:
            task = self._state.nodes[accept.node].task
            agent = self._state.nodes[accept.node].agent
            logger.info(
                "launching %s as %s on %s", accept.node, task.id if task else "?", agent.hostname if agent else "?"
            )
            self._sender.accept(accept)
            self._count("launches_total")
        for kill in decision.kills:
            logger.info("killing task %s: %s", kill.task_id, kill.reason)
            self._sender.kill(kill)
            self._count("kills_total")
        if decision.reconcile is not None:
            logger.debug("reconciling %d tasks", len(decision.reconcile.tasks))
            self._sender.reconcile(decision.reconcile)
        if decision.declines:
            for decline in decision.declines:
                logger.debug("declining offer %s for %g s: %s", decline.offer_id, decline.seconds, decline.reason)
            self._sender.decline(decision.declines)
            self._count("declines_total", len(decision.declines))
        self._send_calls(decision)

    def _send_calls(self, decision: Decision) -> None:
        if decision.suppress:
            logger.info("nothing to do: offers are suppressed")
            self._sender.suppress()
        if decision.revive:
            logger.info("work to do: offers are revived")
            self._sender.revive()
            self._count("revives_total")
        for ask in decision.asks:
            self._sender.message(ask, encode_message(StatusQuery("")))

    # 5. acknowledge

    def _acknowledge(self) -> None:
        pending, self._unacknowledged = self._unacknowledged, []
        for index, send in enumerate(pending):
            try:
                send()
            except NotConnectedError as error:
                logger.warning("%d updates stay unacknowledged and come again: %s", len(pending) - index, error)
                return

    # 6. publish

    def _show(self, decision: Decision, began: float) -> None:
        self._evaluations.extend(decision.evaluations)
        plans = build_plans(self._state, began)
        self._log_changes(plans)
        self._plans = plans
        self._counters["cycle_seconds_sum"] = self._counters.get("cycle_seconds_sum", 0.0) + (
            self._sources.now() - began
        )
        self._last = Snapshot(
            state=self._state,
            plans=plans,
            at=began,
            connected=self._sender.connected,
            evaluations=tuple(self._evaluations),
            counters=dict(self._counters),
        )
        self._publish(self._last)

    def _log_changes(self, plans: Mapping[str, Plan]) -> None:
        before = _steps(self._plans)
        for key, (status, message) in _steps(plans).items():
            if key not in before or before[key][0] is not status:
                logger.info("plan %s, step %s: %s: %s", *key, status, message)

    def _count(self, name: str, by: float = 1.0) -> None:
        self._counters[name] = self._counters.get(name, 0.0) + by


def _steps(plans: Mapping[str, Plan]) -> dict[tuple[str, str], tuple[Status, str]]:
    return {
        (plan.name, step.name): (step.status, step.message)
        for plan in plans.values()
        for phase in plan.phases
        for step in phase.steps
    }
