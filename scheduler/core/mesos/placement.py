"""Placement constraints in Marathon's syntax, parsed once and applied to each agent for a new node.

The form is `field:OPERATOR[:value]`, such as `hostname:UNIQUE` or `zone:GROUP_BY:3`, separated by commas; a backslash
keeps a comma or colon. A JSON list, or a JSON list of lists, means the same. All constraints must hold. Only the other
Cassandra nodes of this cluster count.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

import re2

from scheduler.core.state.node import Agent

_HOSTNAMES = ("hostname", "@hostname")
MAX_LENGTH = 4_000
_DIGITS = 6
# What JSON can write by escapes: half of a surrogate pair can be neither stored nor compiled.
_BAD = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
# Compiled; RE2 refuses an expression that takes more.
_PATTERN_BYTES = 1 << 20
# The most that are kept: more than a constraint can have. Each preview can bring others.
PATTERNS = 512


class PlacementError(ValueError):
    """A constraint with a wrong form; the text is one sentence."""


class Operator(StrEnum):
    """Marathon's operators."""

    UNIQUE = "UNIQUE"
    CLUSTER = "CLUSTER"
    GROUP_BY = "GROUP_BY"
    LIKE = "LIKE"
    UNLIKE = "UNLIKE"
    MAX_PER = "MAX_PER"


@dataclass(frozen=True)
class Constraint:
    """One constraint; `field` is "hostname" or the name of an agent attribute."""

    field: str
    operator: Operator
    value: str | None = None

    def __str__(self) -> str:
        parts = (self.field, self.operator.value) + ((self.value,) if self.value is not None else ())
        return ":".join(parts)


def parse_constraints(text: str) -> tuple[Constraint, ...]:
    """Return the constraints in a text such as `hostname:UNIQUE`, none for an empty one.

    Raises:
        PlacementError: A constraint has a wrong form.
    """
    text = text.strip()
    if not text:
        return ()
    if len(text) > MAX_LENGTH:
        raise PlacementError(f"the placement constraint has {len(text)} characters, and {MAX_LENGTH} is the limit")
    rows = _json_rows(text) if text.startswith("[") else _colon_rows(text)
    return tuple(_constraint(row) for row in rows)


class Spread:
    """The agents of the other nodes, counted once, so that the check of one agent does not depend on their number."""

    def __init__(self, constraints: Iterable[Constraint], others: Iterable[Agent]) -> None:
        self._constraints = tuple(constraints)
        agents = tuple(others)
        self._counts: Mapping[str, Counter[str]] = {
            field: Counter(value for agent in agents if (value := _value(agent, field)) is not None)
            for field in {constraint.field for constraint in self._constraints}
        }

    def refusals(self, agent: Agent) -> tuple[str, ...]:
        """Return every reason against a node on this agent; empty if all constraints hold."""
        found = (self._refusal(constraint, agent) for constraint in self._constraints)
        return tuple(reason for reason in found if reason is not None)

    def _refusal(self, constraint: Constraint, agent: Agent) -> str | None:
        value = _value(agent, constraint.field)
        if value is None:
            if constraint.operator is Operator.UNLIKE:
                return None
            return f"{constraint}: the agent has no attribute {constraint.field}"
        problem = _problem(constraint, value, self._counts[constraint.field])
        return None if problem is None else f"{constraint}: {problem}"


def _problem(constraint: Constraint, value: str, counts: Counter[str]) -> str | None:
    here, wanted = counts[value], constraint.value or ""
    match constraint.operator:
        case Operator.UNIQUE:
            return f"a node is already on {value}" if here else None
        case Operator.MAX_PER:
            return f"{here} nodes are already on {value}" if here >= int(wanted) else None
        case Operator.LIKE:
            return None if _pattern(wanted).fullmatch(value) else f"{value} does not match"
        case Operator.UNLIKE:
            return f"{value} matches" if _pattern(wanted).fullmatch(value) else None
        case Operator.CLUSTER:
            allowed = {wanted} if wanted else set(counts) or {value}
            return None if value in allowed else f"{value} is not {' or '.join(sorted(allowed))}"
        case Operator.GROUP_BY:
            return _group_problem(value, counts, int(wanted) if wanted else 0)


