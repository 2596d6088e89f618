"""An agent: its reactions to the master's events and its executors' calls."""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any

from localmesos.agent.config import AgentConfig
from localmesos.agent.containers.checkpoint import CheckpointError, MetaStore
from localmesos.agent.containers.executors import EventStream, Executor, ExecutorState, Framework
from localmesos.agent.containers.volumes import VolumeError, apply_volumes, volumes_of
from localmesos.agent.executor_runs import ExecutorRuns
from localmesos.agent.fetcher.fetcher import Fetcher
from localmesos.agent.task_updates import TaskUpdates, task_json
from localmesos.agent.update_manager import UpdateManager

Json = dict[str, Any]
SendCall = Callable[[str, Json], None]
"""Sends one call to the master, in order; dropped while there is none."""

_LOG = logging.getLogger(__name__)


class Agent:
    """State and behaviour of one agent; it neither listens nor connects itself.

    ``stopping`` is set when the program must end, with ``exit_status``; ``leaving``: as soon as all executors have.
    """

    def __init__(self, config: AgentConfig, send: SendCall) -> None:
        self.config = config
        self.store = MetaStore(config.work_dir)
        self.fetcher = Fetcher(config.fetcher_cache_dir, config.fetcher_ca_file)
        self.frameworks: dict[str, Framework] = {}
        self.completed: list[tuple[Framework, Executor]] = []
        self.info = config.agent_info(None)
        self.checkpointed: list[Json] = []
        self.start_time = time.time()
        self.registered = False
        self.master_hostname = ""
        self.stopping = asyncio.Event()
        self.exit_status = 0
        self.leaving = False
        self._send = send
        self.manager = UpdateManager(self._forward, self._task_done, config.status_update_retry)
        self.updates = TaskUpdates(config, self.store, self.manager, self.agent_id)
        self.runs = ExecutorRuns(
            config,
            self.store,
            self.fetcher,
            self.updates,
            lambda: self.info,
            self._executor_exited,
            self._executor_gone,
        )

    def agent_id(self) -> str:
        """Return the id that a master gave; empty before the first registration."""
        value: str = self.info.get("id", {}).get("value", "")
        return value

    def registration(self) -> Json:
        """Return REGISTER with the agent's whole state."""
        frameworks = [f for f in self.frameworks.values() if not f.terminating]
        executors = [(f, e) for f in frameworks for e in f.executors.values()]
        return {
            "type": "REGISTER",
            "agent_info": self.info,
            "ip": self.config.ip,
            "checkpointed": self.checkpointed,
            "frameworks": [f.info for f in frameworks],
            "executors": [
                {"framework_id": {"value": f.framework_id}, "executor_info": e.info}
                for f, e in executors
                if not e.generated and e.state is not ExecutorState.TERMINATED
            ],
            "tasks": [
                task_json(f.framework_id, e, task, self.manager.forwarded(f.framework_id, task.task_id))
                for f, e in executors
                for task in e.tasks.values()
            ],
        }

    def handle(self, event: Json) -> None:
        """Handle one event of the master.

        Raises:
            CheckpointError: the agent cannot write its state to disk.
        """
        kind = event["type"]
        handler = getattr(self, f"_on_{kind.lower()}", None)
        if handler is None:
            _LOG.warning("unknown event %s of the master ignored", kind)
            return
        try:
            handler(event.get(kind.lower(), {}))
        except OSError as error:
            raise CheckpointError(f"{kind} of the master: {error}") from error

    def disconnected(self) -> None:
        """Keep updates until the next master is connected."""
        self.registered = False
        self.manager.pause()

    def _on_registered(self, registered: Json) -> None:
        new, known = registered["agent_id"]["value"], self.agent_id()
        if known and new != known:
            raise CheckpointError(f"the master knows agent {known} as {new}")
        self.info = self.config.agent_info(new)
        self.store.save_agent(self.info)
        self.registered, self.master_hostname = True, registered.get("master_hostname", "")
        _LOG.info("registered as %s", self.agent_id())
        self.manager.resume()

    def _on_ping(self, _: Json) -> None:
        self._call("PONG", {})

    def _on_run_task(self, run: Json) -> None:
        self._run(run, [run["task"]])

    def _on_run_task_group(self, run: Json) -> None:
        self._run(run, run["tasks"])

    def _run(self, run: Json, tasks: list[Json]) -> None:
        executor_info = run["executor_info"]
        framework = self._framework(run["framework"])
        if framework.terminating:
            _LOG.warning("task for terminating framework %s ignored", framework.framework_id)
            return
        executor_id = executor_info["executor_id"]["value"]
        executor = framework.executors.get(executor_id)
        if executor is not None and executor.state in (ExecutorState.TERMINATING, ExecutorState.TERMINATED):
            self._drop(framework, executor_id, tasks, f"Executor {executor.state.value.lower()}")
        elif executor is not None:
            self.runs.add_tasks(framework, executor, tasks)
        elif run.get("launch_executor", True):
            self._start(framework, executor_info, tasks)
        else:
            # The master counted on an executor that has ended meanwhile, and has not set its resources aside.
            words = "No executor is expected to launch and there is no executor running"
            self._drop(framework, executor_id, tasks, words)
            self._drop_if_empty(framework)

    def _start(self, framework: Framework, executor_info: Json, tasks: list[Json]) -> None:
        try:
            executor = self.runs.start(framework, executor_info, tasks[0])
        except (OSError, ValueError) as error:
            # There is no sandbox: the disk is full, or the id cannot name a directory.
            message, reason = f"Failed to launch container: {error}", "REASON_CONTAINER_LAUNCH_FAILED"
            for task in tasks:
                executor_id, task_id = executor_info["executor_id"]["value"], task["task_id"]["value"]
                self.updates.from_agent(framework, executor_id, task_id, "TASK_FAILED", reason, message)
            self._drop_if_empty(framework)
            return
        self.runs.add_tasks(framework, executor, tasks)

    def _drop(self, framework: Framework, executor_id: str, tasks: list[Json], words: str) -> None:
        state = "TASK_DROPPED" if framework.partition_aware else "TASK_LOST"
        for task in tasks:
            task_id = task["task_id"]["value"]
            self.updates.from_agent(framework, executor_id, task_id, state, "REASON_EXECUTOR_TERMINATED", words)

    def _framework(self, info: Json) -> Framework:
        framework_id = info["id"]["value"]
        framework = self.frameworks.get(framework_id)
        if framework is None:
            framework = self.frameworks[framework_id] = Framework(info)
            self.store.save_framework(framework_id, info)
        return framework

    def _on_kill_task(self, kill: Json) -> None:
        framework = self.frameworks.get(kill["framework_id"]["value"])
        task_id = kill["task_id"]["value"]
        executor = framework.executor_of(task_id) if framework is not None else None
        if framework is None or executor is None:
            _LOG.warning("kill of task %s ignored: it is not here", task_id)
            return
        if not executor.tasks[task_id].delivered:
            self.updates.from_agent(
                framework,
                executor.executor_id,
                task_id,
                "TASK_KILLED",
                "REASON_TASK_KILLED_DURING_LAUNCH",
                "Killed before delivered to the executor",
            )
            return
        order = {"task_id": kill["task_id"]}
        if kill.get("kill_policy"):
            order["kill_policy"] = kill["kill_policy"]
        executor.send({"type": "KILL", "kill": order})

    def _on_shutdown_executor(self, shutdown: Json) -> None:
        found = self._find(shutdown)
        if found is not None:
            self.runs.shutdown(*found)

    def _on_framework_message(self, message: Json) -> None:
        found = self._find(message)
        if found is not None and found[1].state is ExecutorState.RUNNING:
            found[1].send({"type": "MESSAGE", "message": {"data": message["data"]}})

    def _find(self, ids: Json) -> tuple[Framework, Executor] | None:
        framework = self.frameworks.get(ids["framework_id"]["value"])
        executor = framework.executors.get(ids["executor_id"]["value"]) if framework is not None else None
        if framework is None or executor is None:
            _LOG.warning("executor %s is not here", ids["executor_id"]["value"])
            return None
        return framework, executor

    def _on_acknowledge(self, acknowledge: Json) -> None:
        framework_id, task_id = acknowledge["framework_id"]["value"], acknowledge["task_id"]["value"]
        if not self.manager.acknowledge(framework_id, task_id, acknowledge["uuid"]):
            _LOG.warning("acknowledgement for task %s does not fit the update last sent", task_id)

    def _on_shutdown_framework(self, shutdown: Json) -> None:
        framework = self.frameworks.get(shutdown["framework_id"]["value"])
        if framework is not None:
            self._shutdown_framework(framework)

    def _shutdown_framework(self, framework: Framework) -> None:
        framework.terminating = True
        self.manager.forget(framework.framework_id)
        for executor in list(framework.executors.values()):
            self.runs.shutdown(framework, executor)
            self.runs.settle(framework, executor)
        self._drop_if_empty(framework)

    def _on_update_framework(self, update: Json) -> None:
        info = update["framework_info"]
        framework = self.frameworks.get(info["id"]["value"])
        if framework is not None:
            framework.info = info
            self.store.save_framework(framework.framework_id, info)
        # The framework has returned: missed updates are sent again at once.
        self.manager.resend(info["id"]["value"])

    def _on_checkpoint_resources(self, checkpoint: Json) -> None:
        resources = checkpoint["resources"]
        work_dir = self.config.work_dir
        try:
            apply_volumes(volumes_of(self.checkpointed, work_dir), volumes_of(resources, work_dir))
        except VolumeError as error:
            # The agent does not confirm: the framework must not use a volume that does not exist.
            _LOG.error("resources are not applied: %s", error)
            return
        self.store.save_resources(resources)
        self.checkpointed = resources
        self._call("CHECKPOINTED", {"resources": resources, "operations": checkpoint.get("operations", [])})

    def _on_shutdown(self, shutdown: Json) -> None:
        self.refuse(shutdown.get("message", "the master says so"))

    def refuse(self, words: str) -> None:
        """End all executors, then the program with status 1: the master does not accept this agent."""
        _LOG.error("agent asked to shut down: %s", words)
        self.exit_status = 1
        self._leave()

    def leave(self) -> None:
        """Unregister for good, end all executors, then the program."""
        _LOG.info("leaving: unregistering and shutting down")
        self._call("UNREGISTER", {})
        self._leave()

    def _leave(self) -> None:
        self.leaving = True
        for framework in list(self.frameworks.values()):
            self._shutdown_framework(framework)
        if not self.frameworks:
            self.stopping.set()

    def find_executor(self, framework_id: str, executor_id: str) -> tuple[Framework | None, Executor | None]:
        """Return framework and executor of an executor's call, None if they are not on this agent."""
        framework = self.frameworks.get(framework_id)
        return framework, framework.executors.get(executor_id) if framework is not None else None

    def subscribe(self, framework: Framework, executor: Executor, subscribe: Json) -> EventStream:
        """Subscribe an executor and return its events."""
        return self.runs.subscribe(framework, executor, subscribe)

    def message(self, executor: Executor, message: Json) -> None:
        """Send a message of an executor to its framework."""
        self._call(
            "EXECUTOR_MESSAGE",
            {
                "framework_id": {"value": executor.framework_id},
                "executor_id": {"value": executor.executor_id},
                "data": message["data"],
            },
        )

    def _call(self, call_type: str, body: Json) -> None:
        self._send(call_type, body)

    def _forward(self, update: Json) -> None:
        framework = self.frameworks.get(update["framework_id"]["value"])
        task_id = update["status"]["task_id"]["value"]
        executor = framework.executor_of(task_id) if framework is not None else None
        latest = executor.tasks[task_id].state if executor is not None else update["status"]["state"]
        self._call("STATUS_UPDATE", {**update, "latest_state": latest})

    def _task_done(self, framework_id: str, task_id: str) -> None:
        framework = self.frameworks.get(framework_id)
        executor = framework.executor_of(task_id) if framework is not None else None
        if framework is None or executor is None:
            return
        del executor.tasks[task_id]
        self.store.remove_task(framework_id, executor.executor_id, task_id)
        self.runs.settle(framework, executor)

    def _executor_exited(self, framework_id: str, executor_id: str, status: int) -> None:
        body = {"framework_id": {"value": framework_id}, "executor_id": {"value": executor_id}, "status": status}
        self._call("EXITED_EXECUTOR", body)

    def _executor_gone(self, framework: Framework, executor: Executor) -> None:
        self.completed.append((framework, executor))
        del self.completed[:-150]
        self._drop_if_empty(framework)

    def _drop_if_empty(self, framework: Framework) -> None:
        if not framework.executors and self.frameworks.get(framework.framework_id) is framework:
            del self.frameworks[framework.framework_id]
            self.store.remove_framework(framework.framework_id)
        if self.leaving and not self.frameworks:
            self.stopping.set()

    async def close(self) -> None:
        """Stop all watching and listening; executors live on."""
        self.manager.pause()
        for framework in self.frameworks.values():
            for executor in framework.executors.values():
                self.runs.release(executor)
        await self.fetcher.close()
