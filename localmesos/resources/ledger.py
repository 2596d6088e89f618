"""Who has what of one agent: its total, what is free, offered and used. Pure; the four always add up."""

from collections.abc import Iterable

from localmesos.resources.arithmetic import Resources


class LedgerError(ValueError):
    """An entry that would not add up."""


class AgentLedger:
    """Resources of one agent. `total` and `free` are allocated to nobody, offered and used ones to a role."""

    def __init__(self, total: Resources) -> None:
        self.total = total
        self.free = total
        self.offered: dict[str, Resources] = {}
        """By offer id."""
        self.used: dict[str, Resources] = {}
        """By framework id."""

    def offer(self, offer_id: str, role: str, resources: Resources) -> Resources:
        """Offer free resources to a role; as allocated."""
        if not self.free.contains(resources):
            raise LedgerError(f"{resources} is not free in {self.free}")
        self.free -= resources
        self.offered[offer_id] = resources.allocated(role)
        return self.offered[offer_id]

    def take_back(self, offer_id: str) -> Resources:
        """End an offer; what was in it is nobody's until `release` or `use`."""
        return self.offered.pop(offer_id)

    def release(self, resources: Resources) -> None:
        """Free again."""
        self.free += resources.allocated(None)

    def use(self, framework_id: str, resources: Resources) -> None:
        """Enter what a framework uses, out of resources that were taken back."""
        self.used[framework_id] = self.used.get(framework_id, Resources()) + resources

    def recover(self, framework_id: str, resources: Resources) -> None:
        """A framework's task or executor has ended: free again."""
        left = self.used.get(framework_id, Resources()) - resources
        if left:
            self.used[framework_id] = left
        else:
            self.used.pop(framework_id, None)
        self.release(resources)

    def occupy(self, framework_id: str, resources: Resources) -> None:
        """Enter what a returning agent says is in use."""
        self.free -= resources.allocated(None)
        self.use(framework_id, resources)

    def convert(self, consumed: Resources, converted: Resources) -> None:
        """An operation has changed the agent's resources (those in question are taken back)."""
        self.total = self.total - consumed.allocated(None) + converted.allocated(None)

    @property
    def all_used(self) -> Resources:
        return _sum(self.used.values())

    @property
    def all_offered(self) -> Resources:
        return _sum(self.offered.values())

    @property
    def checkpointed(self) -> Resources:
        """Dynamic reservations and volumes: what the agent must keep on disk."""
        return self.total.filter(lambda piece: piece.checkpointed)


def _sum(parts: Iterable[Resources]) -> Resources:
    return Resources(piece for part in parts for piece in part)