def _group_problem(value: str, counts: Counter[str], expected: int) -> str | None:
    fewest = min(counts.values(), default=0) if len(counts) >= expected else 0
    if counts[value] <= fewest:
        return None
    missing = f", and only {len(counts)} of {expected} values are in use" if len(counts) < expected else ""
    return f"{counts[value]} nodes are already on {value}, {fewest} on another value{missing}"


def _value(agent: Agent, field: str) -> str | None:
    return agent.hostname if field == "hostname" else agent.attributes.get(field)


def _json_rows(text: str) -> list[list[str]]:
    try:
        document = json.loads(text)
    except (RecursionError, ValueError) as error:
        raise PlacementError(f"the placement constraint is not valid JSON: {error}") from error
    rows = document if all(isinstance(row, list) for row in document) else [document]
    for row in rows:
        if not all(isinstance(part, str | int) and not isinstance(part, bool) for part in row):
            raise PlacementError(f"the placement constraint {json.dumps(row)} must be a list of texts")
    return [[str(part) for part in row] for row in rows]


def _colon_rows(text: str) -> list[list[str]]:
    rows = []
    for row in re.split(r"(?<!\\),", text):
        parts = re.split(r"(?<!\\):", row.strip(), maxsplit=2)
        rows.append([re.sub(r"\\([,:])", r"\1", part) for part in parts])
    return rows


def _constraint(row: list[str]) -> Constraint:
    shown = ":".join(row)[:200]
    if any(_BAD.search(part) for part in row):
        raise PlacementError(f"the placement constraint {shown!a} holds a control character or half of a pair")
    if not 2 <= len(row) <= 3 or not row[0].strip():
        raise PlacementError(f"the placement constraint {shown!r} must be field:OPERATOR or field:OPERATOR:value")
    field, name = row[0].strip(), row[1].strip().upper()
    if field in _HOSTNAMES:
        field = "hostname"
    elif field.startswith("@"):
        raise PlacementError(
            f"the placement constraint {shown!r} names {field}, which is neither @hostname nor an attribute"
        )
    try:
        operator = Operator(name)
    except ValueError:
        known = ", ".join(Operator)
        raise PlacementError(
            f"the placement constraint {shown!r} has the unknown operator {row[1]!r} (known: {known})"
        ) from None
    value = row[2].strip() if len(row) == 3 and row[2].strip() else None
    _check_value(shown, operator, value)
    return Constraint(field, operator, value)


def _check_value(shown: str, operator: Operator, value: str | None) -> None:
    if operator is Operator.UNIQUE and value is not None:
        raise PlacementError(f"the placement constraint {shown!r}: UNIQUE takes no value")
    if operator in (Operator.LIKE, Operator.UNLIKE, Operator.MAX_PER) and value is None:
        raise PlacementError(f"the placement constraint {shown!r}: {operator} needs a value")
    if operator in (Operator.GROUP_BY, Operator.MAX_PER) and value is not None:
        if not re.fullmatch("[1-9][0-9]*", value):
            raise PlacementError(f"the placement constraint {shown!r}: {value[:20]!r} is not a number above 0")
        if len(value) > _DIGITS:
            raise PlacementError(f"the placement constraint {shown!r}: its number has more than {_DIGITS} digits")
    if operator in (Operator.LIKE, Operator.UNLIKE) and value is not None:
        try:
            _pattern(value)
        except re2.error as error:
            words = error.args[0].decode() if error.args and isinstance(error.args[0], bytes) else str(error)
            raise PlacementError(
                f"the placement constraint {shown!r}: {value!r} is not a regular expression of RE2: {words}"
            ) from error


@lru_cache(maxsize=PATTERNS)
def _pattern(text: str) -> re2._Regexp:
    """Compile a regular expression whose matching takes linear time. Raises re2.error."""
    options = re2.Options()
    options.max_mem = _PATTERN_BYTES
    options.log_errors = False
    # Nothing asks for groups, and hundreds of them take seconds for each host name.
    options.never_capture = True
    return re2.compile(text, options)
