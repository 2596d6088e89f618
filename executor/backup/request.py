"""What the jobs of a backup are told, and the way from there to the bucket."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from executor.backup.format.layout import LayoutError
from executor.backup.upload.sender import THREADS
from executor.jmx.jolokia import JolokiaError
from executor.jobs.context import JobContext, JobError
from executor.json_codec import DocumentError
from executor.s3.errors import StoreError
from executor.s3.location import LocationError, parse
from executor.s3.store import Store, open_store


@dataclass(frozen=True)
class Request:
    """The parameters that jobs of a backup have in common; texts are empty where a job has none."""

    location: Mapping[str, Any]
    backup_name: str
    cluster: str
    cluster_name: str
    operation: str
    tag: str
    key_spaces: tuple[str, ...]
    column_families: tuple[str, ...]


def read(parameters: Mapping[str, Any]) -> Request:
    """From a job's parameters. Raises JobError for what a scheduler never sends."""
    try:
        return Request(
            location=dict(parameters.get("location") or {}),
            backup_name=str(parameters.get("backup_name") or ""),
            cluster=str(parameters.get("cluster") or ""),
            cluster_name=str(parameters.get("cluster_name") or ""),
            operation=str(parameters.get("operation") or ""),
            tag=str(parameters.get("tag") or ""),
            key_spaces=tuple(map(str, parameters.get("key_spaces") or ())),
            column_families=tuple(map(str, parameters.get("column_families") or ())),
        )
    except (TypeError, ValueError) as error:
        raise JobError("parameters", f"{type(error).__name__}: {error}", hopeless=True) from error


@contextmanager
def reported(step: str) -> Iterator[None]:
    """What goes wrong in a `with` statement becomes a JobError of this step."""
    try:
        yield
    except (LocationError, LayoutError) as error:
        raise JobError(step, str(error), hopeless=True) from error
    except DocumentError as error:
        raise JobError(step, str(error), hopeless=True) from error
    except StoreError as error:
        raise JobError(step, str(error), error.hopeless) from error
    except JolokiaError as error:
        raise JobError(step, str(error)) from error
    except OSError as error:
        raise JobError(step, f"{error.strerror}: {error.filename}" if error.filename else str(error)) from error


@contextmanager
def opened(context: JobContext, request: Request) -> Iterator[Store]:
    """The location of a job. Errors are of the step of the job's name; raises JobError."""
    with reported(context.launch.job):
        location = parse(request.location)
        secrets, scratch = context.secrets(), context.node.scratch
        with open_store(location, secrets, context.wait, scratch, connections=2 * THREADS) as store:
            yield store
