"""CQL as DESCRIBE writes it: cut into words, parsed and rewritten. Pure.

The input is always Cassandra's own output, so that few shapes are enough. Texts, comments and the bodies of functions
are never read as names.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

_WORD = re.compile(
    r"""(?P<space>\s+|--[^\n]*|//[^\n]*|/\*.*?\*/)
      | (?P<text>'(?:[^']|'')*'|\$\$.*?\$\$)
      | (?P<quoted>"(?:[^"]|"")*")
      | (?P<number>[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|-?\d[\w.]*)
      | (?P<name>[A-Za-z_]\w*)
      | (?P<symbol>.)""",
    re.VERBOSE | re.DOTALL,
)
# What a CREATE statement can create.
_KINDS = frozenset({"KEYSPACE", "TABLE", "TYPE", "INDEX", "VIEW", "FUNCTION", "AGGREGATE", "TRIGGER"})


class CqlError(ValueError):
    """A statement in a shape that DESCRIBE does not write; the text quotes its beginning."""


@dataclass(frozen=True)
class Word:
    """One word of a statement and its position. `name` is its meaning as an identifier, None if it is none."""

    text: str
    start: int
    end: int
    name: str | None

    def says(self, keyword: str) -> bool:
        """Return whether it is this keyword, passed in capitals, or this symbol."""
        return self.text.upper() == keyword


def words(text: str) -> tuple[Word, ...]:
    """Return all words except white space and comments."""
    return tuple(_words(text))


def _words(text: str) -> Iterator[Word]:
    for found in _WORD.finditer(text):
        kind, word = found.lastgroup, found.group()
        if kind == "name":
            yield Word(word, found.start(), found.end(), word.lower())
        elif kind == "quoted":
            yield Word(word, found.start(), found.end(), word[1:-1].replace('""', '"'))
        elif kind != "space":
            yield Word(word, found.start(), found.end(), None)


def quote(name: str) -> str:
    """Return an identifier in double quotes, which is valid for any name."""
    return '"' + name.replace('"', '""') + '"'


def split(text: str) -> tuple[str, ...]:
    """Split a text into statements without their semicolons; a semicolon inside a text or body does not split."""
    statements, start = [], 0
    for word in words(text):
        if word.text == ";":
            statements.append(text[start : word.start])
            start = word.end
    statements.append(text[start:])
    return tuple(found.strip() for found in statements if words(found))


def qualified_names(statement: str) -> Iterator[tuple[Word, Word]]:
    """Yield the two words of each `keyspace . name` in a statement, outside of texts."""
    found = words(statement)
    for first, dot, second in zip(found, found[1:], found[2:], strict=False):
        if dot.text == "." and first.name is not None and second.name is not None:
            yield first, second


def replace(statement: str, changes: Sequence[tuple[Word, str]]) -> str:
    """Return the statement with other texts in place of some words."""
    for word, text in sorted(changes, key=lambda change: change[0].start, reverse=True):
        statement = statement[: word.start] + text + statement[word.end :]
    return statement


def requalify(statement: str, target: Callable[[str, str, bool], tuple[str, str]]) -> str:
    """Return the statement with each `keyspace . name` mapped through `target`.

    `target` also gets whether the name is that of a column's masking function: a table can have the same name.
    """
    found = words(statement)
    masking = {
        third.start
        for first, second, third in zip(found, found[1:], found[2:], strict=False)
        if first.says("MASKED") and second.says("WITH")
    }
    changes = []
    for key_space, name in qualified_names(statement):
        given = (str(key_space.name), str(name.name))
        wanted = target(*given, key_space.start in masking)
        changes += [
            (word, quote(new))
            for word, old, new in zip((key_space, name), given, wanted, strict=True)
            if old != new
        ]  # fmt: skip
    return replace(statement, changes)


def if_not_exists(statement: str) -> str:
    """Return a CREATE statement with IF NOT EXISTS, and any other statement unchanged."""
    found = words(statement)
    if not found or not found[0].says("CREATE"):
        return statement
    # The first of these words says what is created; its name can be one of them, too.
    kind = next((word for word in found[1:4] if word.text.upper() in _KINDS), None)
    if kind is None or kind.says("TRIGGER"):
        return statement
    return f"{statement[: kind.end]} IF NOT EXISTS{statement[kind.end :]}"


def with_id(statement: str, identity: str) -> str:
    """Return a CREATE TABLE or VIEW with another id in place of its own; empty if it has none."""
    found = words(statement)
    at = _own_id(found)
    return "" if at is None else replace(statement, [(found[at + 2], identity)])


def without_id(statement: str) -> str:
    """Return a CREATE TABLE or VIEW without `ID = …` among its properties."""
    found = words(statement)
    at = _own_id(found)
    if at is None:
        return statement
    before, word, value = found[at - 1], found[at], found[at + 2]
    if before.says("WITH") and at + 3 < len(found) and found[at + 3].says("AND"):
        return statement[: word.start] + statement[found[at + 3].end :].lstrip()
    return statement[: before.start].rstrip() + statement[value.end :]


def _own_id(found: Sequence[Word]) -> int | None:
    """Return the index of `ID` among the properties; the condition of a view can have an `id = …`, too."""
    depth, begun = 0, False
    for index, (word, equals, value) in enumerate(zip(found, found[1:], found[2:], strict=False)):
        depth += {"(": 1, ")": -1}.get(word.text, 0)
        # In a column's definition it follows MASKED.
        begun = begun or (depth == 0 and word.says("WITH"))
        if begun and word.says("ID") and equals.text == "=" and value.name is None:
            return index
    return None


def parenthesis(found: Sequence[Word], start: int) -> tuple[int, int]:
    """Return the index of the first `(` from `start` on, and of the `)` that closes it. Raises CqlError."""
    opened = next((index for index in range(start, len(found)) if found[index].text == "("), None)
    depth = 0
    for index in range(opened if opened is not None else len(found), len(found)):
        depth += {"(": 1, ")": -1}.get(found[index].text, 0)
        if depth == 0 and opened is not None:
            return opened, index
    raise CqlError("no pair of parentheses")


def parts(found: Sequence[Word], first: int, last: int) -> Iterator[Sequence[Word]]:
    """Yield the words between two indices, cut at the commas outside of brackets."""
    depth, begin = 0, first
    for index in range(first, last):
        depth += {"(": 1, "<": 1, "{": 1, "[": 1, ")": -1, ">": -1, "}": -1, "]": -1}.get(found[index].text, 0)
        if found[index].text == "," and depth == 0:
            yield found[begin:index]
            begin = index + 1
    if begin < last:
        yield found[begin:last]
