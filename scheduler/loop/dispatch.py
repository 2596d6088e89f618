"""The calls of a decision, sent through the driver and logged with their reason."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from executor.certificate_messages import CertificateCall
from executor.protocol import JobTuning, Question, StatusQuery, encode_launch, encode_message
from scheduler.core.configuration.trial import question_id
from scheduler.core.cycle.decision import Accept, Ask, Decision, Decline, Kill, Purpose, Reconcile, Tuning
from scheduler.core.state.cluster import ClusterState
from scheduler.core.state.node import NodeRecord
from scheduler.core.state.operation import StepRecord
from scheduler.errors import NotConnectedError
from scheduler.loop.messages import Json
from scheduler.loop.snapshot import DECLINED

logger = logging.getLogger(__name__)

UNREADABLE, UNREADABLE_SECONDS = "the offer cannot be parsed", 600.0


class Sender(Protocol):
    """The part of the driver that the loop uses. Every call raises NotConnectedError unless it surely arrived."""

    @property
    def connected(self) -> bool:
        """Whether Mesos has the framework subscribed."""

    def accept(self, accept: Accept) -> None:
        """Accept offers with offer operations."""

    def decline(self, declines: Iterable[Decline]) -> None:
        """Decline offers."""

    def kill(self, kill: Kill) -> None:
        """Kill a task."""

    def reconcile(self, reconcile: Reconcile) -> None:
        """Have Mesos report the state of tasks."""

    def message(self, ask: Ask, data: str) -> None:
        """Send base64 `data` to an executor."""

    def suppress(self) -> None:
        """Stop offers."""

    def revive(self) -> None:
        """Request offers again."""

    def acknowledge(self, acknowledgement: Json) -> None:
        """Acknowledge a task's status update."""

    def acknowledge_operation(self, acknowledgement: Json) -> None:
        """Acknowledge an offer operation's status update."""

    def teardown(self) -> None:
        """End the framework and all of its tasks."""


