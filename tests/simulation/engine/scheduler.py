"""A scheduler process over the model: the loop's order of effects, with a place to crash between any two of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

from executor.key_spaces import SERVICE_ROLES
from executor.protocol import Answer, JobReport, StatusReply
from scheduler.core.commands.apply import apply_command
from scheduler.core.commands.command import Command, Refusal
from scheduler.core.configuration.overrides import active_overrides
from scheduler.core.configuration.target import Adoption, adopt
from scheduler.core.cycle.decision import Decision, Kill, Tuning
from scheduler.core.decide import decide
from scheduler.core.events.log import journal
from scheduler.core.fold import fold_updates
from scheduler.core.mesos.offer import Offer, parse_offer
from scheduler.core.mesos.updates import Disconnected, Event, OperationUpdate, Registered, TaskUpdate, parse_task_update
from scheduler.core.nodes import deploy
from scheduler.core.plans.build import build_plans
from scheduler.core.plans.plan import Plan
from scheduler.core.state.cluster import ClusterState, Stored
from scheduler.core.state.codec import changes, encode_record, load, removals
from scheduler.core.state.logins import Login, LoginsRecord
from scheduler.core.state.node import NodeRecord
from scheduler.core.state.operation import OperationState, StepState
from scheduler.core.state.record_kinds import CLUSTER_ID, FRAMEWORK_ID, UNINSTALL, ClusterId, FrameworkId, path_of
from scheduler.core.state.spec import ClusterSpec
from scheduler.loop.clock import ClockWatch
from service.uninstall import begin_removal, is_over
from tests.memory_store import MemoryStore
from tests.simulation.engine.model import Mesos
from tests.simulation.engine.samples import SETTINGS, Ids, wanted


class CrashError(Exception):
    """The process dies here."""


class Scheduler:
    """One scheduler after another on the same store (`znodes`), against one model of Mesos."""

    def __init__(self, mesos: Mesos, spec: ClusterSpec, ids: Ids) -> None:
        self.mesos = mesos
        self.spec = spec
        self.environment: dict[str, str] = {}
        self.new_id = ids
        self.znodes: dict[str, bytes] = {}
        self.violations: list[str] = []
        self.given_up: set[str] = set()  # tasks that an operator said are no more
        self.decisions: list[Decision] = []
        self.effects = 0
        self.heard = 0  # events
        self.ahead = 0.0  # of Mesos' clock
        self.store_is_away = False
        self.acknowledgements = 1  # of each update: none gets lost, two say it twice
        self.lose: Callable[[str], bool] = lambda kind: False
        self.uninstalls = False  # what it is started for
        self.over = False  # nothing of the service is left
        self.start()

    @property
    def now(self) -> float:
        return self.mesos.now + self.ahead

    def start(self) -> None:
        """Load what is stored, then subscribe."""
        self._offers: dict[str, Offer] = {}
        self._acks: list[tuple[str, str]] = []
        self._clock = ClockWatch(lambda: self.mesos.now)
        if self.uninstalls or UNINSTALL in self.znodes:
            self._start_removal()
            return
        self.znodes.setdefault(CLUSTER_ID, encode_record(ClusterId("cluster-1")))
        stored = load(self.znodes)
        held = active_overrides(stored.overrides, self.environment, SETTINGS)
        adoption = adopt(stored, wanted(self.spec, held, self.environment), self.now, self.new_id)
        assert isinstance(adoption, Adoption), adoption
        self._write(stored, adoption.state)
        self.state = adoption.state
        self.saved = adoption.state
        self.connect()

    def _start_removal(self) -> None:
        if is_over(self.znodes):
            self._forget_all()
            return
        store = MemoryStore()
        store.commit(self.znodes)
        self.saved = self.state = begin_removal(store, self.znodes, self.spec, self.now, "operator")
        self.znodes = dict(store.load())
        if not self.mesos.torn_down:
            self.connect()

    def _forget_all(self) -> None:
        self.znodes.clear()
        self.over = True

    def connect(self) -> None:
        """Subscribe, again if the master was lost."""
        self._offers.clear()
        self._acks.clear()
        self.mesos.subscribe()

    def command(self, command: Command) -> Refusal | None:
        """Give an operator's command, which is stored before it is answered."""
        outcome = apply_command(self.state, command, self.now)
        if isinstance(outcome, Refusal):
            return outcome
        self.state = outcome
        self._save(outcome)
        return None

    def cycle(self, crash_after: int | None = None) -> Decision:
        """Run one pass: fold, decide, store, send, acknowledge; CrashError after that many effects."""
        if self.over:
            return Decision()
        if self.mesos.torn_down:
            self.effects = 0
            self._run(self._removals(), crash_after)
            return Decision()
        if not self.mesos.subscribed:
            self.state = fold_updates(self.state, [Disconnected()], self.now)
            self.connect()
        self.effects = 0
        self.state = self._clock.follow(self.state, self.now)
        self.state = fold_updates(self.state, self._events(), self.now)
        self.state = with_logins(self.state)
        decision, after = decide(self.state, list(self._offers.values()), self.now, self.new_id)
        after = journal(self.saved, self.state, after, decision, (), self.now)
        self._check(decision, after)
        if self.store_is_away:
            return Decision()
        self._run(self._effects(decision, after), crash_after)
        self.decisions.append(decision)
        return decision

    def _run(self, effects: Iterator[Callable[[], None]], crash_after: int | None) -> None:
        for effect in effects:
            if crash_after is not None and self.effects >= crash_after:
                raise CrashError
            effect()
            self.effects += 1
        if crash_after is not None and self.effects >= crash_after:
            raise CrashError

    def _removals(self) -> Iterator[Callable[[], None]]:
        """Remove the records as the real store does: the framework's id first, `uninstall` last."""
        others = sorted(self.znodes.keys() - {FRAMEWORK_ID, UNINSTALL})
        for path in (FRAMEWORK_ID, *others, UNINSTALL):
            yield partial(self._remove, path)
        yield self._forget_all

    def plans(self) -> dict[str, Plan]:
        """Return the plans as the API would show them now."""
        return build_plans(self.state, self.now)

    def _events(self) -> Iterator[Event]:
        while self.mesos.events:
            kind, content = self.mesos.events.popleft()
            self.heard += 1
            if self.lose(_channel(kind, content)):
                continue
            event = self._event(kind, content)
            if event is not None:
                yield event

    def _event(self, kind: str, content: object) -> Event | None:
        match kind, content:
            case "OFFER", dict():
                offer = parse_offer(content, self.spec.role, self.spec.principal)
                self._offers[offer.ids[0]] = offer
            case "RESCIND", str():
                self._offers.pop(content, None)
            case "SUBSCRIBED", str():
                self.znodes.setdefault(FRAMEWORK_ID, encode_record(FrameworkId(content)))
                return Registered(content)
            case "UPDATE", dict():
                update = parse_task_update(content)
                self._hear(update)
                return update
            case "OPERATION", (str() as name, str() as state, str() as words):
                return OperationUpdate(name, state, words)
            case "REPLY", StatusReply() as reply:
                self.mesos.spoken.add(reply.task_id)
                return reply
            case "TRIAL", Answer() as answer:
                return answer
            case "REPORT", JobReport() as report:
                return report
        return None

    def _hear(self, update: TaskUpdate) -> None:
        self.mesos.spoken.add(update.task_id)
        if update.uuid:
            self._acks.append((update.task_id, update.uuid))

    def _effects(self, decision: Decision, after: ClusterState) -> Iterator[Callable[[], None]]:
        """Yield the effects in the loop's order: the store's transaction is one, then everything that is sent."""
        yield lambda: self._store(after)
        mesos = self.mesos
        for accept in decision.accepts:
            yield partial(mesos.accept, accept.offer_ids, accept.operations)
        for kill in decision.kills:
            yield partial(mesos.kill, kill.task_id)
        for decline in decision.declines:
            yield partial(mesos.decline, decline.offer_id, decline.seconds)
        if decision.reconcile is not None:
            tasks = decision.reconcile.tasks
            yield lambda: mesos.reconcile(tasks)
        for ask in decision.asks:
            yield partial(mesos.ask, ask.task_id, ask.node)
        for trial in decision.trials:
            yield partial(mesos.try_settings, trial)
        for ask in decision.certify:
            yield partial(self._certify, ask.task_id)
        for tuning in decision.tunings:
            yield partial(self._tune, tuning)
        if decision.suppress:
            yield mesos.suppress
        if decision.revive:
            yield mesos.revive
        if decision.teardown:
            yield mesos.teardown
        acks, self._acks = self._acks, []
        for task_id, uuid in acks * self.acknowledgements:
            yield partial(mesos.acknowledge, task_id, uuid)

    def _remove(self, path: str) -> None:
        self.znodes.pop(path, None)

    def _tune(self, tuning: Tuning) -> None:
        if not self.lose("TUNING"):
            self.mesos.tune(tuning.task_id, tuning.values)

    def _certify(self, task_id: str) -> None:
        if not self.lose("CERTIFY"):
            self.mesos.certify(task_id)

    def _store(self, after: ClusterState) -> None:
        self._save(after)
        self.state = after
        self._offers.clear()

    def _save(self, after: ClusterState) -> None:
        self._write(self.saved, after)
        self.saved = after

    def _write(self, before: ClusterState | Stored, after: ClusterState) -> None:
        for record in changes(before, after):
            self.znodes[path_of(record)] = encode_record(record)
        for path in removals(before, after):
            del self.znodes[path]
        if before.configurations is not after.configurations:
            load(self.znodes)  # raises where a record names what was removed

    def _check(self, decision: Decision, after: ClusterState) -> None:
        """Record each decision that the model shows to be forbidden."""
        used = [name for accept in decision.accepts for name in accept.offer_ids]
        given = used + [decline.offer_id for decline in decision.declines]
        if sorted(given) != sorted(self._offers):
            self.violations.append(f"offers {sorted(self._offers)} were answered as {sorted(given)}")
        live = {task.id for task in self.mesos.live_tasks()}
        launches = [item for item in decision.accepts if item.operations[-1]["type"] == "LAUNCH"]
        for accept in launches:
            silent = {node.task.id for node in self.saved.nodes.values() if node.task and node.task.id in live}
            if unheard := silent & self.mesos.unheard - self.mesos.spoken:
                self.violations.append(f"{accept.node} is launched before {unheard} were heard of")
            alive = {task.id for task in self.mesos.live_tasks() if task.node == accept.node and not accept.job}
            intent = after.nodes[accept.node].intent
            twice = sorted(alive - self.given_up - ({intent.task_id} if intent and intent.previous else set()))
            if twice:
                self.violations.append(f"{accept.node} is launched while {twice} live")
            if accept.job and [item["type"] for item in accept.operations] != ["LAUNCH"]:
                self.violations.append(f"more than a launch is asked for {accept.job}")
        for kill in decision.kills:
            self._check_kill(kill, after.nodes.get(kill.task_id.partition("__")[0]))

    def _check_kill(self, kill: Kill, node: NodeRecord | None) -> None:
        """`node` as it is stored before the kill is sent."""
        intended = node is not None and node.intent is not None and node.intent.begun_at is not None
        # An operator began the step of a node that has not joined again.
        intended = intended or (node is not None and deploy.is_given_up(node))
        intended = intended or self.state.uninstall is not None
        if node is not None and node.task is not None and node.task.id == kill.task_id and not intended:
            self.violations.append(f"{kill.task_id} is killed, though it is the newest of its node")
        for step in self.state.steps.values():
            operation = self.state.operations.get(step.kind)
            wanted = operation is not None and operation.state is OperationState.RUNNING
            if wanted and step.state is StepState.RUNNING and step.task and step.task.id == kill.task_id:
                self.violations.append(f"{kill.task_id} is killed, though {step.key} waits for it")

    def put_off_looking(self) -> None:
        """Put off the next call for offers that only searches for unknown reservations."""
        self.state = replace(self.state, memory=replace(self.state.memory, look_at=float("inf"), look_until=None))

    def healthy(self) -> bool:
        """Return whether every node of the target is a member and runs."""
        running = {task.node for task in self.mesos.live_tasks()}
        wanted = {f"node-{index}" for index in range(self.state.target.spec.nodes)}
        up = {name for name, node in self.state.nodes.items() if node.deployed and node.mode == "NORMAL"}
        return wanted <= running and wanted <= up


def with_logins(state: ClusterState) -> ClusterState:
    """Return the state with the superusers' passwords, as the loop makes them."""
    if state.logins is not None or state.target.spec.cassandra.authentication == "off":
        return state
    users = tuple(Login(name, f"sealed-{name}", name) for name in SERVICE_ROLES)
    return replace(state, logins=LoginsRecord(users, SERVICE_ROLES[0]))


def _channel(kind: str, content: object) -> str:
    """Return what is lost together: STATUS of agents, ANSWERs to reconciliation, the master's own WORD, or the kind."""
    if kind != "UPDATE" or not isinstance(content, dict):
        return kind
    if "uuid" in content:
        return "STATUS"
    return "ANSWER" if content.get("reason") == "REASON_RECONCILIATION" else "WORD"
