"""A custom executor for tests, standard library only: runs any number of tasks that do nothing until killed.

Writes what it sees, one JSON object a line, to ``events`` in its sandbox. Messages make it act:
``exit3``, ``hang`` (stop answering SHUTDOWN), ``child`` (start a process in a session of its own), ``reconnect`` (hang
up, and subscribe again once there is a file ``back`` in its sandbox), else an echo.
"""

import base64
import json
import os
import subprocess
import sys
import threading
import time
import uuid
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

Json = dict[str, Any]

ENDPOINT = os.environ["MESOS_AGENT_ENDPOINT"]
PATH = os.environ.get("EXECUTOR_PATH", "/api/v1/executor")
IDS = {
    "framework_id": {"value": os.environ["MESOS_FRAMEWORK_ID"]},
    "executor_id": {"value": os.environ["MESOS_EXECUTOR_ID"]},
}
UPDATES: dict[str, Json] = {}
TASKS: set[str] = set()
HANGING = threading.Event()


def note(value: Json) -> None:
    with open("events", "a") as stream:
        stream.write(json.dumps({**value, "time": time.time()}) + "\n")


def request(call: Json) -> tuple[HTTPConnection, Any]:
    connection = HTTPConnection(ENDPOINT, timeout=None)
    headers = {"Content-Type": "application/json", "Accept": "application/json"}
    connection.request("POST", PATH, json.dumps({**call, **IDS}), headers)
    return connection, connection.getresponse()


def post(call: Json) -> None:
    try:
        connection, response = request(call)
        note({"type": "ANSWER", "status": response.status, "to": call["type"]})
        connection.close()
    except (OSError, HTTPException):
        pass


def update(task_id: str, state: str, **more: str) -> None:
    key = base64.b64encode(uuid.uuid4().bytes).decode()
    status = {"task_id": {"value": task_id}, "state": state, "source": "SOURCE_EXECUTOR", "uuid": key}
    UPDATES[key] = {"status": {**status, "timestamp": time.time(), "executor_id": IDS["executor_id"], **more}}
    post({"type": "UPDATE", "update": UPDATES[key]})


def on_launch(event: Json) -> None:
    task_id = event["launch"]["task"]["task_id"]["value"]
    TASKS.add(task_id)
    update(task_id, "TASK_STARTING")
    update(task_id, "TASK_RUNNING", message="up", data=base64.b64encode(b"running-data").decode())


def on_message(event: Json) -> None:
    text = base64.b64decode(event["message"]["data"]).decode()
    if text == "exit3":
        os._exit(3)
    elif text == "reconnect":
        raise ConnectionAbortedError
    elif text == "hang":
        HANGING.set()
    elif text == "child":
        child = subprocess.Popen(["sleep", "300"], start_new_session=True)
        note({"type": "CHILD", "pid": child.pid})
    data = base64.b64encode(f"echo:{text}".encode()).decode()
    post({"type": "MESSAGE", "message": {"data": data}})


def on_event(event: Json) -> None:
    note(event)
    kind = event["type"]
    if kind == "LAUNCH":
        on_launch(event)
    elif kind == "KILL":
        task_id = event["kill"]["task_id"]["value"]
        TASKS.discard(task_id)
        update(task_id, "TASK_KILLED", message="killed by executor")
    elif kind == "ACKNOWLEDGED":
        UPDATES.pop(event["acknowledged"]["uuid"], None)
    elif kind == "MESSAGE":
        on_message(event)
    elif kind == "LAUNCH_GROUP":
        for task in event["launch_group"]["task_group"]["tasks"]:
            on_launch({"launch": {"task": task}})
    elif kind == "SHUTDOWN" and not HANGING.is_set():
        for task_id in sorted(TASKS):
            update(task_id, "TASK_KILLED", message="executor shutdown")
        sys.exit(0)


def main() -> None:
    files = sorted(path.name for path in Path().iterdir())
    note({"type": "ENVIRONMENT", "environment": dict(os.environ), "cwd": str(Path.cwd()), "files": files})
    connection: HTTPConnection
    while True:
        subscribe = {"unacknowledged_tasks": [], "unacknowledged_updates": list(UPDATES.values())}
        try:
            connection, response = request({"type": "SUBSCRIBE", "subscribe": subscribe})
            if response.status != 200:
                note({"type": "REFUSED", "status": response.status, "text": response.read().decode()})
            while line := response.readline():
                on_event(json.loads(response.read(int(line))))
            connection.close()
        except ConnectionAbortedError:
            connection.close()
            note({"type": "DISCONNECTED", "error": "told to"})
            while not Path("back").exists():
                time.sleep(0.02)
        except (OSError, HTTPException, ValueError) as error:
            note({"type": "DISCONNECTED", "error": str(error)})
        time.sleep(0.1)


if __name__ == "__main__":
    main()
