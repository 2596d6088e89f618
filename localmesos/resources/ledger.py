"""The account of one agent's resources: total, free, offered and used. Pure; the four always add up."""

from collections.abc import Iterable

from localmesos.resources.arithmetic import Resources


class LedgerError(ValueError):
    """An entry that would not add up."""


class AgentLedger:
    """Resources of one agent. `total` and `free` are not allocated, offered and used ones are allocated to a role."""

    def __init__(self, total: Resources) -> None:
        self.total = total
        self.free = total
        self.offered: dict[str, Resources] = {}
        """By offer id."""
        self.used: dict[str, Resources] = {}
        """By framework id."""

    def offer(self, offer_id: str, role: str, resources: Resources) -> Resources:
        """Move free resources to an offer and return them as allocated to `role`."""
        if not self.free.contains(resources):
            raise LedgerError(f"{resources} is not free in {self.free}")
        self.free -= resources
        self.offered[offer_id] = resources.allocated(role)
        return self.offered[offer_id]

    def take_back(self, offer_id: str) -> Resources:
        """End an offer; its resources belong to the caller until `release` or `use`."""
        return self.offered.pop(offer_id)

    def release(self, resources: Resources) -> None:
        """Mark resources as free again."""
        self.free += resources.allocated(None)

    def use(self, framework_id: str, resources: Resources) -> None:
        """Enter the resources that a framework uses, out of those of an ended offer."""
        self.used[framework_id] = self.used.get(framework_id, Resources()) + resources

    def recover(self, framework_id: str, resources: Resources) -> None:
        """Free the resources of a framework's ended task or executor."""
        left = self.used.get(framework_id, Resources()) - resources
        if left:
            self.used[framework_id] = left
        else:
            self.used.pop(framework_id, None)
        self.release(resources)

    def occupy(self, framework_id: str, resources: Resources) -> None:
        """Enter the resources that a returning agent reports as used."""
        self.free -= resources.allocated(None)
        self.use(framework_id, resources)

    def convert(self, consumed: Resources, converted: Resources) -> None:
        """Replace resources that an operation has changed (those of an ended offer)."""
        self.total = self.total - consumed.allocated(None) + converted.allocated(None)

    @property
    def all_used(self) -> Resources:
        """Return the resources in use by all frameworks."""
        return _sum(self.used.values())

    @property
    def all_offered(self) -> Resources:
        """Return the resources in all offers."""
        return _sum(self.offered.values())

    @property
    def checkpointed(self) -> Resources:
        """Return the dynamic reservations and volumes, which the agent must keep on disk."""
        return self.total.filter(lambda piece: piece.checkpointed)


def _sum(parts: Iterable[Resources]) -> Resources:
    return Resources(piece for part in parts for piece in part)
