"""What a backup describes if its tables are dropped meanwhile."""

from __future__ import annotations

import pytest

from executor.backup.jobs.describe import refuse_nothing
from executor.backup.request import read
from executor.cql.names import TableName
from executor.jobs.context import JobError

_GONE = "dropped after the snapshots were taken"


@pytest.mark.parametrize(
    ("parameters", "key_spaces", "left_out"),
    [
        ({"key_spaces": ["shop"]}, [], {"shop": _GONE, "shop.users": _GONE}),
        ({"column_families": ["shop.users"]}, ["shop"], {"shop.users": _GONE}),
    ],
)
def test_all_that_it_names_is_gone(
    parameters: dict[str, list[str]], key_spaces: list[str], left_out: dict[str, str]
) -> None:
    with pytest.raises(JobError) as refused:
        refuse_nothing(read(parameters), key_spaces, [], left_out)
    name, why = next(iter(left_out.items()))
    assert refused.value.hopeless
    assert str(refused.value).startswith(f"describe: there is nothing to back up: {name} is left out: {why}")


@pytest.mark.parametrize(
    "parameters", [{}, {"key_spaces": ["shop"]}, {"key_spaces": ["shop", "bank"], "column_families": ["users"]}]
)
def test_some_of_it_is_there(parameters: dict[str, list[str]]) -> None:
    tables = [TableName("shop", "users")] if "column_families" in parameters else []
    refuse_nothing(read(parameters), ["shop"], tables, {"bank": _GONE})
