"""The parameters of a restore's jobs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from executor.jobs.context import JobError

# Extents of the comparison with the cluster's answers after the restore; another one is `count`: of the rows alone.
NOTHING, SAMPLE, FULL = "none", "sample", "full"


@dataclass(frozen=True)
class Request:
    """The common parameters of a restore's jobs; `sources`, `share` and `mode` are empty if a job has none.

    `sources` are nodes of the backup; `share` are those whose objects this node checks. `trust`: the backup is used
    without a valid signature.
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
    trust: bool = False


def read(parameters: Mapping[str, Any]) -> Request:
    """Parse a job's parameters. Raises JobError for a value that no scheduler sends."""
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
            trust=bool(parameters.get("trust")),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise JobError("parameters", f"{type(error).__name__}: {error}", hopeless=True) from error
