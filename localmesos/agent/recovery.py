"""The first steps of a restarted agent: executors, tasks, updates and volumes from disk."""

import asyncio
import logging
from pathlib import Path

from localmesos.agent.agent import Agent
from localmesos.agent.containers.checkpoint import CheckpointError, ExecutorRecord
from localmesos.agent.containers.executors import Executor, ExecutorState, Framework, TaskRecord
from localmesos.agent.containers.processes import UNKNOWN_STATUS, find_leader, is_alive, kill_container

_POLL_SECONDS = 0.02

_LOG = logging.getLogger(__name__)


def recover(agent: Agent) -> None:
    """Load everything and watch the executors that live.

    Raises:
        CheckpointError: the stored state cannot be used.
    """
    agent.checkpointed = agent.store.load_resources()
    known = agent.store.load_agent()
    if known is None:
        return
    wanted = agent.config.agent_info(known["id"]["value"])
    if wanted != known:
        changed = sorted(key for key in known.keys() | wanted.keys() if known.get(key) != wanted.get(key))
        raise CheckpointError(
            f"the agent's {', '.join(changed)} differ from its last run; an agent keeps them for life: "
            f"restore them, or remove {agent.config.work_dir / 'meta' / 'slaves' / 'latest'} to begin as a new agent"
        )
    agent.info = known
    for info in list(agent.store.load_frameworks()):
        framework = agent.frameworks[info["id"]["value"]] = Framework(info)
        for record in list(agent.store.load_executors(framework.framework_id)):
            _load_executor(agent, framework, record)
    for framework in list(agent.frameworks.values()):
        for executor in list(framework.executors.values()):
            _resume(agent, framework, executor)
        if not framework.executors:
            agent.frameworks.pop(framework.framework_id, None)
            agent.store.remove_framework(framework.framework_id)


def _load_executor(agent: Agent, framework: Framework, record: ExecutorRecord) -> None:
    executor = Executor(
        framework.framework_id,
        record.info,
        record.container_id,
        Path(record.directory),
        record.generated,
        process=record.process or find_leader(Path(record.directory)),
        recovered=True,
    )
    framework.executors[executor.executor_id] = executor
    for info in list(agent.store.load_tasks(framework.framework_id, executor.executor_id)):
        task = TaskRecord(info, delivered=True)
        path = agent.store.updates_path(framework.framework_id, executor.executor_id, task.task_id)
        statuses, done = agent.manager.recover(framework.framework_id, task.task_id, path)
        if done:
            agent.store.remove_task(framework.framework_id, executor.executor_id, task.task_id)
            continue
        for status in statuses:
            task.add_status(status)
        executor.tasks[task.task_id] = task


def _resume(agent: Agent, framework: Framework, executor: Executor) -> None:
    if not framework.checkpoint:
        # The master reported its tasks as lost to such a framework when the agent disconnected.
        _LOG.info("executor %s of a framework without checkpointing is killed", executor.executor_id)
        kill_container(executor.process, executor.directory)
        agent.manager.forget(framework.framework_id)
        agent.store.remove_executor(framework.framework_id, executor.executor_id)
        del framework.executors[executor.executor_id]
    elif executor.process is not None and is_alive(executor.process):
        _LOG.info("executor %s lives as process %d", executor.executor_id, executor.process.pid)
        agent.runs.await_reregistration(framework, executor)
    else:
        _LOG.info("executor %s died while the agent was away", executor.executor_id)
        agent.runs.ended(framework, executor, UNKNOWN_STATUS)


async def executors_back(agent: Agent) -> None:
    """Wait until every recovered executor has subscribed or is gone; at most its time to do so and a moment to die."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + agent.config.executor_reregistration_timeout + 5.0
    while loop.time() < deadline:
        waiting = [
            executor
            for framework in agent.frameworks.values()
            for executor in framework.executors.values()
            if executor.recovered and executor.state is not ExecutorState.TERMINATED
        ]
        if not waiting:
            return
        await asyncio.sleep(_POLL_SECONDS)
