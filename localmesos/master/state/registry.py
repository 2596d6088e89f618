"""The state that survives a master's restart, in one file: frameworks, agents, the unreachable and the gone."""

import json
import os
from pathlib import Path
from typing import Any

from localmesos.master.state.cluster import Cluster
from localmesos.master.state.records import Framework

Json = dict[str, Any]

_FORMAT = 1


class JournalError(Exception):
    """A file that cannot be read; the text is for people."""


class Journal:
    """The file ``registry.json`` in a directory; written as a whole, and replaced only by a complete one."""

    def __init__(self, work_dir: Path) -> None:
        self._path = work_dir / "registry.json"

    def load(self, cluster: Cluster) -> None:
        """Enter the saved frameworks as disconnected and the saved agents as absent.

        Raises:
            JournalError: the file cannot be read.
        """
        try:
            data = json.loads(self._path.read_bytes())
        except FileNotFoundError:
            return
        except (OSError, ValueError) as error:
            raise JournalError(f"{self._path} cannot be read: {error}") from error
        if not isinstance(data, dict) or data.get("format") != _FORMAT:
            raise JournalError(f"{self._path} is not a registry of format {_FORMAT}")
        for item in data["frameworks"]:
            cluster.frameworks[item["info"]["id"]["value"]] = _framework(item)
        for item in data["completed"]:
            cluster.completed[item["info"]["id"]["value"]] = _framework(item)
        cluster.recovered_agents.update({info["id"]["value"]: info for info in data["agents"]})
        cluster.unreachable.update(data["unreachable"])
        cluster.gone.update(data["gone"])

    def save(self, cluster: Cluster) -> None:
        """Write the state.

        Raises:
            OSError: the disk fails or is full.
        """
        agents = [agent.info for agent in cluster.agents.values()]
        data = {
            "format": _FORMAT,
            "frameworks": [_saved(framework) for framework in cluster.frameworks.values()],
            "completed": [_saved(framework) for framework in cluster.completed.values()],
            "agents": [*agents, *cluster.recovered_agents.values()],
            "unreachable": cluster.unreachable,
            "gone": cluster.gone,
        }
        partial = self._path.with_suffix(".new")
        with partial.open("w") as stream:
            json.dump(data, stream)
            stream.flush()
            os.fsync(stream.fileno())
        partial.replace(self._path)


def _saved(framework: Framework) -> Json:
    return {
        "info": framework.info,
        "registered_time": framework.registered_time,
        "reregistered_time": framework.reregistered_time,
        "unregistered_time": framework.unregistered_time,
    }


def _framework(item: Json) -> Framework:
    return Framework(
        item["info"],
        item["registered_time"],
        item["reregistered_time"],
        unregistered_time=item["unregistered_time"],
        recovered=True,
    )
