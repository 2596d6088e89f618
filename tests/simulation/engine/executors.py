"""The model's agents and executors: what runs on them, and the updates that they send until they are acknowledged.

`Executors` is the half of the model that knows nothing of offers; `events` is what waits to be read by the scheduler.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from executor.protocol import JobLaunch, JobReport, JobResult, encode_result, encode_status
from tests.simulation.engine.jobs import Job, Jobs
from tests.simulation.engine.machines import Agent, Task
from tests.simulation.engine.resources import add_all
from tests.simulation.engine.ring import Ring

Json = Mapping[str, Any]

RETRY_SECONDS = 10.0
# The changes that an executor reports unasked.
_NEWS = ("mode", "native_transport_running", "host_id", "unreachable", "silent_clients", "refused_clients")


class Executors:
    """Agents, and the executors on them."""

    def __init__(self, agents: Iterable[Agent], new_id: Callable[[], str]) -> None:
        self.agents = {agent.id: agent for agent in agents}
        self.ring = Ring(new_id)
        self.jobs = Jobs()
        self.now = 0.0
        self.new_id = new_id
        self.events: deque[tuple[str, Any]] = deque()
        self.subscribed = False
        self.known: dict[str, tuple[str, str]] = {}  # the master's view: task id -> (state, agent id)
        self.homes: dict[str, Agent] = {}  # by task id: where it was launched
        self.linger = 2  # so many offers are made before an executor whose task has ended is seen to have ended

    def work(self) -> None:
        """Let processes and jobs go on, and send unacknowledged updates again."""
        for agent in self.agents.values():
            self._leave(agent)
        for process in self.ring.step():
            self._end(process.task_id, "TASK_FAILED", "REASON_COMMAND_EXECUTOR_FAILED", process.last_words)
        for agent in self.agents.values():
            for task in agent.tasks.values():
                if task.job is not None:
                    self._work(task)
                elif not task.ended:
                    self._report(task)
                if task.outbox:
                    self._send_update(task)

    def task(self, task_id: str) -> Task | None:
        """Return the task, on whatever agent."""
        agent = self.homes.get(task_id)
        return None if agent is None else agent.tasks.get(task_id)

    def live_tasks(self) -> list[Task]:
        """Tasks that have not ended."""
        return [task for agent in self.agents.values() for task in agent.tasks.values() if not task.ended]

    def live_jobs(self) -> list[Job]:
        """Jobs that have not ended."""
        return [task.job for task in self.live_tasks() if task.job is not None]

    def fail_task(
        self, task_id: str, words: str = "killed by a test", reason: str = "REASON_EXECUTOR_TERMINATED"
    ) -> None:
        """End what the task's executor runs; the executor's process can die with it."""
        self.ring.stop(task_id)
        self._end(task_id, "TASK_FAILED", reason, words)

    def _begin_job(self, task: Task, launch: JobLaunch) -> None:
        process = self.ring.processes.get(launch.node_task_id)
        if process is None:  # its node ended after the offer was made: a new executor refuses it, and ends
            words = f"Cassandra of {launch.node} does not run"
            self._queue(task, "TASK_FAILED", "", words, encode_result(JobResult(error=words)))
            self._give_back(task)
            self._end_executor(task)
            return
        self.jobs.begun.append(task.node)
        task.job = Job(task.id, launch, process.data, dict(launch.tuning))

    def _report(self, task: Task) -> None:
        """Report the changes, but for peers that the executor sees as up."""
        process = self.ring.processes.get(task.id)
        if process is None:
            return
        status, before = self.ring.status(process), task.told
        if status is not before and (
            before is None or any(getattr(status, name) != getattr(before, name) for name in _NEWS)
        ):
            task.told = status
            self._queue(task, "TASK_RUNNING", "", "", encode_status(status))

    def _work(self, task: Task) -> None:
        """Let a job's executor go on with it and report."""
        if task.job is None or task.ended:
            return
        said = self.jobs.step(task.job)
        if said is not None:
            state, result = said
            self.ring.superusers |= task.job.launch.job == "logins-superusers" and state == "TASK_FINISHED"
            words = "" if result is None else result.error
            self._queue(task, state, "", words, None if result is None else encode_result(result))
            if result is not None:
                self._give_back(task)
        elif task.agent.reachable and task.agent.registered:
            self._emit("REPORT", JobReport(task.id, task.job.progress()))

    def _end(self, task_id: str, state: str, reason: str, words: str) -> None:
        task = self.task(task_id)
        if task is not None and not task.ended:
            self._queue(task, state, reason, words, None)
            self._give_back(task)
            self._end_jobs(task)
            self._end_executor(task)

    def _end_jobs(self, node: Task) -> None:
        """Jobs end with their executor, which says nothing any more."""
        for task in node.agent.tasks.values():
            if task.job is not None and not task.ended and task.executor_id == node.executor_id:
                self._queue(task, "TASK_FAILED", "REASON_EXECUTOR_TERMINATED", "Executor terminated", None)
                self._give_back(task)

    def _queue(self, task: Task, state: str, reason: str, words: str, data: str | None) -> None:
        task.state = state
        update = {"state": state, "reason": reason, "message": words, "data": data, "uuid": self.new_id()}
        task.outbox.append(update)
        self._send_update(task)

    def _send_update(self, task: Task) -> None:
        agent = task.agent
        if agent.reachable and agent.registered:
            self.known[task.id] = (task.state, agent.id)
        due = task.sent_at is None or self.now - task.sent_at >= RETRY_SECONDS
        if task.outbox and due and self.subscribed and agent.reachable and agent.registered:
            task.sent_at = self.now
            self._emit("UPDATE", self._update_json(task.id, agent.id, "SOURCE_EXECUTOR", task.outbox[0]))

    def _give_back(self, task: Task) -> None:
        task.agent.idle = False
        add_all(task.agent.available, task.used)
        task.used = {}

    def _end_executor(self, task: Task) -> None:
        """Free an executor's resources when it has ended, later than its task's."""
        if (executor := task.agent.executors.get(task.executor_id)) is not None and executor.rounds is None:
            executor.rounds = self.linger
            if self.linger == 0:
                self._leave(task.agent)

    def _leave(self, agent: Agent) -> None:
        for name, executor in list(agent.executors.items()):
            if executor.rounds == 0:
                del agent.executors[name]
                agent.idle = False
                add_all(agent.available, executor.used)
            elif executor.rounds is not None:
                executor.rounds -= 1

    def end_executors(self, agent: Agent) -> None:
        """End all at once, as when the machine goes down."""
        for executor in agent.executors.values():
            executor.rounds = 0
        self._leave(agent)

    def _release(self, task: Task) -> None:
        self._give_back(task)
        task.agent.tasks.pop(task.id, None)

    def _tell(self, task_id: str, agent_id: str, state: str, reason: str, words: str = "") -> None:
        """Send the master's own status: once, never repeated."""
        update = {"state": state, "reason": reason, "message": words}
        self._emit("UPDATE", self._update_json(task_id, agent_id, "SOURCE_MASTER", update))

    def _update_json(self, task_id: str, agent_id: str, source: str, update: Json) -> Json:
        status = {key: value for key, value in update.items() if value}
        return {"task_id": {"value": task_id}, "agent_id": {"value": agent_id}, "source": source, **status}

    def _emit(self, kind: str, content: Any) -> None:
        if self.subscribed:
            self.events.append((kind, content))
