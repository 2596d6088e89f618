"""The schema trial: Cassandra validates the missing part of a schema on a copy of its own schema."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from cassandra.cluster import Session

from executor.cql import tokenizer
from executor.cql.ddl import AGGREGATE, FUNCTION, INDEX, KEY_SPACE, TABLE, VIEW, Element
from executor.cql.session import CQL_ERRORS
from executor.cql.tokenizer import Word
from executor.jmx import java_agent
from executor.jmx.jolokia import Jolokia, JolokiaError
from executor.restore.problems import Problem

_LOG = logging.getLogger(__name__)
KIND = "schema"
TRIAL = "SchemaTrial"
# Cassandra compiles functions.
_SECONDS = 300.0
_SASI = "org.apache.cassandra.index.sasi"
_MASK = "MASKED"
_UNTRIED = "untried: "
# Part of Cassandra's message about a missing keyspace or table.
_MISSING = "doesn't exist"
_SWITCHES = {
    "materialized_views_enabled": "materialized views",
    "user_defined_functions_enabled": "user-defined functions",
    "sasi_indexes_enabled": "SASI indexes",
    "secondary_indexes_enabled": "secondary indexes",
    "dynamic_data_masking_enabled": "masked columns",
}


@dataclass(frozen=True)
class Trial:
    """The problems with creating the elements; `untried` is the reason if Cassandra could not validate some."""

    problems: tuple[Problem, ...] = ()
    untried: str = ""


def attempt(jolokia: Jolokia, session: Session, role: str, create: Sequence[Element]) -> Trial:
    """Try to create elements in their order, as a role; the schema is not changed."""
    if not create:
        return Trial()
    try:
        return verdict(create, _answers(jolokia, role, create))
    except JolokiaError as error:
        _LOG.warning("schema trial failed: %s", error)
        settings = _settings(session)
        known = "only what is switched off in cassandra.yaml is known" if settings else "nothing else is known of it"
        why = f"Cassandra did not try whether it can create the schema ({error}): {known}"
        return Trial(tuple(switched_off(create, settings)), why)


def verdict(create: Sequence[Element], answers: Sequence[str]) -> Trial:
    """Return the meaning of Cassandra's answers, without problems that only follow from others."""
    failed = {element.identity for element, words in zip(create, answers, strict=True) if words}
    problems, untried = list[Problem](), list[str]()
    refused = [element for element in create if element.kind == FUNCTION and element.identity in failed]
    for element, words in zip(create, answers, strict=True):
        owners = {(KEY_SPACE, element.key_space, ""), (TABLE, element.key_space, element.table)} - {element.identity}
        if not words or ((owners & failed or _uses(element, refused)) and _MISSING in words):
            continue
        if words.startswith(_UNTRIED):
            untried.append(f"{element} ({words.removeprefix(_UNTRIED)})")
        else:
            problems.append(_problem(element, words))
    why = f"Cassandra could not try whether it can create {', '.join(untried)}" if untried else ""
    return Trial(tuple(problems), why)


def _uses(element: Element, functions: Iterable[Element]) -> bool:
    """Return whether an aggregate uses one of the functions."""
    names = {word.name for word in tokenizer.words(element.text)} if element.kind == AGGREGATE else set()
    return any(found.key_space == element.key_space and _plain(found) in names for found in functions)


def _answers(jolokia: Jolokia, role: str, create: Sequence[Element]) -> list[str]:
    mbean = java_agent.attach(jolokia, TRIAL)
    statements = [tokenizer.if_not_exists(element.text) for element in create]
    tables = [f"{element.key_space}.{element.table}" if element.table else "" for element in create]
    functions = {(e.key_space, _plain(e)) for e in create if e.kind == FUNCTION}
    applied = [applicable(statement, functions) for statement in statements]
    found = jolokia.execute(mbean, "attempt", [role, statements, applied, tables], _SECONDS)
    if not isinstance(found, list) or len(found) != len(create):
        raise JolokiaError(f"{TRIAL} answers {found!r:.100} to {len(create)} statements")
    return [str(words) for words in found]


def applicable(statement: str, functions: Collection[tuple[str, str]]) -> str:
    """Return the part of a statement that Cassandra can apply while these functions do not exist: without masks."""
    found = tokenizer.words(statement)
    changes: list[tuple[Word, str]] = []
    for index, word in enumerate(found[:-4]):
        _, of, key_space, dot, name = found[index : index + 5]
        is_mask = word.says("MASKED") and of.says("WITH") and dot.text == "."
        if is_mask and (str(key_space.name), str(name.name)) in functions:
            _, last = tokenizer.parenthesis(found, index + 4)
            changes += [(cut, "") for cut in found[index : last + 1]]
    return tokenizer.replace(statement, changes)


def _plain(function: Element) -> str:
    return function.name.partition("(")[0]


def _problem(element: Element, words: str) -> Problem:
    return Problem(KIND, str(element), f"Cassandra would not create it: {words.rstrip('.')}")


def _settings(session: Session) -> Mapping[str, str]:
    try:
        rows = session.execute("SELECT name, value FROM system_views.settings").all()
    except CQL_ERRORS as error:
        _LOG.warning("settings of this node not read: %s", error)
        return {}
    return {row.name: row.value for row in rows}


def switched_off(create: Sequence[Element], settings: Mapping[str, str]) -> Iterator[Problem]:
    """Yield a problem for each element that needs a feature that a node's settings switch off."""
    for element in create:
        for setting in _needs(element):
            if settings.get(setting) == "false":
                why = f"{_SWITCHES[setting]} are switched off in cassandra.yaml ({setting})"
                yield Problem(KIND, str(element), why)


def _needs(element: Element) -> Iterator[str]:
    if element.kind == VIEW:
        yield "materialized_views_enabled"
    elif element.kind in (FUNCTION, AGGREGATE):
        yield "user_defined_functions_enabled"
    elif element.kind == INDEX:
        yield "secondary_indexes_enabled"
        if _SASI in element.text:
            yield "sasi_indexes_enabled"
    elif any(word.says(_MASK) for word in tokenizer.words(element.text)):
        yield "dynamic_data_masking_enabled"
