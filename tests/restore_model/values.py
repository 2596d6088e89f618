"""Types of CQL and their values: each value as a literal of CQL and as `SELECT JSON` returns it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

SCALAR, SET, LIST, MAP, TUPLE, UDT, COUNTER = "scalar", "set", "list", "map", "tuple", "udt", "counter"


@dataclass(frozen=True)
class Value:
    """One value. Values of a scalar type that is used in keys are in Cassandra's order by `rank`."""

    cql: str
    json: Any = field(compare=False)
    rank: int = field(default=0, compare=False)


@dataclass(frozen=True)
class Kind:
    """A type. `parts` are the types of its elements, `fields` the names of a user type's."""

    name: str
    family: str = SCALAR
    parts: tuple[Kind, ...] = ()
    fields: tuple[str, ...] = ()
    frozen: bool = False

    @property
    def cells(self) -> bool:
        """Return whether a column of it has a cell for each element."""
        return self.family in (SET, LIST, MAP, UDT) and not self.frozen

    @property
    def has_user_type(self) -> bool:
        """Return whether it contains a user type."""
        return self.family == UDT or any(part.has_user_type for part in self.parts)

    @property
    def has_duration(self) -> bool:
        """Return whether it is a duration or contains one."""
        return self.name == "duration" or any(part.has_duration for part in self.parts)

    def freeze(self) -> Kind:
        """Return the same type as one cell."""
        if not self.cells:
            return self
        return Kind(f"frozen<{self.name}>", self.family, self.parts, self.fields, True)


def _pool(*pairs: tuple[str, Any]) -> tuple[Value, ...]:
    return tuple(Value(cql, said, rank) for rank, (cql, said) in enumerate(pairs))


def _quoted(*texts: str) -> tuple[Value, ...]:
    return _pool(*((f"'{text}'", text) for text in texts))


def _plain(*numbers: Any) -> tuple[Value, ...]:
    return _pool(*((json.dumps(number), number) for number in numbers))


_UUIDS = ("00000000-0000-4000-8000-000000000001", "7d0f3b34-5d1c-4c5c-9f0b-2d6e3a1b4c5d")
POOLS = {
    "int": _plain(-2147483648, -1, 0, 7, 2147483647),
    "text": _quoted("A", "a", "a b", "zoë"),
    "bigint": _plain(-9223372036854775808, 0, 12, 9223372036854775807),
    "smallint": _plain(-32768, 3, 32767),
    "tinyint": _plain(-128, 4, 127),
    "varint": _plain(-5, 0, 123456789012345678901234567890),
    "boolean": _plain(False, True),
    "ascii": _quoted("", "Q", "x-y"),
    "date": _quoted("1970-01-01", "2024-02-29"),
    "time": _pool(("'00:00:00'", "00:00:00.000000000"), ("'13:14:15.123'", "13:14:15.123000000")),
    "timestamp": _pool(("0", "1970-01-01 00:00:00.000Z"), ("1700000000123", "2023-11-14 22:13:20.123Z")),
    "uuid": _pool(*((text, text) for text in _UUIDS)),
    "timeuuid": _pool(*((text, text) for text in ("13814000-1dd2-11b2-8080-808080808080",))),
    "blob": _pool(("0x", "0x"), ("0x00ff", "0x00ff")),
    "double": _plain(-1.5, 0.25, 1e10),
    "float": _plain(-0.5, 3.25),
    "decimal": _plain(-1.25, 10.5),
    "inet": _quoted("10.0.0.1", "127.0.0.1"),
    "duration": _pool(("1mo2d3h", "1mo2d3h"), ("12d", "12d")),
    "vector<float, 2>": _pool(("[0.5, -1.0]", [0.5, -1.0]), ("[2.0, 3.0]", [2.0, 3.0])),
}
KEYS = ("int", "text", "bigint", "boolean", "timestamp", "uuid", "date", "smallint")
# Of these, JSON's keys of an object are plain words.
_MAP_KEYS = ("int", "text", "uuid", "boolean")
_ELEMENTS = tuple(name for name in POOLS if name not in ("duration", "vector<float, 2>"))
TEXT = Kind("text")


def scalars(names: tuple[str, ...] = tuple(POOLS)) -> st.SearchStrategy[Kind]:
    """Draw a type with one cell and no parts."""
    return st.sampled_from(names).map(Kind)


