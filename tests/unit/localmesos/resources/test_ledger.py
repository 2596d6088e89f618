"""An agent's resources always add up, whatever is offered, used, reserved and recovered."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from localmesos.resources.arithmetic import Resource, Resources
from localmesos.resources.ledger import AgentLedger, LedgerError
from localmesos.resources.operations import Operator, convert

RESERVATION = {"type": "DYNAMIC", "role": "r", "principal": "p"}


def cpus(millis: int) -> Resources:
    return Resources([Resource("cpus", millis)])


class Ledger(RuleBasedStateMachine):
    """Random bookings on one agent; frameworks f and g, role r."""

    def __init__(self) -> None:
        super().__init__()
        total = Resources([Resource("cpus", 4000), Resource("ports", ((1, 20),))])
        self.ledger = AgentLedger(total)
        self.offers = 0
        self.used: list[tuple[str, Resources]] = []

    @precondition(lambda self: self.ledger.free)
    @rule()
    def offer(self) -> None:
        self.offers += 1
        self.ledger.offer(f"o{self.offers}", "r", self.ledger.free)

    @precondition(lambda self: self.ledger.offered)
    @rule(millis=st.integers(1, 2000), reserve=st.booleans(), framework=st.sampled_from("fg"))
    def accept(self, millis: int, reserve: bool, framework: str) -> None:
        pool = self.ledger.take_back(next(iter(self.ledger.offered)))
        wanted = cpus(millis).allocated("r")
        if reserve and pool.contains(wanted):
            pieces = [{**piece.to_json(), "reservations": [RESERVATION]} for piece in wanted]
            operation = {"type": "RESERVE", "reserve": {"resources": pieces}}
            change = convert(operation, Operator("r", "p"), pool, self.ledger.total)
            self.ledger.convert(change.consumed, change.converted)
            pool, wanted = pool - change.consumed + change.converted, change.converted
        if pool.contains(wanted):
            pool -= wanted
            self.ledger.use(framework, wanted)
            self.used.append((framework, wanted))
        self.ledger.release(pool)

    @precondition(lambda self: self.ledger.offered)
    @rule()
    def decline(self) -> None:
        self.ledger.release(self.ledger.take_back(next(iter(self.ledger.offered))))

    @precondition(lambda self: self.used)
    @rule(data=st.data())
    def recover(self, data: st.DataObject) -> None:
        index = data.draw(st.integers(0, len(self.used) - 1))
        self.ledger.recover(*self.used.pop(index))

    @invariant()
    def adds_up(self) -> None:
        ledger = self.ledger
        spent = (ledger.all_offered + ledger.all_used).allocated(None)
        assert ledger.free + spent == ledger.total
        unreserved = [piece if not piece.reservations else piece.popped() for piece in ledger.total]
        assert Resources(unreserved) == Resources([Resource("cpus", 4000), Resource("ports", ((1, 20),))])


TestLedger = Ledger.TestCase
TestLedger.settings = settings(max_examples=50, stateful_step_count=30, deadline=None)


def test_what_is_not_free_cannot_be_offered() -> None:
    ledger = AgentLedger(cpus(1000))
    ledger.offer("o1", "r", cpus(600))
    with pytest.raises(LedgerError):
        ledger.offer("o2", "r", cpus(600))
