"""The executor with which the recordings were made, for a sandbox: standard library only."""

import base64
import json
import os
import threading
import time
import uuid
from http.client import HTTPConnection, HTTPException
from typing import Any

Json = dict[str, Any]

AGENT = os.environ["MESOS_AGENT_ENDPOINT"]
PATH = os.environ.get("REC_PATH", "/api/v1/executor")
TOKEN = os.environ.get("MESOS_EXECUTOR_AUTHENTICATION_TOKEN")
IDS = {
    "framework_id": {"value": os.environ["MESOS_FRAMEWORK_ID"]},
    "executor_id": {"value": os.environ["MESOS_EXECUTOR_ID"]},
}
SLOWLY_SECONDS = 0.1
AT_ONCE = "REC" in os.environ
"""Of s14 and s15: tasks end at once, the executor when it is told to."""
UNACKNOWLEDGED: dict[str, Json] = {}
TASKS: dict[str, Json] = {}
SEEN = "seen.jsonl"
"""A file in the sandbox: the environment, and each event of the agent."""


def request(call: Json) -> tuple[HTTPConnection, Any]:
    connection = HTTPConnection(AGENT)
    headers = {"Content-Type": "application/json"}
    if TOKEN:
        headers["Authorization"] = f"Bearer {TOKEN}"
    connection.request("POST", PATH, json.dumps({**call, **IDS}), headers)
    return connection, connection.getresponse()


def post(call: Json) -> None:
    try:
        connection, response = request(call)
        response.read()
        connection.close()
    except (OSError, HTTPException):
        pass


def text64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def update(task_id: str, state: str, **more: Any) -> None:
    key = base64.b64encode(uuid.uuid4().bytes).decode()
    status = {"task_id": {"value": task_id}, "state": state, "source": "SOURCE_EXECUTOR", "uuid": key, **more}
    status.update({"timestamp": time.time(), "executor_id": IDS["executor_id"]})
    UNACKNOWLEDGED[key] = {"status": status}
    post({"type": "UPDATE", "update": UNACKNOWLEDGED[key]})


def later(seconds: float, *arguments: Any, **more: Any) -> None:
    threading.Timer(seconds, update, arguments, more).start()


def launch(task: Json) -> None:
    task_id = task["task_id"]["value"]
    if AT_ONCE:
        update(task_id, "TASK_RUNNING")
        update(task_id, "TASK_FINISHED")
        return
    TASKS[task_id] = task
    update(task_id, "TASK_STARTING")
    labels = {"labels": [{"key": "l", "value": "1"}]}
    data = text64("running-data")
    later(SLOWLY_SECONDS, task_id, "TASK_RUNNING", message="up", data=data, healthy=True, labels=labels)


def kill(task_id: str) -> None:
    TASKS.pop(task_id, None)
    update(task_id, "TASK_KILLING")
    later(SLOWLY_SECONDS, task_id, "TASK_KILLED", message="killed by executor")


def message(data: str) -> None:
    text = base64.b64decode(data).decode()
    if text == "exit3":
        os._exit(3)
    post({"type": "MESSAGE", "message": {"data": text64(f"echo:{text}")}})


def shutdown() -> None:
    for task_id in list(TASKS):
        update(task_id, "TASK_KILLED", message="executor shutdown")
    time.sleep(SLOWLY_SECONDS)
    os._exit(0)


def note(what: Json) -> None:
    with open(SEEN, "a") as file:
        file.write(json.dumps(what) + "\n")


def handle(event: Json) -> None:
    note(event)
    kind = event["type"]
    if kind == "LAUNCH":
        launch(event["launch"]["task"])
    elif kind == "ACKNOWLEDGED":
        UNACKNOWLEDGED.pop(event["acknowledged"]["uuid"], None)
    elif kind == "KILL":
        kill(event["kill"]["task_id"]["value"])
    elif kind == "MESSAGE":
        message(event["message"]["data"])
    elif kind == "SHUTDOWN":
        shutdown()


def main() -> None:
    note({"type": "env", "env": dict(os.environ)})
    while True:
        subscribe = {"unacknowledged_tasks": [], "unacknowledged_updates": list(UNACKNOWLEDGED.values())}
        try:
            connection, response = request({"type": "SUBSCRIBE", "subscribe": subscribe})
            while line := response.readline():
                handle(json.loads(response.read(int(line))))
            connection.close()
        except (OSError, HTTPException, ValueError):
            pass
        time.sleep(SLOWLY_SECONDS)


if __name__ == "__main__":
    main()