@st.composite
def kinds(draw: st.DrawFn, user_types: tuple[Kind, ...] = (), depth: int = 2) -> Kind:
    """Any type; user types among those given. Not frozen at the top."""
    families = [SCALAR, SCALAR, SET, LIST, MAP, TUPLE, *([UDT, UDT] if user_types else [])]
    family = draw(st.sampled_from(families)) if depth else SCALAR
    if family == SCALAR:
        return draw(scalars())
    if family == UDT:
        return draw(st.sampled_from(user_types))

    def part() -> Kind:
        return draw(kinds(user_types, depth - 1)).freeze()

    if family == TUPLE:
        inner: tuple[Kind, ...] = (part(), draw(scalars(_ELEMENTS)))
        return Kind(f"tuple<{', '.join(kind.name for kind in inner)}>", TUPLE, inner, frozen=True)
    if family == MAP:
        inner = (draw(scalars(_MAP_KEYS)), part())
        return Kind(f"map<{', '.join(kind.name for kind in inner)}>", MAP, inner)
    inner = (part() if family == LIST else draw(scalars(_ELEMENTS)),)
    return Kind(f"{family}<{inner[0].name}>", family, inner)


@st.composite
def elements(draw: st.DrawFn, kind: Kind) -> tuple[tuple[Value, Value], ...]:
    """Path and value of each element, for a type with parts. The path of a list's is its place."""
    if kind.family in (TUPLE, UDT):
        given = [(Value(name, name), draw(values(part))) for name, part in zip(_places(kind), kind.parts, strict=True)]
        return tuple(given if kind.family == TUPLE else given[: draw(st.integers(1, len(given)))])
    count = draw(st.integers(1, 3))
    if kind.family == LIST:
        return tuple((Value(str(n), n), draw(values(kind.parts[0]))) for n in range(count))
    paths = dict.fromkeys(draw(values(kind.parts[0])) for _ in range(count))
    last = kind.parts[-1]
    return tuple((path, path if kind.family == SET else draw(values(last))) for path in paths)


def _places(kind: Kind) -> tuple[str, ...]:
    return kind.fields or tuple(str(n) for n in range(len(kind.parts)))


@st.composite
def values(draw: st.DrawFn, kind: Kind) -> Value:
    """Draw a whole value."""
    if kind.family == SCALAR:
        return draw(st.sampled_from(POOLS[kind.name]))
    given = draw(elements(kind))
    return Value(literal(kind, given), said(kind, given))


def literal(kind: Kind, given: tuple[tuple[Value, Value], ...]) -> str:
    """Return the elements as a literal of CQL."""
    if kind.family in (MAP, UDT):
        return "{" + ", ".join(f"{path.cql}: {value.cql}" for path, value in given) + "}"
    begin, end = {SET: ("{", "}"), LIST: ("[", "]"), TUPLE: ("(", ")")}[kind.family]
    return begin + ", ".join(value.cql for _, value in given) + end


def said(kind: Kind, given: tuple[tuple[Value, Value], ...]) -> Any:
    """Return the elements in the form that `canonical` gives to SELECT JSON's."""
    if kind.family == UDT:
        there = {path.cql: value.json for path, value in given}
        return {strip(name): there.get(name) for name in kind.fields}
    if kind.family == MAP:
        return {_key(path.json): value.json for path, value in given}
    found = [value.json for _, value in given]
    return sorted(found, key=json.dumps) if kind.family == SET else found


def canonical(kind: Kind, found: Any) -> Any:
    """Return a value of SELECT JSON in a form that can be compared: sets in one order, names without quotes."""
    if found is None or kind.family in (SCALAR, COUNTER):
        return found
    if kind.family == UDT:
        inner = dict(zip(map(strip, kind.fields), kind.parts, strict=True))
        return {strip(name): canonical(inner[strip(name)], value) for name, value in found.items()}
    if kind.family == MAP:
        return {name: canonical(kind.parts[1], value) for name, value in found.items()}
    inners = kind.parts if kind.family == TUPLE else kind.parts * len(found)
    items = [canonical(part, value) for part, value in zip(inners, found, strict=True)]
    return sorted(items, key=json.dumps) if kind.family == SET else items


def strip(name: str) -> str:
    """Return a name of CQL without its quotes."""
    return name[1:-1].replace('""', '"') if name.startswith('"') else name


def _key(found: Any) -> str:
    return found if isinstance(found, str) else json.dumps(found)
