"""The config check: a node's executor has Cassandra load new settings before any node restarts with them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any

from api.http.access import access
from executor.protocol import encode_launch
from scheduler.core.configuration import trial
from scheduler.core.plans.preview import Preview
from scheduler.core.state.cluster import ClusterState
from scheduler.core.state.spec import ClusterSpec
from scheduler.loop.snapshot import QuestionRefused, Unavailable

SUBJECT = "settings"


class Result(Enum):
    """The result of a config check; after NOT_MADE nothing is known, and the settings are accepted."""

    NOT_NEEDED = "not needed"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    NOT_MADE = "not made"


@dataclass(frozen=True)
class Trial:
    """A result, with Cassandra's message, or why there was no check."""

    result: Result
    message: str = ""

    @property
    def refusal(self) -> str | None:
        """The refusal as a sentence, None if Cassandra would start with the settings."""
        if self.result is not Result.REFUSED:
            return None
        return f"Cassandra would not start with these settings: {self.message}. Correct them; no node was restarted"

    def document(self) -> dict[str, Any]:
        """Return the JSON for the API's answers."""
        return {"result": self.result.value, "message": self.message}


def check_by_cassandra(
    state: ClusterState, spec: ClusterSpec, found: Preview, wanted: bool = True, foreign: bool = False
) -> Trial:
    """Check the settings on the first node of the roll-out, or on another one that is up if that one cannot.

    With `foreign`, they name code that only the environment may name: no node runs it for a preview.
    """
    old = state.target.spec
    if found.refusals or not found.restarts or not trial.is_needed(old, spec):
        return Trial(Result.NOT_NEEDED)
    if trial.is_running(state, spec):
        # Such as those before a roll-out that is taken back: it must not go on to the next node meanwhile.
        return Trial(Result.NOT_NEEDED)
    if not wanted:
        return Trial(Result.NOT_MADE, "the request has check false")
    if (why := trial.hindrance(old, spec)) is not None:
        return Trial(Result.NOT_MADE, why)
    if foreign:
        return Trial(Result.NOT_MADE, "the settings name code that the scheduler's environment alone sets")
    content = {"launch": encode_launch(trial.trial_launch(spec))}
    try:
        answer = access().gateway.question(SUBJECT, content, first=found.restarts[0])
    except (Unavailable, QuestionRefused) as error:
        return Trial(Result.NOT_MADE, str(error))
    words = str(answer.get("refused", ""))
    return Trial(Result.REFUSED, words.rstrip(".")) if words else Trial(Result.ACCEPTED)
