"""The plans, nodes and contact points of a local cluster, read from its REST API."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from devcluster.layout import ClusterLayout
from devcluster.progress import PlanView, parse
from devcluster.requests import UnreachableError, get

# These plans bring nodes up; an operator starts the others, and can have stopped one half-way.
BRING_UP = ("deploy", "recovery")


@dataclass(frozen=True)
class NodeView:
    """One node: its address, and its mode, or the reason why it did not answer."""

    name: str
    address: str
    mode: str


@dataclass(frozen=True)
class ClusterApi:
    """A reader of one local cluster's API. Every call raises UnreachableError without a good answer."""

    layout: ClusterLayout
    token: str

    def plans(self) -> list[PlanView]:
        """Return all plans, the deploy plan first."""
        names = sorted(self._read("/v1/plans"), key=lambda name: (name != "deploy", name))
        return [parse(name, self._read(f"/v1/plans/{name}")) for name in names]

    def serving(self) -> list[str]:
        """Return `address:port` of every node that serves CQL now."""
        return [str(node) for node in self._read("/v1/connection")["nodes"]]

    def has_users(self) -> bool:
        """Return whether the superusers are made, and every node asks for them."""
        return bool(self._read("/v1/users")["ready"])

    def authorities(self) -> str:
        """Return the authorities of the nodes' certificates, in PEM."""
        return "".join(str(item["certificate"]) for item in self._read("/v1/certificates")["authorities"])

    def nodes(self) -> list[NodeView]:
        """Return all nodes that the scheduler knows, in their order."""
        return [self._node(str(name)) for name in self._read("/v1/nodes/list")]

    def _node(self, name: str) -> NodeView:
        info = self._read(f"/v1/nodes/{name}/info")
        try:
            mode = str(self._read(f"/v1/nodes/{name}/status")["mode"])
        except UnreachableError as error:
            mode = f"no answer ({error})"
        return NodeView(name, str(info.get("hostname") or "not placed"), mode)

    def _read(self, path: str) -> Any:
        response = get(
            self.layout.api, path, {"Authorization": f"token={self.token}"}, seconds=10.0, ca=self.layout.api_ca
        )
        if response.status != 200:
            raise UnreachableError(f"{path} is answered with {response.status}")
        return response.json()
