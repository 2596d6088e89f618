"""What a verification tells about damaged objects."""

from __future__ import annotations

from executor.backup.jobs.verify import damage
from scheduler.core.state.lifecycle import WORDS_LIMIT


def test_damage_fits_into_what_the_scheduler_keeps_of_an_error() -> None:
    objects = [f"data/{'k' * 150}/{number} (nb-{number}-big-Data.db) is missing" for number in range(9)]
    text = damage(objects, 12)
    assert text.startswith(f"9 of 12 objects differ from the backup: {objects[0]}; {objects[1]}; ")
    assert "; and 6 more; delete them in the bucket, then make a new backup" in text
    assert len(f"verify: {text}") < WORDS_LIMIT