class Dispatch:
    """Sends decisions and acknowledgements; `count` gets the name of a counter and its increment."""

    def __init__(self, sender: Sender, count: Callable[[str, float], None]) -> None:
        self._sender = sender
        self._count = count
        self._unacknowledged: list[Callable[[], None]] = []
        self.torn_down = False  # the framework does not exist any more

    def acknowledge_later(self, acknowledgement: Json | None) -> None:
        """Remember to acknowledge a task's status once it is stored."""
        if acknowledgement is not None:
            self._unacknowledged.append(lambda: self._sender.acknowledge(acknowledgement))

    def acknowledge_operation_later(self, acknowledgement: Json | None) -> None:
        """Remember to acknowledge an operation's status once it is stored."""
        if acknowledgement is not None:
            self._unacknowledged.append(lambda: self._sender.acknowledge_operation(acknowledgement))

    def decline_later(self, document: Any) -> None:
        """Remember to decline an offer that cannot be parsed, if its id can: no other framework would get it."""
        match document:
            case {"id": {"value": str(offer_id)}} if offer_id:
                decline = Decline(offer_id, UNREADABLE, UNREADABLE_SECONDS)
                self._unacknowledged.append(lambda: self._sender.decline([decline]))

    def forget(self) -> None:
        """Drop all pending acknowledgements: they belong to a subscription that has ended."""
        self._unacknowledged.clear()

    def acknowledge(self) -> None:
        """Send the pending acknowledgements. Mesos sends again every update whose acknowledgement fails."""
        pending, self._unacknowledged = self._unacknowledged, []
        for index, send in enumerate(pending):
            try:
                send()
            except NotConnectedError as error:
                logger.warning("%d updates not acknowledged: %s; Mesos sends them again", len(pending) - index, error)
                return

    def carry_out(self, decision: Decision, state: ClusterState) -> None:
        """Send all calls of a decision; `state` is the one after it.

        A failed call is not lost: the records hold the intent, and reconciliation reports the result.
        """
        try:
            self._send(decision, state)
        except NotConnectedError as error:
            logger.warning("%s", error)

    def _send(self, decision: Decision, state: ClusterState) -> None:
        for accept in decision.accepts:
            if accept.purpose is Purpose.JOB:
                self._accept_job(accept, state.steps[accept.job])
            else:
                self._accept(accept, state.nodes.get(accept.node))
        for kill in decision.kills:
            logger.info("killing task %s: %s", kill.task_id, kill.reason)
            self._sender.kill(kill)
            self._count("kills_total", 1)
        if decision.reconcile is not None:
            logger.debug("reconciling %d tasks", len(decision.reconcile.tasks))
            self._sender.reconcile(decision.reconcile)
        if decision.declines:
            for decline in decision.declines:
                logger.debug("declining offer %s for %g s: %s", decline.offer_id, decline.seconds, decline.reason)
                self._count(DECLINED + decline.reason.partition(":")[0], 1)
            self._sender.decline(decision.declines)
            self._count("declines_total", len(decision.declines))
        self._send_calls(decision)

    def _accept(self, accept: Accept, node: NodeRecord | None) -> None:
        kinds = [operation["type"] for operation in accept.operations]
        where = node.agent.hostname if node is not None and node.agent is not None else "an agent"
        if accept.purpose is Purpose.GROW:
            logger.info("reserving more resources for %s on its agent", accept.node)
            self._sender.accept(accept)
            return
        if accept.purpose is Purpose.RELEASE:
            unknown = f"the garbage reservation {accept.resource_id}"
            released = f"the abandoned reservation of {accept.node}" if accept.node else unknown
            logger.info("releasing %s: %s", released, ", ".join(kinds))
            self._sender.accept(accept)
            self._count("releases_total", 1)
            return
        why = "on its own reservation" if kinds == ["LAUNCH"] else f"with {', '.join(kinds[:-1])}"
        task = node.task.id if node is not None and node.task is not None else accept.node
        logger.info("launching %s on %s %s: offer %s fits", task, where, why, ", ".join(accept.offer_ids))
        self._sender.accept(accept)
        self._count("launches_total", 1)

    def _accept_job(self, accept: Accept, step: StepRecord) -> None:
        task = step.task.id if step.task is not None else accept.job
        why = f"phase {step.phase} of {step.name} in the operation {step.kind} {step.operation} begins"
        logger.info("launching %s beside %s: %s", task, accept.node, why)
        self._sender.accept(accept)
        self._count("job_launches_total", 1)

    def _send_calls(self, decision: Decision) -> None:
        if decision.suppress:
            logger.info("offers suppressed: nothing to do")
            self._sender.suppress()
        if decision.revive:
            logger.info("offers revived: there is work to do")
            self._sender.revive()
            self._count("revives_total", 1)
        for ask in decision.asks:
            self._sender.message(ask, encode_message(StatusQuery("")))
        for trial in decision.trials:
            logger.info("config check on %s of the configuration %s", trial.ask.node, trial.configuration)
            content = {"launch": encode_launch(trial.launch)}
            question = Question(question_id(trial.configuration), "settings", content)
            self._sender.message(trial.ask, encode_message(question))
        for ask in decision.certify:
            logger.info("calling %s to get another certificate", ask.node)
            self._sender.message(ask, encode_message(CertificateCall(ask.task_id)))
        for tuning in decision.tunings:
            self._tune(tuning)
        if decision.teardown:
            logger.info("tearing the framework down: all reservations are released")
            self._sender.teardown()
            self.torn_down = True

    def _tune(self, tuning: Tuning) -> None:
        logger.info("tuning %s: %s", tuning.task_id, dict(tuning.values))
        ask = Ask(tuning.node, tuning.executor_id, tuning.agent_id, tuning.task_id)
        self._sender.message(ask, encode_message(JobTuning(tuning.task_id, tuning.values)))
