"""The shape of a table or a type, parsed from its CREATE statement, and the differences between two. Pure."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, count, pairwise, zip_longest

from executor.cql.tokenizer import CqlError, Word, parenthesis, parts, split, words


@dataclass(frozen=True)
class Shape:
    """The columns of a table, or the fields of a type, with their types; `static` ones end in ` static`.

    `partition_key` and `clustering` are empty for a type; a clustering column in descending order ends in ` desc`.
    """

    columns: Mapping[str, str]
    partition_key: tuple[str, ...] = ()
    clustering: tuple[str, ...] = ()
    kind: str = field(default="table", compare=False)


def read(statement: str) -> Shape:
    """Parse a CREATE TABLE or CREATE TYPE. Raises CqlError for any other statement."""
    text = split(statement)[0] if statement.strip() else ""
    found = words(text)
    if len(found) < 2 or not found[0].says("CREATE") or not (found[1].says("TABLE") or found[1].says("TYPE")):
        raise CqlError(f"neither CREATE TABLE nor CREATE TYPE: {text[:80]!r}")
    try:
        first, last = parenthesis(found, 2)
        return _read(found, first, last)
    except (CqlError, IndexError) as error:
        raise CqlError(f"{error}: {text[:80]!r}") from error


def _read(found: Sequence[Word], first: int, last: int) -> Shape:
    columns: dict[str, str] = {}
    partition: tuple[str, ...] = ()
    clustering: tuple[str, ...] = ()
    for part in parts(found, first + 1, last):
        if part[0].says("PRIMARY") and part[1].says("KEY"):
            partition, clustering = _key(part)
            continue
        name, kind, is_key = _column(part)
        columns[name] = kind
        if is_key:
            partition = (name,)
    if not clustering and _is_compact(found[last + 1 :]):
        columns, clustering = _as_stored(columns, partition)
    backwards = set(_backwards(found[last + 1 :]))
    ordered = tuple(f"{name} desc" if name in backwards else name for name in clustering)
    return Shape(columns, partition, ordered, "table" if found[1].says("TABLE") else "type")


def _is_compact(options: Sequence[Word]) -> bool:
    return any(word.says("COMPACT") and after.says("STORAGE") for word, after in pairwise(options))


def _as_stored(columns: Mapping[str, str], key: Container[str]) -> tuple[dict[str, str], tuple[str, ...]]:
    """Return columns and clustering of a table with COMPACT STORAGE as its files have them.

    ALTER TABLE … DROP COMPACT STORAGE shows them: static columns, and two that were hidden.
    """
    clustering = next(name for name in (f"column{number}" for number in count(1)) if name not in columns)
    value = next(name for name in chain(["value"], (f"value{number}" for number in count(1))) if name not in columns)
    found = {name: kind if name in key else f"{kind} static" for name, kind in columns.items()}
    return {**found, clustering: "text", value: "blob"}, (clustering,)


def column_types(found: Sequence[Word]) -> Mapping[str, str]:
    """Return the column of `name type [static]`."""
    name, kind, _ = _column(found)
    return {name: kind}


def _column(part: Sequence[Word]) -> tuple[str, str, bool]:
    name = _name(part[0])
    # It follows the mask, if there is one: `id int MASKED WITH system.mask_default() PRIMARY KEY`.
    is_key = len(part) > 3 and part[-2].says("PRIMARY") and part[-1].says("KEY")
    kind: list[str] = []
    for index, (word, after) in enumerate(zip_longest(part[1:], part[2:]), 1):
        if word.says("STATIC") and index > 1:
            kind.append(" static")
        # A type can be called `masked`.
        elif word.says("PRIMARY") or (word.says("MASKED") and after is not None and after.says("WITH")):
            break
        else:
            kind.append(word.text if word.text.startswith(("'", '"')) else word.text.lower())
    return name, "".join(kind), is_key


def _key(part: Sequence[Word]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    first, last = parenthesis(part, 2)
    items = list(parts(part, first + 1, last))
    partition = [_name(word) for word in items[0] if word.text not in ("(", ")", ",")]
    return tuple(partition), tuple(_name(item[0]) for item in items[1:])


def _backwards(options: Sequence[Word]) -> Iterator[str]:
    for index, word in enumerate(options):
        if word.says("CLUSTERING") and options[index + 1].says("ORDER"):
            first, last = parenthesis(options, index)
            for part in parts(options, first + 1, last):
                if part[-1].says("DESC"):
                    yield _name(part[0])


def _name(word: Word) -> str:
    if word.name is None:
        raise CqlError(f"{word.text!r} instead of a name")
    return word.name


def differences(backup: Shape, here: Shape) -> list[str]:
    """Return the reasons why data of one cannot be loaded into the other, a sentence each; empty if it can.

    Columns that exist only here do not matter: the backup's rows have no value in them.
    """
    found = []
    for name, kind in backup.columns.items():
        if name not in here.columns:
            found.append(f"{name} {kind} of the backup does not exist here")
        elif here.columns[name] != kind:
            found.append(f"{name} is {kind} in the backup and {here.columns[name]} here")
    for what, before, now in (
        ("the partition key", backup.partition_key, here.partition_key),
        ("the clustering", backup.clustering, here.clustering),
    ):
        if before != now:
            found.append(f"{what} is ({', '.join(before)}) in the backup and ({', '.join(now)}) here")
    if backup.kind == "type" and list(backup.columns) != list(here.columns)[: len(backup.columns)] and not found:
        found.append(f"the fields are {', '.join(backup.columns)} in the backup and {', '.join(here.columns)} here")
    return found
