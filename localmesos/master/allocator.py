"""The choice of offers: the framework with the smallest dominant share first, agent by agent."""

from collections.abc import Iterable, Iterator
from typing import Any

from localmesos.master.state.cluster import Cluster
from localmesos.master.state.records import Agent, Filter, Framework, Offer
from localmesos.resources.arithmetic import UNRESERVED_ROLE, Resource, Resources

Json = dict[str, Any]

_DEFAULT_REFUSE_SECONDS = 5.0
_MAX_REFUSE_SECONDS = 365 * 24 * 3600.0
_MIN_CPUS, _MIN_MEM = 10, 32_000
"""Thousandths: an offer has at least one of them."""


class Allocator:
    """The maker of offers. `interval`: seconds between the runs; a filter lasts at least until the next."""

    def __init__(self, cluster: Cluster, interval: float) -> None:
        self._cluster = cluster
        self._interval = interval
        self.runs = 0

    def run(self) -> None:
        """Offer all resources that no filter excludes."""
        self.runs += 1
        found: dict[str, list[Offer]] = {}
        for agent in self._cluster.agents.values():
            if agent.connected and agent.ledger.free:
                for offer in self._offer_agent(agent):
                    found.setdefault(offer.framework_id, []).append(offer)
        for framework_id, offers in found.items():
            framework = self._cluster.frameworks[framework_id]
            framework.send("OFFERS", {"offers": [self.offer_json(framework, offer) for offer in offers]})

    def _offer_agent(self, agent: Agent) -> Iterator[Offer]:
        for framework, role in self._sorted_clients():
            resources = _open_to(role, agent.ledger.free)
            if _worth_offering(resources) and not self._filtered(framework, role, agent, resources):
                yield self._offer(framework, role, agent, resources)

    def _offer(self, framework: Framework, role: str, agent: Agent, resources: Resources) -> Offer:
        offer_id = self._cluster.new_offer_id()
        allocated = agent.ledger.offer(offer_id, role, resources)
        offer = Offer(offer_id, framework.framework_id, agent.agent_id, role, allocated)
        self._cluster.offers[offer_id] = framework.offers[offer_id] = offer
        return offer

    def _sorted_clients(self) -> list[tuple[Framework, str]]:
        wanting = [f for f in self._cluster.frameworks.values() if f.connected and set(f.roles) - f.suppressed]
        if len(wanting) > 1:
            total = _scalars(piece for agent in self._cluster.agents.values() for piece in agent.ledger.total)
            wanting.sort(key=lambda framework: self._share(framework, total))
        return [(f, role) for f in wanting for role in f.roles if role not in f.suppressed]

    def _share(self, framework: Framework, total: dict[str, int]) -> float:
        framework_id = framework.framework_id
        used = (agent.ledger.used.get(framework_id, ()) for agent in self._cluster.agents.values())
        parts = [*used, *(offer.resources for offer in framework.offers.values())]
        mine = _scalars(piece for part in parts for piece in part)
        return max((value / total[name] for name, value in mine.items() if total.get(name)), default=0.0)

    def _filtered(self, framework: Framework, role: str, agent: Agent, resources: Resources) -> bool:
        key, now = (role, agent.agent_id), self._cluster.steady_clock()
        live = [entry for entry in framework.filters.get(key, ()) if entry.until > now]
        if live:
            framework.filters[key] = live
        else:
            framework.filters.pop(key, None)
        return any(entry.resources.contains(resources) for entry in live)

    def refuse(self, framework: Framework, role: str, agent_id: str, resources: Resources, filters: Json) -> None:
        """Exclude these resources, and smaller ones, from offers for as long as `filters` say."""
        seconds = filters.get("refuse_seconds", _DEFAULT_REFUSE_SECONDS)
        if not seconds >= 0:
            seconds = _DEFAULT_REFUSE_SECONDS
        if seconds == 0 or not resources:
            return
        seconds = max(min(seconds, _MAX_REFUSE_SECONDS), self._interval)
        entry = Filter(resources.allocated(None), self._cluster.steady_clock() + seconds)
        framework.filters.setdefault((role, agent_id), []).append(entry)

    def offer_json(self, framework: Framework, offer: Offer) -> Json:
        """Return an offer as its framework sees it."""
        agent = self._cluster.agents[offer.agent_id]
        found: Json = {
            "id": {"value": offer.offer_id},
            "framework_id": {"value": offer.framework_id},
            "agent_id": {"value": offer.agent_id},
            "hostname": agent.hostname,
            "url": {
                "scheme": "http",
                "address": {"hostname": agent.hostname, "ip": agent.ip, "port": agent.port},
                "path": "/slave(1)",
            },
            "resources": framework.shown_resources(offer.resources),
        }
        if agent.info.get("attributes"):
            found["attributes"] = agent.info["attributes"]
        if executors := agent.executors_of(framework.framework_id):
            found["executor_ids"] = [{"value": executor_id} for executor_id in executors]
        if framework.multi_role:
            found["allocation_info"] = {"role": offer.role}
        return found


def _open_to(role: str, free: Resources) -> Resources:
    def may_have(piece: Resource) -> bool:
        reserved = piece.reserved_role
        return reserved in (UNRESERVED_ROLE, role) or role.startswith(f"{reserved}/")

    return free.filter(may_have)


def _scalars(pieces: Iterable[Resource]) -> dict[str, int]:
    found: dict[str, int] = {}
    for piece in pieces:
        if isinstance(piece.value, int):
            found[piece.name] = found.get(piece.name, 0) + piece.value
    return found


def _worth_offering(resources: Resources) -> bool:
    found = _scalars(resources)
    return found.get("cpus", 0) >= _MIN_CPUS or found.get("mem", 0) >= _MIN_MEM
