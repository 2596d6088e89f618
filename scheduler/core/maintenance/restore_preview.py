"""Preview of a restore, combined from the answers of all nodes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from scheduler.core.maintenance.job_parameters import IMPORT, Loading, choose_loading

Json = Mapping[str, Any]

# The most names of one kind in a document; of the others it has the number.
LISTED = 1000
_NO_ANSWER = "answer"


def preview(
    answers: Mapping[str, Json | str], backup_nodes: Sequence[str], throttle: int, at_once: int, refusals: Iterable[str]
) -> Json:
    """Return the document of the dry run.

    Args:
        answers: For each node its answer to the question `restore-plan`, or why there is none.
        backup_nodes: The nodes of the backup.
        throttle: Bytes per second and node; 0 for no limit.
        at_once: How many nodes would load at the same time; 0 for all.
        refusals: Why the restore cannot be started.
    """
    found = {node: answer for node, answer in answers.items() if not isinstance(answer, str)}
    problems = [*_silence_problems(answers), *_refusal_problems(refusals), *_merge_problems(found)]
    # A node that could not look reports only the reason.
    looked = {node: answer for node, answer in found.items() if "targets" in answer}
    loading = choose_loading(looked, backup_nodes, list(answers))
    sizes = _sum(answer["sources"] for answer in looked.values())
    tables = _tables(looked, loading.mode)
    return {
        "possible": not problems,
        "problems": problems,
        "untried": sorted({str(answer["untried"]) for answer in looked.values() if answer.get("untried")}),
        "mode": loading.mode if looked else None,
        "tables": tables[:LISTED],
        "tables_more": max(0, len(tables) - LISTED),
        "creates": _by_kind(answer["creates"] for answer in looked.values()),
        "builds": _by_kind(answer["builds"] for answer in looked.values()),
        "left_out": _names(looked, "left_out"),
        "changed": _by_kind(answer.get("changed", ()) for answer in looked.values()),
        "views_left_out": _names(looked, "views_left_out"),
        "nodes": {node: _node(looked.get(node), loading.sources[node], sizes) for node in answers},
        "bytes": sum(sizes.values()),
        "seconds_at_throttle": _seconds(loading, _stored(looked), throttle, at_once),
    }


def _silence_problems(answers: Mapping[str, Json | str]) -> list[Json]:
    help_ = "make the node NORMAL: every node checks and loads its part"
    return [
        {"kind": _NO_ANSWER, "where": node, "why": answer, "help": help_, "nodes": [node]}
        for node, answer in answers.items()
        if isinstance(answer, str)
    ]


def _refusal_problems(refusals: Iterable[str]) -> list[Json]:
    return [{"kind": "request", "where": "", "why": words, "help": "", "nodes": []} for words in refusals]


def _merge_problems(found: Mapping[str, Json]) -> list[Json]:
    """Return each problem once, with the nodes that reported it."""
    # Two steps of one node's check can report the same, such as a login that Cassandra refuses.
    nodes: dict[tuple[str, ...], dict[str, None]] = {}
    for node, answer in found.items():
        for problem in answer.get("problems", ()):
            key = tuple(str(problem.get(name, "")) for name in ("kind", "where", "why", "help"))
            nodes.setdefault(key, {})[node] = None
    return [
        {**dict(zip(("kind", "where", "why", "help"), key, strict=True)), "nodes": list(reporters)}
        for key, reporters in nodes.items()
    ]


def _sum(parts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    total: dict[str, int] = {}
    for part in parts:
        for name, size in part.items():
            total[name] = total.get(name, 0) + int(size)
    return total


def _tables(looked: Mapping[str, Json], mode: str) -> list[Json]:
    if not looked:
        return []
    first = next(iter(looked.values()))
    streamed = {name for answer in looked.values() for name in answer.get("streamed", ())}
    size, sstables = (
        _sum({name: own[what] for name, own in answer["tables"].items()} for answer in looked.values())
        for what in ("bytes", "sstables")
    )
    return [
        {
            "from": old,
            "to": new,
            "what": "load into existing" if any(new in answer["living"] for answer in looked.values()) else "create",
            "has_data": _has_data([answer["living"].get(new, False) for answer in looked.values()]),
            "how": _how(mode, new.partition(".")[0] in streamed) if sstables.get(new) else "nothing to load",
            "bytes": size.get(new, 0),
            "sstables": sstables.get(new, 0),
            "rows": first["rows"].get(new),
        }
        for old, new in first["targets"].items()
    ]


def _how(mode: str, is_streamed: bool) -> str:
    return "imported as files" if mode == IMPORT and not is_streamed else "streamed"


def _has_data(words: Sequence[bool | None]) -> bool | None:
    """Return whether a table has data on any node; None if a node cannot tell, and no other has any."""
    return True if any(words) else None if None in words else False


def _by_kind(lists: Iterable[Sequence[Json]]) -> dict[str, list[str]]:
    """Return names by kind, in the order of their creation."""
    names: dict[str, dict[str, None]] = {}
    for listed in lists:
        for element in listed:
            names.setdefault(str(element["kind"]), {})[str(element["name"])] = None
    return {kind: list(found)[:LISTED] for kind, found in names.items()}


def _names(looked: Mapping[str, Json], what: str) -> list[str]:
    names = {str(name) for answer in looked.values() for name in answer.get(what, ())}
    return sorted(names)[:LISTED]


def _stored(looked: Mapping[str, Json]) -> dict[str, int]:
    """Return the bytes of the objects by the backup's node: a throttle counts these. Earlier executors lack them."""
    return _sum(answer.get("stored", answer["sources"]) for answer in looked.values())


def _node(answer: Json | None, sources: Sequence[str], sizes: Mapping[str, int]) -> Json:
    return {
        "loads": list(sources),
        "bytes": sum(sizes.get(source, 0) for source in sources),
        "free_bytes": None if answer is None else answer["free_bytes"],
        "same_as": None if answer is None else answer["same_as"],
    }


def _seconds(loading: Loading, sizes: Mapping[str, int], throttle: int, at_once: int) -> int | None:
    """Return the seconds of the download at full throttle; None without a throttle."""
    if throttle <= 0:
        return None
    amounts = [sum(sizes.get(source, 0) for source in sources) for sources in loading.sources.values()]
    longest = max(amounts, default=0)
    if at_once > 0:
        longest = max(longest, math.ceil(sum(amounts) / at_once))
    return math.ceil(longest / throttle)
