"""The elements of a schema: the statements that DESCRIBE writes, parsed into kind, keyspace, name and table."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from executor.cql import tokenizer
from executor.cql.names import TableName
from executor.cql.tokenizer import CqlError, Word, parenthesis, parts, words

KEY_SPACE, TYPE, FUNCTION, AGGREGATE = "keyspace", "type", "function", "aggregate"
TABLE, COLUMNS, INDEX, VIEW, TRIGGER = "table", "columns", "index", "view", "trigger"
_KINDS = {
    "KEYSPACE": KEY_SPACE, "TYPE": TYPE, "FUNCTION": FUNCTION, "AGGREGATE": AGGREGATE, "TABLE": TABLE,
    "INDEX": INDEX, "VIEW": VIEW, "TRIGGER": TRIGGER,
}  # fmt: skip
# With which an ALTER TABLE of DESCRIBE drops a column, or adds it again.
_CHANGES = frozenset({"ADD", "DROP"})
# The beginning of a view's statement, as DESCRIBE writes it.
_CREATE_VIEW = "CREATE MATERIALIZED VIEW "
# DESCRIBE puts the statement of a table with COMPACT STORAGE into a comment, although Cassandra accepts it.
_COMMENTED = re.compile(r"/\*\s*Warning: Table \S+ omitted because .*?\n\n(CREATE TABLE .*;)\s*\*/", re.DOTALL)
# DESCRIBE puts the body of a function between two `$$`, even if the body itself has some, or ends in a `$`.
_FUNCTION = re.compile(r"(CREATE FUNCTION\b.*?\bAS\s+)\$\$(.*)\$\$\s*;?\s*", re.DOTALL)


@dataclass(frozen=True)
class Element:
    """One statement of a schema. `table` is the table that it concerns, empty for an element of the keyspace itself.

    COLUMNS is an ALTER TABLE, with which DESCRIBE reports dropped columns. The name of a function includes the types of
    its arguments. `position` is the word with the name of an index or a trigger.
    """

    kind: str
    key_space: str
    name: str
    text: str
    table: str = ""
    position: Word | None = None

    @property
    def identity(self) -> tuple[str, str, str]:
        """Return kind, keyspace and name, which identify an element; triggers have names of their table."""
        return (self.kind, self.key_space, f"{self.table}.{self.name}" if self.kind == TRIGGER else self.name)

    def __str__(self) -> str:
        return (
            f"{self.kind} {self.key_space}" if self.kind == KEY_SPACE else f"{self.kind} {self.key_space}.{self.name}"
        )


def elements(statements: Iterable[str]) -> tuple[Element, ...]:
    """Return the elements of a schema in their order. A text can hold several statements. Raises CqlError."""
    return tuple(
        parse_element(_with_quoted_masks(found))
        for text in statements
        for found in tokenizer.split(_with_body(_uncommented(text)))
    )


def _with_quoted_masks(statement: str) -> str:
    """Return the statement with quotes around the names of masking functions: DESCRIBE forgets them."""
    found = words(statement)
    for index in range(len(found) - 3, 0, -1):
        if not (found[index].says("WITH") and found[index - 1].says("MASKED")):
            continue
        end = next((word for word in found[index + 1 :] if word.text == "("), None)
        key_space, dot, name = statement[found[index].end : end.start if end else None].strip().partition(".")
        if end is not None and dot and key_space != "system" and not {key_space[:1], name[:1]} & {"", '"'}:
            full = f"{tokenizer.quote(key_space)}.{tokenizer.quote(name)}"
            statement = f"{statement[: found[index].end]} {full}{statement[end.start :]}"
    return statement


def _with_body(text: str) -> str:
    """Return the statement of a function in a form that Cassandra can read: a body with `$$` as a text in quotes."""
    found = _FUNCTION.fullmatch(text.strip())
    if found is None or "$$" not in f"{found[2]}$":
        return text
    body = found[2].replace("'", "''")
    return f"{found[1]}'{body}'"


def _uncommented(text: str) -> str:
    found = _COMMENTED.fullmatch(text.strip())
    return text if found is None else _without_hidden_order(found[1])


def _without_hidden_order(statement: str) -> str:
    """Return the statement without the order of a column that it does not define: Cassandra hides it from CQL."""
    found = words(statement)
    at = next((index for index, word in enumerate(found) if word.says("CLUSTERING")), None)
    if at is None:
        return statement
    first, last = parenthesis(found, at)
    if found[first + 1].name in {word.name for word in found[:at]}:
        return statement
    return statement[: found[at - 1].start].rstrip() + statement[found[last].end :]


def views_of(found: Iterable[Element]) -> dict[TableName, TableName]:
    """Return the materialized views, each with its table."""
    return {
        TableName(view.key_space, view.name): TableName(view.key_space, view.table)
        for view in found
        if view.kind == VIEW
    }


def views_in(statements: Iterable[str]) -> dict[TableName, TableName]:
    """Return the materialized views, each with its table, without parsing the other statements. Raises CqlError."""
    return views_of(elements(text for text in statements if text.startswith(_CREATE_VIEW)))


def parse_element(text: str) -> Element:
    """Parse one statement. Raises CqlError if DESCRIBE does not write such a statement."""
    found = words(text)
    if len(found) > 6 and found[0].says("ALTER") and found[1].says("TABLE") and found[5].text.upper() in _CHANGES:
        key_space, name, _ = _name(found, 2)
        return Element(COLUMNS, key_space, f"{name} {' '.join(word.text for word in found[5:7])}", text, name)
    for index, word in enumerate(found[1:5], 1):
        kind = _KINDS.get(word.text.upper())
        if found[0].says("CREATE") and kind is not None and index + 1 < len(found):
            return _created(kind, found, index + 1, text)
    raise _foreign(text)


def _foreign(text: str) -> CqlError:
    return CqlError(f"a statement that DESCRIBE does not write: {text[:80]!r}")


def _created(kind: str, found: Sequence[Word], index: int, text: str) -> Element:
    if kind == KEY_SPACE:
        return Element(kind, str(found[index].name), "", text)
    if kind in (INDEX, TRIGGER):
        key_space, table, _ = _name(found, _after("ON", found, index, text))
        return Element(kind, key_space, str(found[index].name), text, table, found[index])
    key_space, name, after = _name(found, index)
    if kind in (FUNCTION, AGGREGATE):
        return Element(kind, key_space, f"{name}({','.join(_argument_types(kind, found, after))})", text)
    if kind == VIEW:
        return Element(kind, key_space, name, text, _name(found, _after("FROM", found, after, text))[1])
    return Element(kind, key_space, name, text, name if kind == TABLE else "")


def _after(keyword: str, found: Sequence[Word], index: int, text: str) -> int:
    """Return the index of the word after the next keyword."""
    for at in range(index, len(found)):
        if found[at].says(keyword):
            return at + 1
    raise _foreign(text)


def _argument_types(kind: str, found: Sequence[Word], after: int) -> Iterator[str]:
    """Yield the types of the arguments; those of a function have names, too."""
    first, last = parenthesis(found, after)
    for argument in parts(found, first + 1, last):
        yield "".join(word.text for word in (argument[1:] if kind == FUNCTION else argument))


def _name(found: Sequence[Word], index: int) -> tuple[str, str, int]:
    """Return keyspace and name, and the index of the word after them."""
    if index + 2 >= len(found) or found[index + 1].text != "." or found[index + 2].name is None:
        raise CqlError(f"no full name in {' '.join(word.text for word in found[:8])!r}")
    return str(found[index].name), str(found[index + 2].name), index + 3
