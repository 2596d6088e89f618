"""A node that could not start again is not stopped."""

from __future__ import annotations

from dataclasses import replace

import pytest

from scheduler.core.nodes.intents import turn_block
from scheduler.core.nodes.missing_keys import missing_key_entries, missing_key_warnings
from scheduler.core.ring.availability import AT_REST
from scheduler.core.state.authority import Authority, AuthorityRecord
from scheduler.core.state.cluster import ClusterState, MissingKeys
from scheduler.core.state.node import Intent, IntentKind, NodeRecord
from scheduler.core.state.reason import Code
from tests.unit.scheduler.core.samples import down, spec, state, up

MISSING = MissingKeys("the key of the authority cannot be opened", "the passwords cannot be opened")
RESTART = Intent(kind=IntentKind.RESTART, requested_at=1.0, task_id="node-0__a", reason="an operator asked")


def lacking(node: NodeRecord, encryption: str = "required", sealed: str = "sealed") -> ClusterState:
    base = spec(3)
    found = state(
        node,
        up(1),
        wanted=replace(base, cassandra=replace(base.cassandra, encryption=encryption)),
        authority=AuthorityRecord(Authority("certificate", sealed)),
    )
    return replace(found, memory=replace(found.memory, missing_keys=MISSING))


def test_a_restart_waits_for_the_key() -> None:
    node = up(0, intent=RESTART)
    block = turn_block(lacking(node), AT_REST, node)
    assert block is not None
    assert block.code is Code.CERTIFICATE
    assert "the key of the authority cannot be opened; add the key that sealed it" in block.sentence
    of_files = turn_block(lacking(node, sealed=""), AT_REST, node)
    assert of_files is not None
    assert "put them back" in of_files.sentence


@pytest.mark.parametrize(
    ("node", "encryption"),
    [
        pytest.param(up(0, intent=replace(RESTART, forced=True)), "required", id="forced"),
        pytest.param(up(0, intent=replace(RESTART, kind=IntentKind.PAUSE)), "required", id="a pause needs none"),
        pytest.param(down(0, intent=RESTART), "required", id="it is down"),
        pytest.param(up(0, intent=RESTART), "off", id="without TLS"),
    ],
)
def test_what_does_not_wait(node: NodeRecord, encryption: str) -> None:
    assert turn_block(lacking(node, encryption), AT_REST, node) is None


def test_what_is_told() -> None:
    found = lacking(up(0))
    signing, logins = missing_key_warnings(found)
    assert "rotate the authority by PUT /v1/certificates/rotate" in signing
    assert "change SECURITY_AUTHENTICATION to off, and then to on again" in logins
    whole = replace(found, memory=replace(found.memory, missing_keys=MissingKeys()))
    assert missing_key_warnings(whole) == ()
    assert [entry.sentence for entry in missing_key_entries(found, whole, 1.0)] == [
        "nodes can get certificates again",
        "the service can log in to Cassandra again",
    ]
    assert missing_key_entries(found, found, 1.0) == []
