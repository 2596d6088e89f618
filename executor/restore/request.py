"""What a restore was asked for, as its jobs are told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from executor.jobs.context import JobError

# How much is compared with what the cluster answers afterwards.
NOTHING, COUNT, SAMPLE, FULL = "none", "count", "sample", "full"


@dataclass(frozen=True)
class Request:
    """The parameters that all jobs of a restore have; `sources`, `share` and `mode` are empty where they make no sense.

    `sources` are nodes of the backup; `share` are those whose objects this node checks.
    """

    location: Mapping[str, Any]
    backup_name: str
    operation: str
    key_spaces: tuple[str, ...]
    column_families: tuple[str, ...]
    rename: Mapping[str, str]
    sources: tuple[str, ...]
    share: tuple[str, ...]
    mode: str
    compare: str = SAMPLE


def read(parameters: Mapping[str, Any]) -> Request:
    """From a job's parameters. Raises JobError for what a scheduler never sends."""
    try:
        sources = tuple(map(str, parameters.get("sources") or ()))
        share = parameters.get("share")
        return Request(
            location=dict(parameters["location"]),
            backup_name=str(parameters["backup_name"]),
            operation=str(parameters.get("operation", "")),
            key_spaces=tuple(map(str, parameters.get("key_spaces") or ())),
            column_families=tuple(map(str, parameters.get("column_families") or ())),
            rename={str(old): str(new) for old, new in (parameters.get("rename") or {}).items()},
            sources=sources,
            share=sources if share is None else tuple(map(str, share)),
            mode=str(parameters.get("mode", "")),
            compare=str(parameters.get("compare") or SAMPLE),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise JobError("parameters", f"{type(error).__name__}: {error}", hopeless=True) from error
