"""Settings of an agent."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from localmesos.agent.containers.containers import AgentPlace

Json = dict[str, Any]


@dataclass(frozen=True)
class AgentConfig:
    """Settings of an agent. All times are in seconds; ``resources`` and ``attributes`` are Mesos JSON.

    ``fetcher_ca_file`` has authorities of HTTPS servers beside the system's.
    ``token_key`` signs the tokens of executors; None if executors need none. ``executor_environment``: variables of all
    executors.
    """

    ip: str
    port: int
    hostname: str
    master: str
    work_dir: Path
    resources: list[Json]
    attributes: list[Json]
    fetcher_cache_dir: Path
    fetcher_ca_file: Path | None = None
    executor_registration_timeout: float = 60.0
    executor_reregistration_timeout: float = 2.0
    recovery_timeout: float = 900.0
    executor_shutdown_grace_period: float = 5.0
    status_update_retry: float = 10.0
    gc_delay: float = 604800.0
    reap_interval: float = 0.1
    token_key: bytes | None = field(default=None, repr=False)
    executor_environment: Mapping[str, str] = field(default_factory=dict)

    def agent_info(self, agent_id: str | None) -> Json:
        """Return Mesos' AgentInfo; without an id before the first registration."""
        info: Json = {"hostname": self.hostname, "port": self.port, "resources": self.resources}
        if self.attributes:
            info["attributes"] = self.attributes
        if agent_id is not None:
            info["id"] = {"value": agent_id}
        return info

    def place(self, agent_id: str) -> AgentPlace:
        """Return the facts of this agent that its containers get."""
        return AgentPlace(
            agent_id=agent_id,
            ip=self.ip,
            port=self.port,
            work_dir=self.work_dir,
            recovery_timeout=self.recovery_timeout,
            reregistration_timeout=self.executor_reregistration_timeout,
            shutdown_grace_period=self.executor_shutdown_grace_period,
            token_key=self.token_key,
            environment=self.executor_environment,
        )
