"""The loop: fold, decide, store, send, acknowledge, publish, on the one thread that decides.

Nothing is sent or acknowledged before it is stored. If storing fails, the cycle ends there, and the next one begins
with the newest state.
"""

from __future__ import annotations

import logging
import queue
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from executor.certificate_messages import CertificateQuery
from executor.protocol import (
    Answer,
    JobReport,
    ProtocolError,
    SecretQuery,
    StatusReply,
    parse_message,
)
from executor.untrusted import MISREAD
from scheduler.core.commands.command import Refusal
from scheduler.core.cycle.decision import Decision
from scheduler.core.mesos.offer import Offer, parse_offer
from scheduler.core.mesos.updates import Event as CoreEvent
from scheduler.core.mesos.updates import ExecutorWords, Registered, TaskUpdate
from scheduler.core.plans.plan import Plan, Status
from scheduler.core.state.cluster import ClusterState
from scheduler.core.state.operation import SCHEDULER, is_live
from scheduler.errors import Exit, FatalError, StaleWriteError, StoreUnavailableError
from scheduler.loop.certificates import Certificates
from scheduler.loop.clock import ClockWatch
from scheduler.loop.credentials import Credentials
from scheduler.loop.curves import Curves
from scheduler.loop.dispatch import Dispatch, Sender
from scheduler.loop.evaluation import Breaker, Evaluated, Inputs, evaluate, fold
from scheduler.loop.last_words import sandbox_of
from scheduler.loop.logins import due_rotation, with_logins
from scheduler.loop.messages import (
    Asked,
    Event,
    Fatal,
    Json,
    Lost,
    Message,
    Noted,
    Offers,
    OperationStatus,
    QuestionAsked,
    Rescinded,
    StatusAsked,
    Update,
    Wake,
)
from scheduler.loop.missing_keys import MissingKeysWatch
from scheduler.loop.questions import Questions, fulfil, refuse
from scheduler.loop.sandbox import Sandbox
from scheduler.loop.senders import is_foreign
from scheduler.loop.snapshot import Snapshot
from scheduler.loop.step_log import StepLog
from scheduler.loop.step_times import StepTimes
from scheduler.security.secrets import Secrets
from scheduler.storage.port import Store
from scheduler.storage.saver import Saver

logger = logging.getLogger(__name__)

WORKING_SECONDS = 0.5
IDLE_SECONDS = 2.0
KEPT_EVALUATIONS = 500
_NO_SECRETS = Secrets()


@dataclass(frozen=True)
class Sources:
    """The clock, in seconds since the epoch, the source of unused ids, and a clock that never jumps."""

    now: Callable[[], float]
    new_id: Callable[[], str]
    uptime: Callable[[], float] | None = None

    def running(self) -> float:
        """Return seconds of which only differences mean anything, by the clock that never jumps if there is one."""
        return (self.uptime or self.now)()


