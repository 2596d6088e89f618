"""What operators want of the cluster: settings by their texts, those of the environment below those of the API.

For each setting, who changed it last has it: a text given through the API is kept with what the environment said then,
and holds until the environment says something else.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from scheduler.core.state.configuration import Override, Overrides, Texts
from scheduler.core.state.spec import ClusterSpec, Policy


@dataclass(frozen=True)
class Wanted:
    """What settings come to. `settings` are the texts that made the spec, kept so that it can be brought back."""

    spec: ClusterSpec = field(repr=False)
    settings: Texts = field(default_factory=dict, repr=False)
    overrides: Overrides = field(default_factory=dict, repr=False)
    policy: Policy = field(default_factory=Policy)


def active_overrides(overrides: Overrides, environment: Texts, names: Collection[str]) -> Overrides:
    """Those that still hold: of settings that there are, and over what the environment says now."""
    return {
        name: override
        for name, override in overrides.items()
        if name in names and override.over == environment.get(name, "")
    }


def apply_overrides(environment: Texts, overrides: Overrides) -> Texts:
    """The texts of all settings: the environment's, with the overrides on top."""
    texts = {**environment, **{name: override.text for name, override in overrides.items()}}
    return {name: text for name, text in texts.items() if text}


def change_overrides(overrides: Overrides, environment: Texts, changes: Mapping[str, str | None]) -> Overrides:
    """The overrides with these changes; None takes one back. What says the same as the environment is none."""
    found = {name: override for name, override in overrides.items() if name not in changes}
    for name, text in changes.items():
        over = environment.get(name, "")
        if text is not None and text != over:
            found[name] = Override(text, over)
    return found


def restore_overrides(overrides: Overrides, environment: Texts, names: Collection[str], settings: Texts) -> Overrides:
    """The overrides with which these settings hold again, of all those named; the others stay as they are."""
    return change_overrides(overrides, environment, {name: settings.get(name, "") for name in names})
