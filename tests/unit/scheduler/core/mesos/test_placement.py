"""Placement constraints: how they are written, and what they allow."""

from __future__ import annotations

import pytest

from scheduler.core.mesos import placement
from scheduler.core.mesos.placement import Constraint, Operator, PlacementError, Spread, parse_constraints
from scheduler.core.state.node import Agent


@pytest.mark.parametrize(
    ("text", "constraints"),
    [
        ("", []),
        ("  ", []),
        ("hostname:UNIQUE", [("hostname", "UNIQUE", None)]),
        ("@hostname:unique", [("hostname", "UNIQUE", None)]),
        ("rack:MAX_PER:2,zone:LIKE:z[1-3]", [("rack", "MAX_PER", "2"), ("zone", "LIKE", "z[1-3]")]),
        ("rack:GROUP_BY", [("rack", "GROUP_BY", None)]),
        ("rack:GROUP_BY:3", [("rack", "GROUP_BY", "3")]),
        ("rack:CLUSTER:r1", [("rack", "CLUSTER", "r1")]),
        (r"rack:LIKE:r{1\,2}", [("rack", "LIKE", "r{1,2}")]),
        (r"a\:b:LIKE:\d+", [("a:b", "LIKE", r"\d+")]),
        ("rack:LIKE:a:b", [("rack", "LIKE", "a:b")]),
        (" rack : UNLIKE : r1 ", [("rack", "UNLIKE", "r1")]),
        ('["rack", "LIKE", "r.*"]', [("rack", "LIKE", "r.*")]),
        ('[["hostname", "UNIQUE"], ["rack", "MAX_PER", 2]]', [("hostname", "UNIQUE", None), ("rack", "MAX_PER", "2")]),
        ("[]", None),
    ],
)
def test_written_forms(text: str, constraints: list[tuple[str, str, str | None]] | None) -> None:
    if constraints is None:
        assert parse_constraints(text) == ()
        return
    assert parse_constraints(text) == tuple(
        Constraint(field, Operator(name), value) for field, name, value in constraints
    )


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("rack", "must be field:OPERATOR"),
        (":UNIQUE", "must be field:OPERATOR"),
        ("rack:NEAR:r1", "unknown operator 'NEAR'"),
        ("rack:MAX_PER", "MAX_PER needs a value"),
        ("rack:MAX_PER:0", "'0' is not a number above 0"),
        ("rack:MAX_PER:two", "'two' is not a number above 0"),
        ("rack:GROUP_BY:-1", "'-1' is not a number above 0"),
        ("rack:LIKE", "LIKE needs a value"),
        ("rack:LIKE:[", "not a regular expression"),
        pytest.param(f"hostname:MAX_PER:{'9' * 3000}", "more than 6 digits", id="3000 digits"),
        pytest.param("r:LIKE:" + "x" * 5000, "4000 is the limit", id="long"),
        pytest.param("[" * 3000, "not valid JSON", id="deep JSON"),
        ("rack:LIKE:(?=a)b", "not a regular expression of RE2: invalid perl operator"),
        ("rack:UNLIKE:(a)\\1", "not a regular expression of RE2"),
        ("hostname:UNIQUE:3", "UNIQUE takes no value"),
        ("@zone:UNIQUE", "neither @hostname nor an attribute"),
        ('["rack"]', "must be field:OPERATOR"),
        ('["rack", "LIKE"', "not valid JSON"),
        ('[["rack", "LIKE", ["a"]]]', "must be a list of texts"),
        ('["a", ["b"]]', "must be a list of texts"),
        (r'["hostname", "LIKE", "\ud800"]', "holds a control character or half of a pair"),
        (r'["\udfff", "UNIQUE"]', "holds a control character or half of a pair"),
        (r'[["zone", "CLUSTER", "a\u0000\u001b"]]', "holds a control character or half of a pair"),
    ],
)
def test_mistakes_are_one_sentence(text: str, part: str) -> None:
    with pytest.raises(PlacementError) as caught:
        parse_constraints(text)
    assert part in str(caught.value)
    assert "\n" not in str(caught.value)


def agent(rack: str | None, hostname: str = "h") -> Agent:
    return Agent("S", hostname, {} if rack is None else {"rack": rack})


