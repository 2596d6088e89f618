"""Many stories of backups and restores, others each time; the number that they are drawn from is printed.

`RESTORE_STORIES=20 RESTORE_SEED=4711 ./dev chaos -k stories` plays so many, and the ones of that number again.
"""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from devcluster.scheduler_process import secrets_key
from tests.cluster.world import World, deployed, make_layout
from tests.restore_model import events as ev
from tests.restore_model.drawn_schema import Limits
from tests.restore_model.drawn_stories import draw_stories
from tests.restore_model.features import SETTINGS
from tests.restore_model.model import Model
from tests.restore_model.play import Player

pytestmark = [pytest.mark.chaos, pytest.mark.cassandra, pytest.mark.timeout(900)]

STORIES = int(os.environ.get("RESTORE_STORIES", "10"))
SEED = int(os.environ.get("RESTORE_SEED") or random.randrange(10**6))
NETWORK = "127.0.41"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Three nodes with all features."""
    directory: Path = tmp_path_factory.mktemp("stories")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in SETTINGS.items():
            patch.setenv(name, value)
        with deployed(make_layout(directory / "three", nodes=3, network=NETWORK)) as world:
            yield world


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory, world: World) -> Iterator[World]:
    """A cluster of one node, with tokens of its own."""
    directory: Path = tmp_path_factory.mktemp("elsewhere")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in SETTINGS.items():
            patch.setenv(name, value)
        layout = make_layout(directory / "one", nodes=1, network="127.0.42")
        # It accepts the signatures of the first cluster.
        shutil.copy(secrets_key(world.layout), secrets_key(layout))
        with deployed(layout) as other:
            yield other


@pytest.mark.parametrize("number", range(STORIES))
def test_stories(world: World, number: int) -> None:
    """Each on three nodes."""
    print(f"RESTORE_SEED={SEED}")
    steps = draw_stories(SEED, STORIES, Limits())[number]
    with world.cql() as session:
        player = Player(world, session)
        player.play(steps)
    assert not player.defects, player.script


@pytest.mark.parametrize("number", range(max(1, STORIES // 4)))
def test_stories_that_end_on_another_number_of_nodes(world: World, elsewhere: World, number: int) -> None:
    """What three nodes backed up is restored onto one, which has had nothing of it."""
    print(f"RESTORE_SEED={SEED}")
    steps = draw_stories(SEED, STORIES, Limits(replicas=1), prefix="m")[number]
    with world.cql() as session:
        player = Player(world, session)
        player.play(steps)
    backups = player.model.backups
    with elsewhere.cql() as session:
        there = Player(elsewhere, session, Model(backups=backups), location=world.location, described=player.described)
        there.play([ev.Restore(name) for name in backups])
    assert not player.defects + there.defects, f"{player.script}\n-- elsewhere\n{there.script}"
