"""Settings that operators want: the texts of the environment, and the overrides of the API over them.

The last change to a setting wins. An override is stored with the environment's text of that moment, and holds until
the environment has another text.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from scheduler.core.state.configuration import Override, Overrides, Texts
from scheduler.core.state.spec import ClusterSpec, Policy


@dataclass(frozen=True)
class Wanted:
    """The result of settings. `settings` are the texts behind the spec, stored so that a roll-back can restore them."""

    spec: ClusterSpec = field(repr=False)
    settings: Texts = field(default_factory=dict, repr=False)
    overrides: Overrides = field(default_factory=dict, repr=False)
    policy: Policy = field(default_factory=Policy)


def active_overrides(overrides: Overrides, environment: Texts, names: Collection[str]) -> Overrides:
    """Return the overrides that still hold: of known settings, and with an unchanged text in the environment."""
    return {
        name: override
        for name, override in overrides.items()
        if name in names and override.over == environment.get(name, "")
    }


def apply_overrides(environment: Texts, overrides: Overrides) -> Texts:
    """Return the texts of all settings: the environment's, with the overrides over them."""
    texts = {**environment, **{name: override.text for name, override in overrides.items()}}
    return {name: text for name, text in texts.items() if text}


def change_overrides(overrides: Overrides, environment: Texts, changes: Mapping[str, str | None]) -> Overrides:
    """Return the overrides with these changes; None removes one.

    A text equal to the environment's is no override.
    """
    found = {name: override for name, override in overrides.items() if name not in changes}
    for name, text in changes.items():
        over = environment.get(name, "")
        if text is not None and text != over:
            found[name] = Override(text, over)
    return found


def restore_overrides(overrides: Overrides, environment: Texts, names: Collection[str], settings: Texts) -> Overrides:
    """Return the overrides with which older settings hold again.

    Args:
        overrides: The present overrides; those of other settings stay.
        environment: The texts of the environment now.
        names: The settings to restore.
        settings: Their older texts, such as those of a stored configuration.
    """
    return change_overrides(overrides, environment, {name: settings.get(name, "") for name in names})
