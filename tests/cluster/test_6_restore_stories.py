"""Stories that once failed, and one that Hypothesis draws: after a restore the cluster has what the model has.

They are the same in every run. `./dev chaos -k stories` plays more, others each time.
"""

from __future__ import annotations

import pytest

from tests.cluster.world import World
from tests.restore_model import known_stories
from tests.restore_model.drawn_schema import Limits
from tests.restore_model.drawn_stories import draw_stories
from tests.restore_model.play import Player

pytestmark = [pytest.mark.cassandra, pytest.mark.timeout(600)]

SEED = 33


@pytest.mark.parametrize("name", known_stories.STORIES)
def test_known_story(world: World, name: str) -> None:
    with world.cql() as session:
        player = Player(world, session)
        player.play(known_stories.STORIES[name](f"known_{list(known_stories.STORIES).index(name)}"))
    assert not player.defects, player.script


def test_drawn_story(world: World) -> None:
    (story,) = draw_stories(SEED, 1, Limits())
    with world.cql() as session:
        player = Player(world, session)
        player.play(story)
    assert not player.defects, player.script
