"""The verdict on a restore: its answer and its effect against the model. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tests.restore_model.events import Ref, full
from tests.restore_model.model import Expectation

COMPLETE, DIFFERENT, REFUSED, ERROR = "COMPLETE", "DIFFERENT", "REFUSED", "ERROR"


@dataclass(frozen=True)
class Outcome:
    """The end of a restore. REFUSED: by the API, or by Check, before anything was changed."""

    state: str
    message: str = ""


@dataclass(frozen=True)
class Found:
    """The differences after a restore: to the model after it, and to the one before it."""

    after: Mapping[Ref, str]
    before: Mapping[Ref, str]
    schema: Sequence[str] = ()
    schema_changed: bool = False


def judge(expected: Expectation, outcome: Outcome, found: Found) -> list[str]:
    """Return a sentence for each defect."""
    if outcome.state == REFUSED:
        return _refused(expected, outcome, found)
    if outcome.state not in (COMPLETE, DIFFERENT):
        return [f"it ended in {outcome.state}: {outcome.message}"]
    wrong = {ref: text for ref, text in found.after.items() if outcome.state == COMPLETE or not _about(expected, ref)}
    defects = [f"{outcome.state}, but {full(ref)}: {text}" for ref, text in wrong.items()]
    if outcome.state == DIFFERENT and not expected.obstacles and not expected.may_differ and not found.after:
        defects.append(f"DIFFERENT, but nothing differs: {outcome.message}")
    return defects + [f"{outcome.state}, but {text}" for text in found.schema]


def _refused(expected: Expectation, outcome: Outcome, found: Found) -> list[str]:
    defects = [f"refused, but {full(ref)} was changed: {text}" for ref, text in found.before.items()]
    if found.schema_changed:
        defects.append("refused, but the schema was changed")
    if not expected.obstacles:
        defects.append(f"refused, but nothing stands against it: {outcome.message}")
    return defects


def _about(expected: Expectation, ref: Ref) -> bool:
    """Return whether the comparison can name it as different: something explains it."""
    return ref in expected.targets and any(text.startswith(f"{full(ref)}: ") for text in expected.obstacles)
