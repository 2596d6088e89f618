"""Settings of the environment and of the API: for each, who changed it last has it."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from scheduler.core.configuration.overrides import (
    active_overrides,
    apply_overrides,
    change_overrides,
    restore_overrides,
)
from scheduler.core.state.configuration import Override

HEAP = {"HEAP": Override("512", "256")}
ENVIRONMENT = {"HEAP": "256", "CPUS": "1"}


@pytest.mark.parametrize(
    ("environment", "names", "holds"),
    [
        ({"HEAP": "256"}, ("HEAP",), True),
        ({"HEAP": "257"}, ("HEAP",), False),
        ({"HEAP": "512"}, ("HEAP",), False),
        ({}, ("HEAP",), False),
        ({"HEAP": "256"}, ("CPUS",), False),
    ],
)
def test_an_override_holds_over_what_it_was_given_over(
    environment: Mapping[str, str], names: tuple[str, ...], holds: bool
) -> None:
    assert active_overrides(HEAP, environment, names) == (HEAP if holds else {})


def test_one_over_nothing_holds_until_the_environment_says_something() -> None:
    over_nothing = {"HEAP": Override("512", "")}
    assert active_overrides(over_nothing, {}, ("HEAP",)) == over_nothing
    assert active_overrides(over_nothing, {"HEAP": "1"}, ("HEAP",)) == {}


@pytest.mark.parametrize(
    ("changes", "texts"),
    [
        ({}, ENVIRONMENT),
        ({"HEAP": "300"}, {"HEAP": "300", "CPUS": "1"}),
        ({"HEAP": ""}, {"CPUS": "1"}),
        ({"DISK": "7"}, {**ENVIRONMENT, "DISK": "7"}),
        ({"DISK": ""}, ENVIRONMENT),
    ],
    ids=str,
)
def test_overrides_lie_on_top_and_an_empty_one_unsets(changes: Mapping[str, str], texts: Mapping[str, str]) -> None:
    assert apply_overrides(ENVIRONMENT, change_overrides({}, ENVIRONMENT, changes)) == texts


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({}, HEAP),
        ({"HEAP": "300"}, {"HEAP": Override("300", "256")}),
        ({"HEAP": None}, {}),
        ({"HEAP": "256"}, {}),
        ({"HEAP": ""}, {"HEAP": Override("", "256")}),
        ({"CPUS": None}, HEAP),
        ({"CPUS": "2"}, {**HEAP, "CPUS": Override("2", "1")}),
    ],
    ids=str,
)
def test_what_is_given_is_kept_with_what_it_is_over(
    changes: Mapping[str, str | None], found: Mapping[str, Override]
) -> None:
    assert change_overrides(HEAP, ENVIRONMENT, changes) == found


def test_settings_are_brought_back_whoever_gave_them() -> None:
    names = ("HEAP", "CPUS", "YAML")
    others = {"REPLACE": Override("600", "")}
    found = restore_overrides({**HEAP, **others}, ENVIRONMENT, names, {"HEAP": "256", "YAML": "{a: 1}"})
    assert found == {**others, "CPUS": Override("", "1"), "YAML": Override("{a: 1}", "")}
    assert apply_overrides(ENVIRONMENT, found) == {"HEAP": "256", "YAML": "{a: 1}", "REPLACE": "600"}
