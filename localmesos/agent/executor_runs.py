"""The life of executors: fetch, start, subscribe, tasks, shutdown, end."""

import asyncio
import logging
import subprocess
import sys
import uuid
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from localmesos.agent.config import AgentConfig
from localmesos.agent.containers import command_executor
from localmesos.agent.containers.checkpoint import ExecutorRecord, MetaStore
from localmesos.agent.containers.containers import (
    Container,
    LaunchError,
    create_sandbox,
    launch,
    log_to_sandbox,
    shutdown_grace,
)
from localmesos.agent.containers.executors import (
    EventStream,
    Executor,
    ExecutorState,
    Framework,
    TaskRecord,
    Termination,
)
from localmesos.agent.containers.processes import UNKNOWN_STATUS, ExitWatch, kill_container
from localmesos.agent.containers.volumes import VolumeError, link_volumes, volumes_of
from localmesos.agent.fetcher.fetcher import Fetcher, FetchError
from localmesos.agent.task_updates import TaskUpdates
from localmesos.protocol.durations import format_duration

Json = dict[str, Any]

_FETCH_FAILED_STATUS = 256
_KILLED_STATUS = 9

_LOG = logging.getLogger(__name__)


def generated_command(task: Json) -> Json:
    """Return the CommandInfo of the executor that runs a command task."""
    command: Json = {
        "shell": False,
        "value": sys.executable,
        "arguments": [sys.executable, "-I", str(Path(command_executor.__file__).resolve())],
    }
    return command | {key: task["command"][key] for key in ("uris", "environment") if key in task["command"]}


