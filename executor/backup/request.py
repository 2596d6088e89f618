"""The parameters of a backup's jobs, and the way from them to the bucket."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from executor.backup.format.layout import LayoutError
from executor.backup.seal.keys import read_keys
from executor.backup.seal.store import BackupStore
from executor.backup.upload.sender import THREADS
from executor.jmx.jolokia import JolokiaError
from executor.jobs.context import JobContext, JobError
from executor.json_codec import DocumentError
from executor.s3.errors import StoreError
from executor.s3.location import LocationError, parse
from executor.s3.store import open_store


@dataclass(frozen=True)
class Request:
    """The common parameters of a backup's jobs; a text is empty if a job has none.

    `sealed`: what the job writes is sealed. `trust`: a backup is used without a valid signature.
    """

    location: Mapping[str, Any]
    backup_name: str
    cluster: str
    cluster_name: str
    operation: str
    tag: str
    key_spaces: tuple[str, ...]
    column_families: tuple[str, ...]
    sealed: bool = False
    trust: bool = False


def read(parameters: Mapping[str, Any]) -> Request:
    """Parse a job's parameters. Raises JobError for a value that no scheduler sends."""
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
            sealed=bool(parameters.get("sealed")),
            trust=bool(parameters.get("trust")),
        )
    except (TypeError, ValueError) as error:
        raise JobError("parameters", f"{type(error).__name__}: {error}", hopeless=True) from error


@contextmanager
def job_errors(step: str) -> Iterator[None]:
    """Turn the errors in a `with` statement into a JobError of this step."""
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
def open_location(context: JobContext, request: Request) -> Iterator[BackupStore]:
    """Open the location of a job; the store seals if the request does. Raises JobError, with the job as the step."""
    with job_errors(context.launch.job):
        location = parse(request.location)
        secrets, scratch = context.secrets(), context.node.scratch
        with open_store(location, secrets, context.wait, scratch, connections=2 * THREADS) as opened:
            store = BackupStore(opened, read_keys(secrets))
            if request.sealed:
                store.use_vault(request.cluster)
            yield store
