"""Random calls of a scheduler: each is refused or handled, and none breaks a master's account of resources."""

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from localmesos.protocol.calls import CallError, parse_call
from tests.unit.localmesos.master_parts import FakeAgent, FakeScheduler, World, world

Json = dict[str, Any]

RESERVATION = {"type": "DYNAMIC", "role": "r", "principal": "p"}
CPUS = {"name": "cpus", "type": "SCALAR", "scalar": {"value": 0.5}, "reservations": [RESERVATION]}
VOLUME = {
    "name": "disk",
    "type": "SCALAR",
    "scalar": {"value": 5.0},
    "reservations": [RESERVATION],
    "disk": {"persistence": {"id": "v", "principal": "p"}, "volume": {"mode": "RW", "container_path": "d"}},
}
PORTS = {"name": "ports", "type": "RANGES", "ranges": {"range": [{"begin": 31000, "end": 31001}]}}
EXECUTOR = {"type": "CUSTOM", "executor_id": {"value": "e"}, "command": {"value": "x"}, "resources": [CPUS]}
TASK = {"name": "t", "task_id": {"value": "t"}, "agent_id": {"value": "A"}, "resources": [CPUS, PORTS, VOLUME]}
GROUP = {"executor": {**EXECUTOR, "type": "DEFAULT"}, "task_group": {"tasks": [{**TASK, "command": {"value": "x"}}]}}
OPERATIONS = [
    {"type": "RESERVE", "id": {"value": "1"}, "reserve": {"resources": [CPUS]}},
    {"type": "CREATE", "create": {"volumes": [VOLUME]}},
    {"type": "LAUNCH", "launch": {"task_infos": [{**TASK, "executor": EXECUTOR}]}},
    {"type": "LAUNCH_GROUP", "launch_group": GROUP},
    {"type": "DESTROY", "destroy": {"volumes": [VOLUME]}},
    {"type": "UNRESERVE", "unreserve": {"resources": [CPUS]}},
]
CALLS: list[Json] = [
    {"type": "ACCEPT", "accept": {"offer_ids": [{"value": "O"}], "operations": OPERATIONS, "filters": {}}},
    {"type": "DECLINE", "decline": {"offer_ids": [{"value": "O"}], "filters": {"refuse_seconds": 1.0}}},
    {"type": "REVIVE", "revive": {"roles": ["r"]}},
    {"type": "SUPPRESS", "suppress": {"roles": ["r"]}},
    {"type": "KILL", "kill": {"task_id": {"value": "t"}, "kill_policy": {"grace_period": {"nanoseconds": 1}}}},
    {"type": "SHUTDOWN", "shutdown": {"executor_id": {"value": "e"}, "agent_id": {"value": "A"}}},
    {"type": "ACKNOWLEDGE", "acknowledge": {"agent_id": {"value": "A"}, "task_id": {"value": "t"}, "uuid": "u"}},
    {"type": "RECONCILE", "reconcile": {"tasks": [{"task_id": {"value": "t"}, "agent_id": {"value": "A"}}]}},
    {"type": "RECONCILE_OPERATIONS", "reconcile_operations": {"operations": [{"operation_id": {"value": "1"}}]}},
    {"type": "MESSAGE", "message": {"agent_id": {"value": "A"}, "executor_id": {"value": "e"}, "data": "aGk="}},
    {"type": "REQUEST", "request": {"requests": [{"resources": [CPUS]}]}},
]
JUNK: list[Any] = [None, "", "x", "a/b", -1, 0, 0.0001, 1e300, 10**30, True, [], {}, [None], {"value": "x"}, "*"]


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place inside a call."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield (*path, key)
        yield from places(item, (*path, key))


def changed(call: Json, path: tuple[Any, ...], junk: Any, remove: bool) -> Json:
    found = copy.deepcopy(call)
    target: Any = found
    for key in path[:-1]:
        target = target[key]
    if remove and isinstance(target, dict):
        del target[path[-1]]
    else:
        target[path[-1]] = junk
    return found


@st.composite
def broken_calls(draw: st.DrawFn) -> Json:
    call = draw(st.sampled_from(CALLS))
    for _ in range(draw(st.integers(0, 2))):
        where = [path for path in places(call) if path != ("type",)]
        if where:
            call = changed(call, draw(st.sampled_from(where)), draw(st.sampled_from(JUNK)), draw(st.booleans()))
    return call


@pytest.fixture(scope="module")
def w(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(tmp_path_factory.mktemp("master")) as made:
        yield made


@given(calls=st.lists(broken_calls(), min_size=1, max_size=4))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_call_breaks_the_books(w: World, calls: list[Json]) -> None:
    async def play() -> None:
        agent, scheduler = FakeAgent(w), FakeScheduler(w)
        registered = agent.register()
        scheduler.subscribe()
        for call in calls:
            offers = scheduler.offers()
            text = json.dumps({**call, "framework_id": {"value": scheduler.framework_id}})
            if offers:
                text = text.replace('"O"', json.dumps(offers[0]["id"]["value"]))
            text = text.replace('"A"', json.dumps(agent.agent_id))
            try:
                parsed = parse_call(text.encode())
            except CallError:
                continue
            assert scheduler.framework is not None
            w.master.calls.handle(scheduler.framework, parsed)
            ledger = registered.ledger
            spent = (ledger.all_offered + ledger.all_used).allocated(None)
            assert ledger.free + spent == ledger.total
        scheduler.call("TEARDOWN")
        assert registered.ledger.used == {}

    w.runner.run(play())


@pytest.mark.parametrize("text", ['{"type": NaN}', '{"a": Infinity}'])
def test_constants_are_no_json(text: str) -> None:
    with pytest.raises(CallError, match="syntax error"):
        parse_call(text.encode())


def test_the_directory_of_a_journal_must_be_there(tmp_path: Path) -> None:
    """A registry that cannot be written ends the master, as it ends Mesos'."""
    with world(tmp_path) as w:
        (tmp_path / "registry.new").mkdir()

        async def subscribe_and_wait() -> None:
            FakeScheduler(w).subscribe()
            await w.master.wait_failed()

        with pytest.raises(OSError, match="registry"):
            w.runner.run(subscribe_and_wait())
