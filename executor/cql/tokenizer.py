"""CQL as DESCRIBE writes it: cut into words, taken apart and rewritten. Pure.

Only what Cassandra itself prints is read here, so that a few shapes are enough; texts, comments and the bodies of
functions are never mistaken for names.
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


class CqlError(ValueError):
    """A statement of another shape than DESCRIBE writes; the text quotes its beginning."""


@dataclass(frozen=True)
class Word:
    """One word of a statement and where it stands. `name` is what it means as an identifier, None if it is none."""

    text: str
    start: int
    end: int
    name: str | None

    def says(self, keyword: str) -> bool:
        """Whether it is this keyword, given in capitals, or this symbol."""
        return self.text.upper() == keyword


def words(text: str) -> tuple[Word, ...]:
    """All words but white space and comments."""
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
    """An identifier as it may always be written."""
    return '"' + name.replace('"', '""') + '"'


def split(text: str) -> tuple[str, ...]:
    """The statements of a text, without their semicolons. One that merely holds a semicolon is not torn apart."""
    statements, start = [], 0
    for word in words(text):
        if word.text == ";":
            statements.append(text[start : word.start])
            start = word.end
    statements.append(text[start:])
    return tuple(found.strip() for found in statements if words(found))


def qualified_names(statement: str) -> Iterator[tuple[Word, Word]]:
    """Each `key space . name` of a statement, outside of texts."""
    found = words(statement)
    for first, dot, second in zip(found, found[1:], found[2:], strict=False):
        if dot.text == "." and first.name is not None and second.name is not None:
            yield first, second


def replace(statement: str, changes: Sequence[tuple[Word, str]]) -> str:
    """The statement with other texts in the place of some words."""
    for word, text in sorted(changes, key=lambda change: change[0].start, reverse=True):
        statement = statement[: word.start] + text + statement[word.end :]
    return statement


def requalify(statement: str, target: Callable[[str, str, bool], tuple[str, str]]) -> str:
    """The statement with each `key space . name` put through `target`, which also gets whether it is that of a
    function that masks a column: a table may have the same name."""
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
    """The CREATE statement as one that leaves alone what is there already. Others come back as they are."""
    found = words(statement)
    if not found or not found[0].says("CREATE"):
        return statement
    for word in found[1:4]:
        if word.says("KEYSPACE") or word.says("TABLE") or word.says("TYPE") or word.says("INDEX") or word.says("VIEW"):
            return f"{statement[: word.end]} IF NOT EXISTS{statement[word.end :]}"
        if word.says("FUNCTION") or word.says("AGGREGATE"):
            return f"{statement[: word.end]} IF NOT EXISTS{statement[word.end :]}"
    return statement


def without_id(statement: str) -> str:
    """A CREATE TABLE without `ID = …` among its properties."""
    found = words(statement)
    for before, word, equals, value, *after in (found[index : index + 5] for index in range(len(found) - 3)):
        if not (before.says("WITH") and word.says("ID") and equals.text == "=" and value.name is None):
            continue
        if after and after[0].says("AND"):
            return statement[: word.start] + statement[after[0].end :].lstrip()
        return statement[: before.start].rstrip() + statement[value.end :]
    return statement


def parenthesis(found: Sequence[Word], start: int) -> tuple[int, int]:
    """The index of the first `(` from `start` on, and that of the `)` that closes it. Raises CqlError."""
    opened = next((index for index in range(start, len(found)) if found[index].text == "("), None)
    depth = 0
    for index in range(opened if opened is not None else len(found), len(found)):
        depth += {"(": 1, ")": -1}.get(found[index].text, 0)
        if depth == 0 and opened is not None:
            return opened, index
    raise CqlError("no pair of parentheses")


def parts(found: Sequence[Word], first: int, last: int) -> Iterator[Sequence[Word]]:
    """The words between two indices, cut at the commas that are in no brackets."""
    depth, begin = 0, first
    for index in range(first, last):
        depth += {"(": 1, "<": 1, "{": 1, "[": 1, ")": -1, ">": -1, "}": -1, "]": -1}.get(found[index].text, 0)
        if found[index].text == "," and depth == 0:
            yield found[begin:index]
            begin = index + 1
    if begin < last:
        yield found[begin:last]
