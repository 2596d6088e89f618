"""An executor over pymesos' own driver, unchanged: what a framework written with it brings along."""

from typing import Any

from pymesos import Executor, MesosExecutorDriver


class Echo(Executor):
    """An executor that reports tasks as running, echoes messages and obeys kills."""

    def launchTask(self, driver: Any, task: Any) -> None:
        self._update(driver, task["task_id"], "TASK_RUNNING")

    def killTask(self, driver: Any, task_id: Any) -> None:
        self._update(driver, task_id, "TASK_KILLED")

    def frameworkMessage(self, driver: Any, message: Any) -> None:
        driver.sendFrameworkMessage(message)

    @staticmethod
    def _update(driver: Any, task_id: Any, state: str) -> None:
        driver.sendStatusUpdate({"task_id": task_id, "state": state})


if __name__ == "__main__":
    MesosExecutorDriver(Echo()).run()
