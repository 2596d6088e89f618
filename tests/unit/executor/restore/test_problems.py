"""Problems of a restore."""

from __future__ import annotations

import pytest

from executor.restore.problems import Problem


@pytest.mark.parametrize(
    ("where", "covered"),
    [
        ("table k.t", True),
        ("table k.t of the keyspace k cannot be created", True),
        ("table k.t2", False),
        ("table k", False),
        ("", False),
    ],
)
def test_a_problem_covers_those_of_the_same_element_alone(where: str, covered: bool) -> None:
    assert Problem("schema", where, "x").covers(Problem("schema", "table k.t", "y")) is covered