@pytest.mark.parametrize(
    ("constraint", "others", "rack", "refusal"),
    [
        ("rack:UNIQUE", [], "r1", ""),
        ("rack:UNIQUE", ["r1"], "r2", ""),
        ("rack:UNIQUE", ["r1"], "r1", "already on r1"),
        ("rack:UNIQUE", [], None, "no attribute rack"),
        ("rack:MAX_PER:2", ["r1"], "r1", ""),
        ("rack:MAX_PER:2", ["r1", "r1"], "r1", "2 nodes are already on r1"),
        ("rack:MAX_PER:2", ["r1", "r1"], "r2", ""),
        ("rack:MAX_PER:2", [], None, "no attribute rack"),
        ("rack:CLUSTER:r1", [], "r1", ""),
        ("rack:CLUSTER:r1", [], "r2", "r2 is not r1"),
        ("rack:CLUSTER", [], "r2", ""),
        ("rack:CLUSTER", ["r2"], "r2", ""),
        ("rack:CLUSTER", ["r2"], "r1", "r1 is not r2"),
        ("rack:LIKE:r[12]", [], "r1", ""),
        ("rack:LIKE:r", [], "r1", "does not match"),
        ("rack:LIKE:r1", [], None, "no attribute rack"),
        ("rack:UNLIKE:r1", [], "r1", "matches"),
        ("rack:UNLIKE:r", [], "r1", ""),
        ("rack:UNLIKE:r1", [], None, ""),
        ("rack:GROUP_BY", [], "r1", ""),
        ("rack:GROUP_BY", ["r1"], "r2", ""),
        ("rack:GROUP_BY", ["r1", "r2"], "r1", ""),
        ("rack:GROUP_BY", ["r1", "r1", "r2"], "r1", "2 nodes are already on r1"),
        ("rack:GROUP_BY", ["r1"], "r1", ""),
        ("rack:GROUP_BY:3", ["r1"], "r1", "only 1 of 3 values"),
        ("rack:GROUP_BY:3", ["r1", "r2"], "r2", "only 2 of 3 values"),
        ("rack:GROUP_BY:3", ["r1", "r2"], "r3", ""),
        ("rack:GROUP_BY:3", ["r1", "r2", "r3"], "r1", ""),
        ("rack:GROUP_BY", [], None, "no attribute rack"),
    ],
)
def test_what_is_allowed(constraint: str, others: list[str], rack: str | None, refusal: str) -> None:
    found = Spread(parse_constraints(constraint), [agent(other) for other in others]).refusals(agent(rack))
    assert bool(found) == bool(refusal)
    assert refusal in "".join(found)


def test_hostnames_count_like_attributes() -> None:
    spread = Spread(parse_constraints("hostname:UNIQUE"), [agent("r1", "a")])
    assert spread.refusals(agent("r1", "b")) == ()
    assert spread.refusals(agent("r1", "a")) == ("hostname:UNIQUE: a node is already on a",)


def test_every_reason_is_given() -> None:
    spread = Spread(parse_constraints("rack:LIKE:r9,zone:UNIQUE,hostname:UNLIKE:h"), [])
    assert len(spread.refusals(agent("r1"))) == 3


def test_an_expression_that_backtracks_for_ever_elsewhere_is_matched_at_once() -> None:
    spread = Spread(parse_constraints(r"hostname:LIKE:([\w.-]+)+!"), [])
    assert spread.refusals(Agent("S", "a" * 200, {})) == (rf"hostname:LIKE:([\w.-]+)+!: {'a' * 200} does not match",)


@pytest.mark.timeout(60)
def test_groups_take_no_time() -> None:
    """With their texts, each of these names would take a second and more."""
    [constraint] = parse_constraints(f"hostname:LIKE:{'(.*)' * 900}x")
    spread = Spread([constraint], [])
    for number in range(5000):
        assert spread.refusals(Agent("S", f"{number}" + "a" * 240)) != ()


def test_patterns_of_many_previews_take_no_more_memory() -> None:
    for number in range(placement.PATTERNS + 10):
        parse_constraints(f"hostname:LIKE:h{number}")
    assert placement._pattern.cache_info().currsize == placement.PATTERNS