class Loop:
    """The scheduler's loop. Any thread can call `put`; everything else belongs to the loop's thread.

    `publish` is called with every new snapshot. `read_words` reads a sandbox on its own thread. `observe` is called
    with the duration of each stored cycle, in seconds.
    """

    def __init__(
        self,
        store: Store,
        sender: Sender,
        state: ClusterState,
        sources: Sources,
        publish: Callable[[Snapshot], object],
        secrets: Secrets = _NO_SECRETS,
        read_words: Callable[[Sandbox], object] | None = None,
        observe: Callable[[float], object] = lambda _: None,
    ) -> None:
        self._saver = Saver(store, state)
        self._sender = sender
        self._dispatch = Dispatch(sender, self._count)
        self._questions = Questions(sender, secrets.sealer)
        self._read_words = read_words
        self._observe = observe
        self._credentials = Credentials(sender, secrets)
        self._sealer = secrets.sealer
        self._certificates = Certificates(sender, secrets.issuer, self.put)
        self._missing_keys = MissingKeysWatch(secrets.issuer, secrets.sealer)
        self._state = state
        self._sources = sources
        self._clock = ClockWatch(sources.uptime)
        self._publish = publish
        self._queue: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._stopping = self._store_was_unavailable = False
        self._noted: list[Noted] = []
        self._offers: dict[str, Offer] = {}
        self._evaluations: deque[Json] = deque(maxlen=KEPT_EVALUATIONS)
        self._plans: Mapping[str, Plan] = {}
        self._step_log = StepLog()
        self._step_times = StepTimes()
        self._curves = Curves()
        self._counters: dict[str, float] = {}
        self._last: Snapshot | None = None
        self._breaker = Breaker()

    def put(self, event: Event) -> None:
        """Hand an event to the loop and wake it."""
        self._queue.put(event)

    def stop(self) -> None:
        """End the loop after its present cycle."""
        self._stopping = True
        self.put(Wake())

    @property
    def state(self) -> ClusterState:
        """The state after the last cycle; for other threads once the loop has ended."""
        return self._state

    def run(self) -> bool:
        """Cycle until stopped or until the uninstall has torn the framework down; return whether it has.

        Raises:
            FatalError: The process must end.
        """
        while not (self._stopping or self._dispatch.torn_down):
            self.cycle(self._next_events())
        return self._dispatch.torn_down

    def cycle(self, events: Iterable[Event]) -> None:
        """Run one cycle over these events."""
        began, measured = self._sources.now(), self._sources.running()
        self._count("cycles_total")
        self._state = self._clock.follow(self._state, began)
        commands = self._take(events, began)
        self._state = with_logins(self._state, self._sealer)
        self._state = self._certificates.with_authority(self._state, began)
        self._state = self._missing_keys.follow(self._state, began)
        due = (
            due_rotation(self._state, self._sealer, began, self._sources.new_id),
            self._certificates.due_rotation(self._state, began),
        )
        commands += [Asked(command, SCHEDULER) for command in due if command is not None]
        noted = tuple(self._noted)
        inputs = Inputs(self._saver.stored, tuple(self._offers.values()), began, self._sources.new_id, noted)
        found = evaluate(self._state, commands, inputs, self._breaker)
        if self._breaker.problem:
            self._count("decision_failures_total")
        try:
            self._save(found.after)
        except StoreUnavailableError as error:
            self._fail_store(error, found.answers)
            return
        self._store_was_unavailable = False
        self._noted.clear()
        self._state = found.after
        self._drop_used_offers(found.decision)
        self._dispatch.carry_out(found.decision, found.after)
        self._dispatch.acknowledge()
        self._show(found, began, measured)
        # Last, so that a client that has its answer reads a snapshot with the command's effect.
        self._answer(found.answers)

    def _next_events(self) -> list[Event]:
        ended = {kind for kind, operation in self._state.operations.items() if not is_live(operation)}
        open_plans = (plan for plan in self._plans.values() if plan.name not in ended)
        busy = any(plan.status is not Status.COMPLETE for plan in open_plans) or not self._plans
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
            try:
                folded += self._take_one(event, commands)
            except FatalError:
                raise
            except Exception:
                self._count("events_ignored_total")
                logger.exception("event ignored: it cannot be handled: %.500r", event)
        if folded:
            self._count("events_total", len(folded))
            self._state, ignored = fold(self._state, folded, now)
            if ignored:
                self._count("events_ignored_total", ignored)
        return commands

    def _take_one(self, event: Event, commands: list[Asked]) -> list[CoreEvent]:
        """Handle an event; return the events to fold. Commands are added to the list."""
        match event:
            case Fatal(error=error):
                self._end_with(error)
            case Offers(offers=offers):
                self._take_offers(offers)
            case Rescinded(offer_id=offer_id):
                self._offers.pop(offer_id, None)
            case Update(event=update, acknowledgement=acknowledgement):
                # First: Mesos would send an update that cannot be parsed again and again.
                self._dispatch.acknowledge_later(acknowledgement)
                if isinstance(update, TaskUpdate):
                    self._look_for_words(update)
                return [] if update is None else [update]
            case OperationStatus():
                return self._take_operation(event)
            case Message():
                return self._take_message(event)
            case Lost(words=words, event=ended):
                logger.info("%s", words)
                return [] if ended is None else [ended]
            case Asked(answer=answer):
                if answer.set_running_or_notify_cancel():  # else the caller got the answer that it was dropped
                    commands.append(event)
            case StatusAsked() | QuestionAsked():
                self._questions.ask(event, self._state)
            case ExecutorWords():
                return [event]
            case Noted():
                self._noted.append(event)
            case Wake():
                pass
            case _:
                self._forget_connection(event)
                return [event]
        return []

    def _look_for_words(self, update: TaskUpdate) -> None:
        """Queue the sandbox of an executor that ended without a report."""
        sandbox = sandbox_of(self._state, update) if self._read_words is not None else None
        if sandbox is not None and self._read_words is not None:
            self._read_words(sandbox)

    def _end_with(self, error: FatalError) -> None:
        """Raise the error, except for a framework that Mesos removed at the end of an uninstall, as intended."""
        record = self._state.uninstall
        if error.code is not Exit.REMOVED or record is None or not record.released:
            raise error
        self._dispatch.torn_down = True

    def _take_offers(self, offers: Iterable[Json]) -> None:
        spec = self._state.target.spec
        for document in offers:
            try:
                offer = parse_offer(document, spec.role, spec.principal)
            except MISREAD as error:
                logger.error("offer declined: it cannot be parsed (%r): %.500r", error, document)
                self._dispatch.decline_later(document)
                continue
            self._count("offers_total")
            self._offers[offer.ids[0]] = offer

    def _take_operation(self, event: OperationStatus) -> list[CoreEvent]:
        logger.info("%s", event.words)
        self._dispatch.acknowledge_operation_later(event.acknowledgement)
        return [] if event.event is None else [event.event]

    def _take_message(self, sent: Message) -> list[CoreEvent]:
        try:
            message = parse_message(sent.data)
        except ProtocolError as error:
            logger.warning("message of an executor ignored: it cannot be parsed: %s", error)
            return []
        if is_foreign(sent, message, self._state):
            logger.error(
                "message of executor %s on agent %s ignored: it is about another's task",
                sent.executor_id,
                sent.agent_id,
            )
            return []
        match message:
            case StatusReply():
                self._questions.answer(message)
                return [message]
            case JobReport():
                return [message]
            case Answer():
                self._questions.answer(message)
                return [message]
            case SecretQuery():
                self._credentials.answer(message, self._state)
            case CertificateQuery():
                # An authority that is not stored would be another one after a crash.
                known = replace(self._state, authority=self._saver.stored.authority)
                self._certificates.answer(message, sent, known, self._sources.now())
        return []

    def _forget_connection(self, event: CoreEvent) -> None:
        """Drop offers and acknowledgements: they belong to the subscription that brought them."""
        self._offers.clear()
        self._dispatch.forget()
        if isinstance(event, Registered):
            logger.info("subscribed to Mesos as framework %s", event.framework_id)
        else:
            logger.warning(
                "connection to Mesos lost: nodes keep running, and the scheduler decides nothing until it is back"
            )

    # 3. store

    def _save(self, after: ClusterState) -> None:
        try:
            self._count("records_written_total", self._saver.save(after))
        except StaleWriteError as error:
            raise FatalError(
                Exit.STALE,
                f"{error}: another scheduler or a person writes to this state; stop the other writer",
            ) from error

    def _fail_store(self, error: StoreUnavailableError, answers: Iterable[tuple[Asked, Refusal | None]]) -> None:
        if not self._store_was_unavailable:
            logger.warning("state not stored: %s; the scheduler decides nothing until it can store", error)
        self._store_was_unavailable = True
        self._count("store_failures_total")
        if self._last is not None:
            # The state stays old, but the loop lives, and the connection to Mesos is known.
            self._last = replace(self._last, connected=self._sender.connected)
            self._publish(self._last)
        for asked, _ in answers:
            refuse(asked.answer, f"the command was not stored: {error}")

    def _answer(self, answers: Iterable[tuple[Asked, Refusal | None]]) -> None:
        for asked, refusal in answers:
            outcome = "done" if refusal is None else f"refused: {refusal.message}"
            logger.info("command of %s: %s: %s", asked.principal, asked.words(), outcome)
            fulfil(asked.answer, refusal)

    # 4. send

    def _drop_used_offers(self, decision: Decision) -> None:
        used = {offer_id for accept in decision.accepts for offer_id in accept.offer_ids}
        used |= {decline.offer_id for decline in decision.declines}
        self._offers = {name: offer for name, offer in self._offers.items() if not used & set(offer.ids)}

    # 6. publish

    def _show(self, found: Evaluated, began: float, measured: float) -> None:
        self._evaluations.extend(found.decision.evaluations)
        if found.plans is not None:
            self._step_log.follow(found.plans)
            self._plans = found.plans
        self._observe(self._sources.running() - measured)
        self._last = Snapshot(
            state=self._state,
            plans=self._plans,
            problem=self._breaker.problem,
            at=began,
            connected=self._sender.connected,
            evaluations=tuple(self._evaluations),
            counters=dict(self._counters),
            waiting=self._queue.qsize(),
            since=self._step_times.follow(self._plans.values(), began),
            curves=self._curves.follow(self._state, began),
        )
        self._publish(self._last)

    def _count(self, name: str, by: float = 1.0) -> None:
        self._counters[name] = self._counters.get(name, 0.0) + by
