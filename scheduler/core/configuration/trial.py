"""Settings are tried by Cassandra itself before a node is stopped for them.

The API has them tried before it takes them. Those of the environment are the target before an executor can be asked:
the roll-out begins once one has answered, or none can. The verdict lies in the process's memory alone; the next
scheduler asks anew.
"""

from __future__ import annotations

from dataclasses import replace

from executor.protocol import Answer, NodeLaunch
from scheduler.core.configuration.differences import bundles, launch_differences
from scheduler.core.cycle.decision import Ask, Try
from scheduler.core.cycle.workspace import Cycle
from scheduler.core.state.cluster import ClusterState, Trial
from scheduler.core.state.lifecycle import by_index, is_up
from scheduler.core.state.node import NodeRecord
from scheduler.core.state.reason import Code, Reason
from scheduler.core.state.spec import ClusterSpec

# A JVM starts on the node for it; after that time without a word the next node is asked.
ANSWER_SECONDS = 20.0
_QUESTION = "settings-"

# What a node's launch has that Cassandra and its JVM never read.
_NOT_CASSANDRAS = frozenset(
    {"user", "cpus", "memory", "executor cpus", "executor memory", "task cpus", "task memory"}
)  # fmt: skip


def is_needed(old: ClusterSpec, new: ClusterSpec) -> bool:
    """Return whether anything differs that Cassandra or its JVM reads at a start."""
    return any(name not in _NOT_CASSANDRAS for name, *_ in launch_differences(old, new))


def hindrance(old: ClusterSpec, new: ClusterSpec) -> str | None:
    """Return why the bundles that the nodes have cannot try these settings; None if they can."""
    if bundles(old) != bundles(new):
        return "the settings name other bundles than the nodes have"
    return None


def trial_launch(spec: ClusterSpec) -> NodeLaunch:
    """Return a launch that has everything of these settings that Cassandra reads at a start."""
    cassandra = spec.cassandra
    return NodeLaunch(
        node="",
        cluster_name=cassandra.cluster_name,
        configuration="",
        data_center=cassandra.data_center,
        rack=cassandra.rack,
        seeds=(),
        self_seed=True,
        heap_mb=cassandra.heap_mb,
        ports=cassandra.ports,
        options=dict(cassandra.options),
        gc=cassandra.gc,
        heap_new_mb=cassandra.heap_new_mb,
        jvm_options=cassandra.jvm_options,
        java_home=cassandra.java_home,
    )


def question_id(configuration: str) -> str:
    """Return the id of the question about a configuration: `settings-<its id>`."""
    return f"{_QUESTION}{configuration}"


def must_wait(cycle: Cycle, node: NodeRecord, spec: ClusterSpec) -> bool:
    """Return whether this member, launched with `spec`, must not be stopped for the target yet, having asked for it."""
    target = cycle.state.target
    if not is_needed(spec, target.spec) or hindrance(spec, target.spec) is not None:
        return False
    trial = cycle.state.memory.trial
    if trial is None or trial.configuration != target.id:
        trial = Trial(target.id)
    if trial.words is None and not trial.over:
        trial = _ask_next(cycle, node, trial)
        cycle.replace_state(replace(cycle.state, memory=replace(cycle.state.memory, trial=trial)))
    return not trial.over and trial.words != ""


def block(state: ClusterState) -> Reason | None:
    """Return what holds back the roll-out of the target: Cassandra tries its settings, or has refused them."""
    trial = state.memory.trial
    if trial is None or trial.configuration != state.target.id or trial.over or trial.words == "":
        return None
    if trial.words:
        text = f"Cassandra would not start with these settings: {trial.words}; correct them, or roll back"
        return Reason(Code.SETTINGS_REFUSED, text)
    asked = ", ".join(sorted(set(trial.asked) - trial.failed))
    return Reason(Code.SETTINGS_TRIED, f"waits for {asked} to try the settings with Cassandra's own classes")


def refusal(state: ClusterState) -> str | None:
    """Return an error for the plan, if Cassandra would not start with the target."""
    found = block(state)
    if found is None or found.code is not Code.SETTINGS_REFUSED:
        return None
    return f"The configuration {state.target.id} is not rolled out, and no node is restarted: {found.sentence}"


def fold_answer(state: ClusterState, answer: Answer) -> ClusterState:
    """Return the state that knows what an executor said of the settings; the same one for any other answer."""
    trial = state.memory.trial
    if trial is None or answer.id != question_id(trial.configuration) or trial.words is not None:
        return state
    if answer.problem:
        trial = replace(trial, failed=trial.failed | {answer.node})
    else:
        trial = replace(trial, words=str(answer.content.get("refused", "")).rstrip("."))
    return replace(state, memory=replace(state.memory, trial=trial))


def _ask_next(cycle: Cycle, first: NodeRecord, trial: Trial) -> Trial:
    """Ask one node after another, this one first, until none is left that could answer."""
    pending = [at for name, at in trial.asked.items() if name not in trial.failed]
    if any(at <= cycle.now < at + ANSWER_SECONDS for at in pending):
        return trial
    others = [node for node in by_index(cycle.state.nodes.values()) if node.name != first.name]
    node = next((node for node in (first, *others) if is_up(node) and node.name not in trial.asked), None)
    if node is None or node.task is None or node.agent is None:
        return replace(trial, over=True)
    ask = Ask(node.name, node.task.executor_id, node.agent.id, node.task.id)
    cycle.trials.append(Try(ask, trial.configuration, trial_launch(cycle.state.target.spec)))
    return replace(trial, asked={**trial.asked, node.name: cycle.now})
