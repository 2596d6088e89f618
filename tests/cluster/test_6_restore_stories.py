"""Stories that Hypothesis draws, the same in every run: after a restore the cluster has what the model has."""

from __future__ import annotations

import pytest

from tests.cluster.world import World
from tests.restore_model import known_stories
from tests.restore_model.drawn_schema import Limits
from tests.restore_model.drawn_stories import Steps, draw_stories
from tests.restore_model.play import Player

pytestmark = [pytest.mark.cassandra, pytest.mark.timeout(600)]

SEED = 33
STORIES = 3


@pytest.mark.parametrize("name", known_stories.STORIES)
def test_known_story(world: World, name: str) -> None:
    with world.cql() as session:
        player = Player(world, session)
        player.play(known_stories.STORIES[name](f"known_{list(known_stories.STORIES).index(name)}"))
    assert not player.defects, player.script


@pytest.fixture(scope="module")
def stories() -> list[Steps]:
    return draw_stories(SEED, STORIES, Limits())


@pytest.mark.parametrize("number", range(STORIES))
def test_story(world: World, stories: list[Steps], number: int) -> None:
    with world.cql() as session:
        player = Player(world, session)
        player.play(stories[number])
    assert not player.defects, player.script
