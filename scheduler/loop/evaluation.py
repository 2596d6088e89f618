"""One evaluation of a cycle, and what the loop does when it fails.

Nothing that an executor, an operator or a stored record holds may end the process. An evaluation that raises changes
nothing. The command that caused it is refused, and the update that caused it is dropped. If neither did, the loop goes
on without decisions: the API stays up, and the operator can take the setting back.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from scheduler.core.commands.apply import apply_command
from scheduler.core.commands.command import Refusal, RefusalKind
from scheduler.core.cycle.decision import Decision
from scheduler.core.decide import decide
from scheduler.core.events.commands import Outcome
from scheduler.core.events.log import add_entries, journal
from scheduler.core.fold import fold_updates
from scheduler.core.mesos.offer import Offer
from scheduler.core.mesos.updates import Event as CoreEvent
from scheduler.core.plans.build import build_plans
from scheduler.core.plans.plan import Plan
from scheduler.core.state import codec
from scheduler.core.state.cluster import ClusterState
from scheduler.core.state.event import Entry
from scheduler.core.state.record_kinds import path_of
from scheduler.loop.messages import Asked, Noted
from scheduler.storage.port import RECORD_BYTES

logger = logging.getLogger(__name__)

# After this many failures within this many seconds the loop decides nothing until a command comes, or the time is over.
FAILURES, WINDOW_SECONDS = 3, 60.0

Answers = Sequence[tuple[Asked, Refusal | None]]


class TooLargeError(ValueError):
    """A record that ZooKeeper would not store."""


@dataclass(frozen=True)
class Evaluated:
    """The outcome of a cycle that is not stored yet. `plans` is None if they could not be built."""

    after: ClusterState
    answers: Answers
    decision: Decision = field(default_factory=Decision)
    plans: Mapping[str, Plan] | None = None


@dataclass(frozen=True)
class Inputs:
    """The inputs of a decision besides the state.

    `stored` is the state that is surely stored, `now` the time in seconds. `noted` are sentences of the API that
    are kept as events.
    """

    stored: ClusterState
    offers: Sequence[Offer]
    now: float
    new_id: Callable[[], str]
    noted: Sequence[Noted] = ()


class Breaker:
    """Counts failures of decisions, and switches decisions off after several in a short time."""

    def __init__(self) -> None:
        self._failures: deque[float] = deque(maxlen=FAILURES)
        self._error = ""

    def fail(self, now: float, error: Exception) -> None:
        """Note a failure. The first of a kind is logged with its traceback."""
        words = describe(error)
        if words != self._error:
            logger.error("decision failed, nothing is decided in this cycle: %s", words, exc_info=error)
        self._error = words
        self._failures.append(now)

    def succeed(self) -> None:
        """Note a decision."""
        if self._error:
            logger.info("decisions are on again")
        self._error = ""
        self._failures.clear()

    def is_open(self, now: float) -> bool:
        """Return whether decisions are off."""
        recent = [at for at in self._failures if now - WINDOW_SECONDS < at <= now]
        return len(recent) == FAILURES

    @property
    def problem(self) -> str:
        """A sentence for people while the last decision failed, else empty."""
        if not self._error:
            return ""
        return (
            f"The scheduler decides nothing, because its decision failed: {self._error}. "
            "Nodes keep running. Take back the last change of settings, or report this with the scheduler's log."
        )


def describe(error: Exception) -> str:
    """Return an exception in a few words, for example `ValueError: not a number`."""
    return f"{type(error).__name__}: {error}"[:500].encode("utf-8", "replace").decode()


def evaluate(state: ClusterState, commands: Sequence[Asked], inputs: Inputs, breaker: Breaker) -> Evaluated:
    """Apply the commands and decide. Refuse the commands with which nothing can be decided or stored."""
    if commands or not breaker.is_open(inputs.now):
        try:
            found = _decided(state, commands, inputs)
            breaker.succeed()
            return found
        except Exception as error:  # noqa: BLE001 the border of a decision: see the module's docstring
            failure = error
        rest = _without_culprits(state, commands, inputs) if commands else None
        if rest is not None:
            breaker.succeed()
            return rest
        breaker.fail(inputs.now, failure)
    return _undecided(state, commands, inputs)


def fold(state: ClusterState, events: Sequence[CoreEvent], now: float) -> tuple[ClusterState, int]:
    """Fold events; return the state and the number of events that had to be dropped."""
    try:
        return _folded(state, events, now), 0
    except Exception:
        logger.debug("an event cannot be folded", exc_info=True)
    dropped = 0
    for event in events:
        try:
            state = _folded(state, [event], now)
        except Exception as error:
            dropped += 1
            logger.exception("event ignored: it cannot be folded (%s): %.500r", describe(error), event)
    return state, dropped


def _folded(state: ClusterState, events: Iterable[CoreEvent], now: float) -> ClusterState:
    after = fold_updates(state, events, now)
    _check_storable(state, after)
    return after


def _check_storable(before: ClusterState, after: ClusterState) -> None:
    """Encode every record that a step changed; those before it have passed. Raises TooLargeError, or as encoding."""
    for record in codec.changes(before, after):
        size = len(codec.encode_record(record))
        if size > RECORD_BYTES:
            raise TooLargeError(f"{path_of(record)} would have {size} bytes, and {RECORD_BYTES} is the limit")


def _decided(state: ClusterState, commands: Sequence[Asked], inputs: Inputs) -> Evaluated:
    after, answers = _applied(state, commands, inputs.now)
    decision, decided = decide(after, inputs.offers, inputs.now, inputs.new_id)
    recorded = _with_noted(journal(inputs.stored, after, decided, decision, _accepted(answers), inputs.now), inputs)
    _check_storable(state, recorded)
    return Evaluated(recorded, answers, decision, build_plans(recorded, inputs.now))


def _applied(
    state: ClusterState, commands: Iterable[Asked], now: float
) -> tuple[ClusterState, list[tuple[Asked, Refusal | None]]]:
    answers: list[tuple[Asked, Refusal | None]] = []
    for asked in commands:
        outcome = apply_command(state, asked.command, now)
        if not isinstance(outcome, Refusal):
            state = outcome
        answers.append((asked, outcome if isinstance(outcome, Refusal) else None))
    return state, answers


def _without_culprits(state: ClusterState, commands: Sequence[Asked], inputs: Inputs) -> Evaluated | None:
    """Return the outcome without the commands that make the decision fail; None if it fails without any."""
    taken: list[Asked] = []
    refused: list[tuple[Asked, Refusal]] = []
    for asked in commands:
        try:
            _decided(state, [*taken, asked], inputs)
        except Exception as error:
            logger.exception("command refused: it cannot be evaluated or stored")
            words = f"This cannot be evaluated or stored, and nothing was changed: {describe(error)}"
            refused.append((asked, Refusal(RefusalKind.INVALID, words)))
        else:
            taken.append(asked)
    try:
        found = _decided(state, taken, inputs)
    except Exception:  # noqa: BLE001 the caller has the first failure
        return None
    return Evaluated(found.after, [*found.answers, *refused], found.decision, found.plans)


def _undecided(state: ClusterState, commands: Sequence[Asked], inputs: Inputs) -> Evaluated:
    """Apply commands without a decision: only they can mend what makes it fail."""
    answers: list[tuple[Asked, Refusal | None]] = []
    for asked in commands:
        try:
            after, found = _applied(state, [asked], inputs.now)
            _check_storable(state, after)
        except Exception as error:  # noqa: BLE001 as above
            answers.append((asked, Refusal(RefusalKind.INVALID, f"This cannot be evaluated: {describe(error)}")))
        else:
            state = after
            answers += found
    return Evaluated(_with_noted(state, inputs), answers)


def _with_noted(state: ClusterState, inputs: Inputs) -> ClusterState:
    return add_entries(state, [Entry(0, inputs.now, noted.kind, noted.sentence) for noted in inputs.noted])


def _accepted(answers: Answers) -> list[Outcome]:
    return [Outcome(asked.command, asked.principal, asked.reason) for asked, refusal in answers if refusal is None]