class ExecutorRuns:
    """The runs of executors.

    ``exited(framework id, executor id, raw wait status)`` reports an end at once, ``gone(framework, executor)`` when no
    update of the executor is left.
    """

    def __init__(
        self,
        config: AgentConfig,
        store: MetaStore,
        fetcher: Fetcher,
        updates: TaskUpdates,
        agent_info: Callable[[], Json],
        exited: Callable[[str, str, int], None],
        gone: Callable[[Framework, Executor], None],
    ) -> None:
        self._config = config
        self._store = store
        self._fetcher = fetcher
        self._updates = updates
        self._agent_info = agent_info
        self._exited_callback = exited
        self._gone = gone

    def start(self, framework: Framework, info: Json, first_task: Json) -> Executor:
        """Begin a new run; its tasks wait in it until it has subscribed."""
        place = self._config.place(self._agent_info()["id"]["value"])
        executor_id, container_id = info["executor_id"]["value"], str(uuid.uuid4())
        directory = create_sandbox(place, framework.framework_id, executor_id, container_id)
        generated = "executor" not in first_task
        executor = Executor(framework.framework_id, info, container_id, directory, generated)
        framework.executors[executor_id] = executor
        self._save(executor)
        launch_info = {**info, "command": generated_command(first_task)} if generated else info
        container = Container(framework.framework_id, launch_info, container_id, directory, framework.checkpoint)
        executor.launching = asyncio.create_task(self._launch(framework, executor, container))
        self._start_timer(executor, self._config.executor_registration_timeout, self._registration_timeout, framework)
        return executor

    def _save(self, executor: Executor) -> None:
        record = ExecutorRecord(
            executor.info, executor.container_id, str(executor.directory), executor.generated, executor.process
        )
        self._store.save_executor(executor.framework_id, executor.executor_id, record)

    @staticmethod
    def _start_timer(executor: Executor, seconds: float, action: Callable[..., None], framework: Framework) -> None:
        executor.stop_timer()
        executor.timer = asyncio.get_running_loop().call_later(seconds, action, framework, executor)

    async def _launch(self, framework: Framework, executor: Executor, container: Container) -> None:
        command = container.executor_info.get("command", {})
        try:
            log = partial(log_to_sandbox, executor.directory)
            await self._fetcher.fetch(command.get("uris", []), executor.directory, log)
        except FetchError as error:
            _LOG.warning("executor %s: %s", executor.executor_id, error)
            words = f"Failed to fetch all URIs for container '{executor.container_id}': exited with status 1"
            self._launch_failed(framework, executor, words, _FETCH_FAILED_STATUS)
            return
        try:
            self._link(executor)
            place = self._config.place(self._agent_info()["id"]["value"])
            child, executor.process = launch(place, container)
        except (VolumeError, LaunchError, OSError) as error:
            _LOG.warning("executor %s: %s", executor.executor_id, error)
            self._launch_failed(framework, executor, str(error), UNKNOWN_STATUS)
            return
        executor.launching = None
        self._save(executor)
        self._watch(framework, executor, child)
        _LOG.info("executor %s started as process %d", executor.executor_id, executor.process.pid)

    def _watch(self, framework: Framework, executor: Executor, child: subprocess.Popen[bytes] | None) -> None:
        """Watch like Mesos' reaper, which polls: until then the executor's resources are not free."""
        assert executor.process is not None
        on_exit = partial(self.ended, framework, executor)
        executor.watch = ExitWatch(executor.process, child, on_exit, self._config.reap_interval)

    def _link(self, executor: Executor) -> None:
        link_volumes(executor.directory, volumes_of(executor.resources(), self._config.work_dir))

    def _launch_failed(self, framework: Framework, executor: Executor, words: str, status: int) -> None:
        executor.launching = None
        message = f"Failed to launch container: {words}"
        executor.termination = Termination(reason="REASON_CONTAINER_LAUNCH_FAILED", message=message)
        self.ended(framework, executor, status)

    def _registration_timeout(self, framework: Framework, executor: Executor) -> None:
        limit = format_duration(self._config.executor_registration_timeout)
        message = f"Executor did not register within {limit}"
        termination = Termination(reason="REASON_EXECUTOR_REGISTRATION_TIMEOUT", message=message)
        self.kill(framework, executor, termination)

    def await_reregistration(self, framework: Framework, executor: Executor) -> None:
        """Kill a live executor of an earlier agent unless it subscribes in time."""
        assert executor.process is not None
        self._watch(framework, executor, None)
        seconds = self._config.executor_reregistration_timeout
        self._start_timer(executor, seconds, self._reregistration_timeout, framework)

    def _reregistration_timeout(self, framework: Framework, executor: Executor) -> None:
        limit = format_duration(self._config.executor_reregistration_timeout)
        state = "TASK_GONE" if framework.partition_aware else "TASK_LOST"
        message = f"Executor did not reregister within {limit}"
        self.kill(framework, executor, Termination(state, "REASON_EXECUTOR_REREGISTRATION_TIMEOUT", message))

    def subscribe(self, framework: Framework, executor: Executor, subscribe: Json) -> EventStream:
        """Take a new or repeated subscription; an older one of the same executor is closed."""
        if executor.stream is not None:
            executor.stream.close()
        stream = executor.stream = EventStream()
        if executor.state in (ExecutorState.TERMINATING, ExecutorState.TERMINATED):
            executor.send({"type": "SHUTDOWN"})
            return stream
        first = executor.state is ExecutorState.REGISTERING and not executor.recovered
        executor.stop_timer()
        executor.state, executor.recovered = ExecutorState.RUNNING, False
        subscribed = {
            "executor_info": executor.info,
            "framework_info": framework.info,
            "agent_info": self._agent_info(),
            "container_id": {"value": executor.container_id},
        }
        executor.send({"type": "SUBSCRIBED", "subscribed": subscribed})
        for update in subscribe.get("unacknowledged_updates", []):
            self._updates.from_executor(framework, executor, update["status"])
        self._report_undelivered(framework, executor, subscribe)
        self.deliver(framework, executor)
        if (first or executor.generated) and not executor.live_tasks():
            # Its tasks were killed while it started, or its only one did not survive the agent's restart.
            self.shutdown(framework, executor)
        return stream

    def _report_undelivered(self, framework: Framework, executor: Executor, subscribe: Json) -> None:
        """Report delivered tasks that the executor does not know: the agent died on the way."""
        known = {task["task_id"]["value"] for task in subscribe.get("unacknowledged_tasks", [])}
        state = "TASK_DROPPED" if framework.partition_aware else "TASK_LOST"
        for task in executor.live_tasks():
            if task.delivered and task.state == "TASK_STAGING" and task.task_id not in known:
                message = "Task launched during agent restart"
                self._updates.from_agent(
                    framework, executor.executor_id, task.task_id, state, "REASON_AGENT_RESTARTED", message
                )

    def add_tasks(self, framework: Framework, executor: Executor, tasks: list[Json]) -> None:
        """Give an executor tasks; they are on disk before anything else happens."""
        group = tuple(task["task_id"]["value"] for task in tasks) if len(tasks) > 1 else ()
        for info in tasks:
            self._store.save_task(framework.framework_id, executor.executor_id, info)
            executor.tasks[info["task_id"]["value"]] = TaskRecord(info, group=group)
        if executor.state is ExecutorState.RUNNING:
            self.deliver(framework, executor)

    def deliver(self, framework: Framework, executor: Executor) -> None:
        """Send the waiting tasks; they wait on while the executor is not connected."""
        waiting = [task for task in executor.live_tasks() if not task.delivered]
        if not waiting or executor.stream is None:
            return
        try:
            self._link(executor)
        except VolumeError as error:
            for task in waiting:
                reason = "REASON_CONTAINER_UPDATE_FAILED"
                self._updates.from_agent(
                    framework, executor.executor_id, task.task_id, "TASK_FAILED", reason, str(error)
                )
            return
        for task in waiting:
            task.delivered = True
        for event in launch_events(waiting):
            executor.send(event)

    def shutdown(self, framework: Framework, executor: Executor) -> None:
        """Ask the executor to end; after its grace period all its processes are killed."""
        if executor.state is ExecutorState.TERMINATED:
            return
        if executor.process is None:
            self.kill(framework, executor, executor.termination)
            return
        executor.state = ExecutorState.TERMINATING
        executor.send({"type": "SHUTDOWN"})
        seconds = shutdown_grace(executor.info, self._config.executor_shutdown_grace_period)
        self._start_timer(executor, seconds, self._grace_over, framework)

    def _grace_over(self, framework: Framework, executor: Executor) -> None:
        _LOG.warning("executor %s did not end in time and is killed", executor.executor_id)
        self.kill(framework, executor, executor.termination)

    def kill(self, framework: Framework, executor: Executor, termination: Termination) -> None:
        """End the executor's container now; its tasks are reported with `termination`."""
        executor.stop_timer()
        executor.state, executor.termination = ExecutorState.TERMINATING, termination
        if executor.process is not None:
            kill_container(executor.process, executor.directory)
            return
        if executor.launching is not None:
            executor.launching.cancel()
        self.ended(framework, executor, _KILLED_STATUS)

    def ended(self, framework: Framework, executor: Executor, status: int) -> None:
        """Clean up after an executor whose process is gone or never started, and notify the framework."""
        executor.stop_timer()
        executor.state, executor.launching = ExecutorState.TERMINATED, None
        if executor.process is not None:
            kill_container(executor.process, executor.directory)
        if executor.stream is not None:
            executor.stream.close()
            executor.stream = None
        _LOG.info("executor %s ended with status %d", executor.executor_id, status)
        if not framework.terminating:
            if not executor.generated:
                self._exited_callback(executor.framework_id, executor.executor_id, status)
            cause = executor.termination
            for task in executor.live_tasks():
                self._updates.from_agent(
                    framework, executor.executor_id, task.task_id, cause.state, cause.reason, cause.message
                )
        self.settle(framework, executor)

    def settle(self, framework: Framework, executor: Executor) -> None:
        """Remove an ended executor whose tasks are all reported."""
        if executor.state is not ExecutorState.TERMINATED or (executor.tasks and not framework.terminating):
            return
        if framework.executors.get(executor.executor_id) is executor:
            del framework.executors[executor.executor_id]
            self._store.remove_executor(framework.framework_id, executor.executor_id)
            self._gone(framework, executor)

    def release(self, executor: Executor) -> None:
        """Stop watching: the agent ends, the executor lives on."""
        executor.stop_timer()
        if executor.watch is not None:
            executor.watch.close()
        if executor.launching is not None:
            executor.launching.cancel()
        if executor.stream is not None:
            executor.stream.close()


def launch_events(tasks: list[TaskRecord]) -> list[Json]:
    """Return LAUNCH for each task, LAUNCH_GROUP for those that came as a group."""
    events: list[Json] = []
    groups: dict[tuple[str, ...], list[Json]] = {}
    for task in tasks:
        if task.group:
            groups.setdefault(task.group, []).append(task.info)
        else:
            events.append({"type": "LAUNCH", "launch": {"task": task.info}})
    return events + [
        {"type": "LAUNCH_GROUP", "launch_group": {"task_group": {"tasks": infos}}} for infos in groups.values()
    ]
