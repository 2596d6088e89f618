"""The scheduler's FrameworkInfo."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from scheduler.security.service_account import ServiceAccount
from scheduler.security.tls import Tls

CAPABILITIES = ("MULTI_ROLE", "RESERVATION_REFINEMENT", "PARTITION_AWARE")


@dataclass(frozen=True)
class FrameworkSettings:
    """The fields of FrameworkInfo, the master (`host:port` or `zk://host:port,…/path`), the secret or account, TLS."""

    master: str
    name: str
    user: str
    role: str
    principal: str
    secret: str | None = field(repr=False)
    failover_seconds: float
    hostname: str
    web_url: str | None = None
    tls: Tls | None = None
    account: ServiceAccount | None = None

    def info(self, framework_id: str | None) -> dict[str, Any]:
        """Return Mesos' FrameworkInfo."""
        info: dict[str, Any] = {
            "user": self.user,
            "name": self.name,
            "checkpoint": True,
            "failover_timeout": self.failover_seconds,
            "roles": [self.role],
            "principal": self.principal,
            "hostname": self.hostname,
            "capabilities": [{"type": name} for name in CAPABILITIES],
        }
        if self.web_url:
            info["webui_url"] = self.web_url
        if framework_id:
            info["id"] = {"value": framework_id}
        return info
