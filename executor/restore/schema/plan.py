"""The plan of a schema's restore: the statements for the selected elements that do not exist yet. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from executor.cql import tokenizer
from executor.cql.ddl import (
    AGGREGATE,
    COLUMNS,
    FUNCTION,
    INDEX,
    KEY_SPACE,
    TABLE,
    TRIGGER,
    TYPE,
    VIEW,
    Element,
    parse_element,
)
from executor.cql.names import TableName
from executor.cql.tokenizer import parenthesis, quote, words
from executor.restore.schema.selection import Selection
from executor.restore.schema.shape import Shape, column_types, differences, read

_OF_KEY_SPACE = frozenset({TYPE, FUNCTION, AGGREGATE})
_WITHOUT_DATA = frozenset({FUNCTION, AGGREGATE, INDEX, VIEW, TRIGGER})
# The help if an existing table or type is another one than the backup's.
_INSTEAD = {
    TABLE: "restore it under another name (rename), or drop it first",
    TYPE: "restore the tables that use it into another keyspace (rename), or drop it and them first",
}
# Cassandra keeps the name of an index's class as it was given.
_INDEX_CLASSES = {
    f"'{name.lower()}'": full
    for names, full in (
        (("sai", "StorageAttachedIndex"), "org.apache.cassandra.index.sai.StorageAttachedIndex"),
        (("SASIIndex",), "org.apache.cassandra.index.sasi.SASIIndex"),
    )
    for name in (*names, full)
}
# The longest index name that a restore gives. It is part of file names, which have at most 255 bytes.
_INDEX_LENGTH = 128


@dataclass(frozen=True)
class Existing:
    """The schema of a cluster: its elements, the ids of all its tables, and its data centers."""

    elements: tuple[Element, ...] = ()
    table_ids: frozenset[str] = frozenset()
    data_centers: frozenset[str] = frozenset()

    def identities(self) -> frozenset[tuple[str, str, str]]:
        """Return the identities of all elements."""
        return frozenset(element.identity for element in self.elements)


@dataclass(frozen=True)
class Plan:
    """The elements to create, in order, and those that exist and stay; `changed` are the latter that differ here.

    Tables, types and keyspaces are never among `changed`: what matters of them for the data is a conflict.
    """

    create: tuple[Element, ...]
    keep: tuple[Element, ...]
    changed: tuple[Element, ...] = ()


def plan_schema(
    stored: Sequence[Element],
    selection: Selection,
    existing: Existing,
    created: frozenset[str] = frozenset(),
    ids: Mapping[TableName, str] | None = None,
) -> Plan:
    """Return the plan for the selected tables, under their new names.

    Args:
        stored: The backup's elements.
        selection: The selected tables.
        existing: The cluster's schema.
        created: The elements that an earlier attempt of the same restore has created.
        ids: The ids of tables that cannot keep their own, by their new names; Cassandra chooses those of the others.
    """
    create: list[Element] = []
    keep: list[Element] = []
    changed: list[Element] = []
    here = {element.identity: element for element in existing.elements}
    there = set(here)
    tables_there = {(element.key_space, element.name) for element in existing.elements if element.kind == TABLE}
    for element in renamed_elements(stored, selection):
        if element.identity in there:
            keep.append(element)
            if element.identity in here and _meaning(element) != _meaning(here[element.identity]):
                changed.append(element)
        elif element.kind == COLUMNS and _has_own_past(element, tables_there, created):
            continue
        else:
            there.add(element.identity)
            create.append(_with_free_id(element, selection, existing.table_ids, ids or {}))
    return Plan(tuple(create), tuple(keep), tuple(changed))


def _meaning(element: Element) -> tuple[str, ...]:
    """Return the words of a statement that make an element another one; none for elements of other kinds."""
    if element.kind not in _WITHOUT_DATA:
        return ()
    found = words(element.text)
    if element.kind == VIEW:
        # Its options concern no row.
        begin = next((index for index, word in enumerate(found) if word.says("SELECT")), 0)
        end = next((index for index in range(begin, len(found)) if found[index].says("WITH")), len(found))
        found = found[begin:end]
    texts = tuple(word.text if word.name is None else word.name for word in found)
    return tuple(_INDEX_CLASSES.get(text.lower(), text) for text in texts) if element.kind == INDEX else texts


def _has_own_past(columns: Element, tables: Container[tuple[str, str]], created: frozenset[str]) -> bool:
    """Return whether the table existed before the restore, so that its own dropped columns count."""
    table = replace(columns, kind=TABLE, name=columns.table)
    return (columns.key_space, columns.table) in tables and str(table) not in created


def _with_free_id(
    element: Element, selection: Selection, taken: frozenset[str], ids: Mapping[TableName, str]
) -> Element:  # fmt: skip
    if element.kind not in (TABLE, VIEW):
        return element
    # A view never keeps its id: its rows are rebuilt, and writes to the old view must not reach it.
    name = TableName(element.key_space, element.name)
    used = any(word.text.lower() in taken for word in words(element.text) if word.name is None)
    if not used and name in selection.targets:
        return element
    given = ids.get(name, "")
    text = element.text if given and given not in taken else ""
    return replace(element, text=tokenizer.with_id(text, given) or tokenizer.without_id(element.text))


def renamed_elements(stored: Sequence[Element], selection: Selection) -> Iterator[Element]:
    """Yield the selected elements under their new names, in the backup's order.

    An element of the keyspace itself, such as a type, appears once for each new keyspace.
    """
    wanted = set(selection.key_spaces())
    indexes = indexes_renamed(stored, selection)
    for element in stored:
        if element.key_space not in wanted:
            continue
        for target in selection.target_key_spaces(element.key_space):
            if _is_wanted(element, target, stored, selection):
                yield _rename(element, target, selection, indexes.get(element.identity, element.name))


def omitted_views(stored: Sequence[Element], selection: Selection) -> list[str]:
    """Return a sentence about each view that a restore does not create.

    Such a view is of a table that is renamed in its own keyspace, where the view's name is already in use.
    """
    return [
        f"{element}: {table} becomes {new} in the same keyspace, where the view keeps its name and its table"
        for element in stored
        if element.kind == VIEW
        and (new := selection.targets.get(table := TableName(element.key_space, element.table))) is not None
        and _is_beside_itself(table, new)
    ]


def _is_beside_itself(old: TableName, new: TableName) -> bool:
    return old.key_space == new.key_space and old != new


def _is_wanted(element: Element, target: str, stored: Sequence[Element], selection: Selection) -> bool:
    if element.kind == KEY_SPACE:
        return True
    if element.kind in _OF_KEY_SPACE and element.key_space in selection.whole:
        return True
    if element.kind in (TYPE, FUNCTION):
        return element.identity in _needed(element.key_space, stored, selection)
    if element.kind in _OF_KEY_SPACE:
        return False
    old = TableName(element.key_space, element.table)
    new = selection.targets.get(old)
    if new is None or (element.kind == VIEW and _is_beside_itself(old, new)):
        return False
    return new.key_space == target


def _needed(key_space: str, stored: Sequence[Element], selection: Selection) -> set[tuple[str, str, str]]:
    """Return the types and masking functions that the selected tables of a keyspace use, also through other types."""
    tables = [e for e in stored if e.kind in (TABLE, COLUMNS) and TableName(e.key_space, e.table) in selection.targets]
    masks = {name for table in tables for name in _masks(table.text)}
    needed = {
        e.identity
        for e in stored
        if e.kind == FUNCTION and e.key_space == key_space and (key_space, e.name.partition("(")[0]) in masks
    }
    types = {e.name: e for e in stored if e.kind == TYPE and e.key_space == key_space}
    open_ends = [*tables, *(e for e in stored if e.identity in needed)]
    while open_ends:
        names = {word.name for text in _type_texts(open_ends.pop()) for word in words(text)}
        found = [e for name, e in types.items() if name in names and e.identity not in needed]
        needed |= {element.identity for element in found}
        open_ends += found
    return needed


def _type_texts(element: Element) -> Iterable[str]:
    """Return the types in a table, its dropped or added column, a type or a function: its other names mean nothing."""
    if element.kind in (TABLE, TYPE):
        return read(element.text).columns.values()
    found = words(element.text)
    if element.kind == COLUMNS:
        return () if found[5].says("DROP") else column_types(found[6:]).values()
    _, last = parenthesis(found, 2)
    end = next((index for index in range(last, len(found)) if found[index].says("LANGUAGE")), len(found))
    returned = " ".join(word.text for word in found[last + 1 : end])
    return (element.name.partition("(")[2], returned)


def _masks(table: str) -> Iterator[tuple[str, str]]:
    """Yield keyspace and name of each function that masks a column: `MASKED WITH keyspace . name ( … )`."""
    found = words(table)
    for masked, of, key_space, dot, name in zip(found, found[1:], found[2:], found[3:], found[4:], strict=False):
        if masked.says("MASKED") and of.says("WITH") and dot.text == ".":
            yield str(key_space.name), str(name.name)


def _rename(element: Element, target: str, selection: Selection, index: str) -> Element:
    if element.kind == KEY_SPACE:
        name = next(word for word in words(element.text)[2:] if word.name == element.key_space)
        changed = replace(element, key_space=target)
        return changed if target == element.key_space else replace(
            changed, text=tokenizer.replace(element.text, [(name, quote(target))])
        )  # fmt: skip

    def called(key_space: str, name: str, is_function: bool) -> tuple[str, str]:
        new = selection.targets.get(TableName(key_space, name)) if key_space == element.key_space else None
        if new is not None and element.kind not in _OF_KEY_SPACE and not is_function:
            return new.key_space, new.table
        return (target, name) if key_space == element.key_space else (key_space, name)

    changes = [(element.position, quote(index))] if element.position is not None and index != element.name else []
    text = tokenizer.requalify(tokenizer.replace(element.text, changes), called)
    # Parse the new text, so that all fields of the element agree with it.
    return parse_element(text)


def indexes_renamed(stored: Sequence[Element], selection: Selection) -> Mapping[tuple[str, str, str], str]:
    """Return new names for the indexes and triggers of renamed tables: index names are unique in a keyspace."""
    found: dict[tuple[str, str, str], str] = {}
    taken: set[tuple[str, str]] = set()
    for element in stored:
        new = selection.targets.get(TableName(element.key_space, element.table))
        if element.position is None or new is None:
            continue
        name = element.name if new.table == element.table else _index_name(element, new.table)
        if (new.key_space, name) in taken:
            name = _shortened(f"{new.table}_{element.table}_{element.name}")
        taken.add((new.key_space, name))
        found[element.identity] = name
    return found


def _index_name(element: Element, table: str) -> str:
    own = element.name.removeprefix(f"{element.table}_")
    return _shortened(f"{table}_{own}")


def _shortened(name: str) -> str:
    """Return a name that fits into file names: Cassandra accepts longer ones, but then stops the node."""
    if len(name) <= _INDEX_LENGTH:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:12]
    return f"{name[: _INDEX_LENGTH - len(digest) - 1]}_{digest}"


def shapes(found: Iterable[Element], kind: str) -> Mapping[tuple[str, str], Shape]:
    """Return the shapes of all tables or types by keyspace and name, without dropped columns."""
    shapes: dict[tuple[str, str], Shape] = {}
    for element in found:
        if element.kind == kind:
            shapes[element.key_space, element.name] = read(element.text)
        elif element.kind == COLUMNS and (before := shapes.get((element.key_space, element.table))):
            shapes[element.key_space, element.table] = replace(before, columns=_altered(before.columns, element.text))
    return shapes


def _altered(columns: Mapping[str, str], statement: str) -> Mapping[str, str]:
    found = words(statement)
    name = str(found[6].name)
    if found[5].says("DROP"):
        return {column: kind for column, kind in columns.items() if column != name}
    return {**columns, **column_types(found[6:])}


def conflicts(stored: Sequence[Element], selection: Selection, existing: Existing) -> list[str]:
    """Return the reasons why the selected tables cannot be loaded here, a sentence each; empty if they can."""
    wanted = list(renamed_elements(stored, selection))
    found = []
    for kind in (TYPE, TABLE):
        here = shapes(existing.elements, kind)
        for name, shape in shapes(wanted, kind).items():
            if name in here and (problems := differences(shape, here[name])):
                found.append(f"{kind} {'.'.join(name)}: {'; '.join(problems)}; {_INSTEAD[kind]}")
    found += _twice(wanted)
    found += _taken(wanted, existing)
    found += _without_statement(wanted, selection, existing)
    identities = existing.identities()
    for element in wanted:
        if element.kind == KEY_SPACE and element.identity not in identities:
            found += [
                f"keyspace {element.key_space}: its data center {name} does not exist here"
                f" ({', '.join(sorted(existing.data_centers))})"
                for name in replication(element.text)
                if name not in existing.data_centers
            ]
    return found


def _twice(wanted: Sequence[Element]) -> list[str]:
    """Return a sentence about each name that would be created from two different elements of the backup."""
    texts: dict[tuple[str, str, str], str] = {}
    found = []
    for element in wanted:
        if (
            element.kind not in (KEY_SPACE, COLUMNS)
            and texts.setdefault(element.identity, element.text) != element.text
        ):
            found.append(f"{element} would be created twice, and differently: rename one of its keyspaces")
    return found


def _without_statement(wanted: Sequence[Element], selection: Selection, existing: Existing) -> list[str]:
    """Return a sentence about each table that exists neither here nor as a statement of the backup."""
    known = {(e.key_space, e.name) for e in (*wanted, *existing.elements) if e.kind == TABLE}
    return [
        f"table {new}: the backup has no statement that creates it, and it does not exist here: create it first"
        for new in sorted(selection.targets.values())
        if (new.key_space, new.table) not in known
    ]


def _taken(wanted: Sequence[Element], existing: Existing) -> list[str]:
    """Return a sentence about each name that another element has here: of another kind, or of another table."""
    relations = {(e.key_space, e.name): e for e in existing.elements if e.kind in (TABLE, VIEW)}
    indexes = {(e.key_space, e.name): e for e in existing.elements if e.kind == INDEX}
    found = []
    for element in wanted:
        here = (indexes if element.kind == INDEX else relations).get((element.key_space, element.name))
        if here is None or element.kind not in (TABLE, VIEW, INDEX):
            continue
        if here.kind != element.kind:
            found.append(
                f"{element} cannot be created: the name is that of a {here.kind} here; use rename, or drop it first"
            )
        elif here.table != element.table:
            found.append(
                f"{element} of the table {element.table} cannot be created: here it is that of {here.table};"
                " use rename, or drop it first"
            )
    return found


def replication(key_space: str) -> list[str]:
    """Return the data centers that a CREATE KEYSPACE names."""
    pairs = replication_map(key_space)
    if not pairs.get("class", "").endswith("NetworkTopologyStrategy"):
        return []
    return [name for name in pairs if name not in ("class", "replication_factor")]


def replication_map(key_space: str) -> dict[str, str]:
    """Return the replication of a CREATE KEYSPACE, such as `{"class": "SimpleStrategy", "replication_factor": "1"}`."""
    found = words(key_space)
    begin = next((index for index, word in enumerate(found) if word.says("REPLICATION")), len(found))
    end = next((index for index in range(begin, len(found)) if found[index].text == "}"), len(found))
    texts = [word.text[1:-1] for word in found[begin:end] if word.text.startswith("'")]
    return dict(zip(texts[::2], texts[1::2], strict=False))
