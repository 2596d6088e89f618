"""The config check: Cassandra validates new settings before a node restarts with them.

The API checks settings before it accepts them. Settings of the environment become the target before an executor can
be asked. Then the roll-out begins once an executor has answered, or none can. The verdict is kept in memory only; the
next scheduler asks again.
"""

from __future__ import annotations

from dataclasses import replace

from executor.protocol import Answer, NodeLaunch
from executor.sentences import by_number
from scheduler.core.configuration.differences import bundles, launch_differences
from scheduler.core.cycle.decision import Ask, Try
from scheduler.core.cycle.workspace import Cycle
from scheduler.core.state.cluster import ClusterState, Trial
from scheduler.core.state.lifecycle import by_index, is_up
from scheduler.core.state.node import NodeRecord
from scheduler.core.state.reason import Code, Reason
from scheduler.core.state.spec import ClusterSpec

# The check starts a JVM on the node. After this time without an answer the next node is asked.
ANSWER_SECONDS = 20.0
_QUESTION = "settings-"

# Fields of a launch that neither Cassandra nor its JVM reads.
_NOT_CASSANDRAS = frozenset(
    {"user", "cpus", "memory", "executor cpus", "executor memory", "task cpus", "task memory",
     "transport encryption", "client certificates", "client authorities"}
)  # fmt: skip


def is_needed(old: ClusterSpec, new: ClusterSpec) -> bool:
    """Return whether a setting differs that Cassandra or its JVM reads at a start."""
    return any(name not in _NOT_CASSANDRAS for name, *_ in launch_differences(old, new))


def hindrance(old: ClusterSpec, new: ClusterSpec) -> str | None:
    """Return why the nodes' bundles cannot check these settings; None if they can."""
    if bundles(old) != bundles(new):
        return "the settings name other bundles than the nodes have"
    return None


def is_running(state: ClusterState, spec: ClusterSpec) -> bool:
    """Return whether a node is up with everything that a check would load: Cassandra has started with it."""
    names = {node.task.configuration for node in state.nodes.values() if node.task is not None and is_up(node)}
    running = [state.configurations[name].spec for name in names if name in state.configurations]
    return any(not is_needed(item, spec) and hindrance(item, spec) is None for item in running)


def trial_launch(spec: ClusterSpec) -> NodeLaunch:
    """Return a launch with every setting that Cassandra reads at a start."""
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
    """Return whether this member, launched with `spec`, must wait for the verdict; ask an executor if needed."""
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
    """Return the reason that holds back the roll-out: the check is pending, or Cassandra has refused the settings."""
    trial = state.memory.trial
    if trial is None or trial.configuration != state.target.id or trial.over or trial.words == "":
        return None
    if trial.words:
        text = f"Cassandra would not start with these settings: {trial.words}; correct them, or roll back"
        return Reason(Code.SETTINGS_REFUSED, text)
    asked = ", ".join(sorted(set(trial.asked) - trial.failed, key=by_number))
    return Reason(Code.SETTINGS_TRIED, f"waits for {asked} to check the settings with Cassandra's own classes")


def refusal(state: ClusterState) -> str | None:
    """Return an error for the plan if Cassandra refuses the settings of the target; None otherwise."""
    found = block(state)
    if found is None or found.code is not Code.SETTINGS_REFUSED:
        return None
    return f"The configuration {state.target.id} is not rolled out, and no node is restarted: {found.sentence}"


def fold_answer(state: ClusterState, answer: Answer) -> ClusterState:
    """Return the state with an executor's verdict on the settings; the same state for any other answer."""
    trial = state.memory.trial
    if trial is None or answer.id != question_id(trial.configuration) or trial.words is not None:
        return state
    if answer.problem:
        trial = replace(trial, failed=trial.failed | {answer.node})
    else:
        trial = replace(trial, words=str(answer.content.get("refused", "")).rstrip("."))
    return replace(state, memory=replace(state.memory, trial=trial))


def _ask_next(cycle: Cycle, first: NodeRecord, trial: Trial) -> Trial:
    """Ask one node after another, beginning with `first`, until no other can answer."""
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
