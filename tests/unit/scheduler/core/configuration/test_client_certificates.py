"""What a preview says of certificates of clients."""

from __future__ import annotations

from dataclasses import replace

import pytest

from scheduler.core.configuration.overrides import Wanted
from scheduler.core.plans.preview import preview
from scheduler.core.state.spec import ClusterSpec, Policy
from tests.unit.scheduler.core.samples import spec, state, up


def asking(word: str) -> ClusterSpec:
    base = spec(2)
    return replace(base, cassandra=replace(base.cassandra, encryption="required", client_certificates=word))


@pytest.mark.parametrize(
    ("before", "after", "refusals", "warnings"),
    [
        ("off", "optional", 0, 0),
        ("off", "required", 1, 0),
        ("optional", "required", 0, 0),
        ("required", "optional", 0, 0),
        ("required", "off", 0, 1),
        ("optional", "off", 0, 1),
    ],
)
def test_a_preview_warns_of_clients_that_cannot_log_in_any_more(
    before: str, after: str, refusals: int, warnings: int
) -> None:
    found = preview(state(up(0), up(1), wanted=asking(before)), Wanted(asking(after), {}, {}, Policy()))
    assert [item.name for item in found.changes] == ["client certificates"]
    assert (len(found.refusals), len(found.warnings)) == (refusals, warnings)
    assert found.restarts == (() if refusals else ("node-0", "node-1"))
    assert all("clients that log in with a certificate alone are refused" in words for words in found.warnings)
