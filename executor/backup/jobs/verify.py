"""The job `backup-verify`: reads every object of some nodes of a backup and compares it with the manifests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from executor.backup import verification
from executor.backup.catalog import Catalog
from executor.backup.format.manifest import Component
from executor.backup.jobs.upload import limit
from executor.backup.request import Request, open_location, read
from executor.backup.seal.signature import Judged
from executor.backup.seal.store import BackupStore
from executor.backup.upload.progress import Meter, Pace
from executor.backup.upload.sender import THREADS
from executor.backup.verification import Verifier
from executor.jobs.context import JobContext, JobError
from executor.protocol import JobProgress
from executor.s3.crew import Crew
from executor.sentences import by_number

# With the other words, less than the scheduler keeps of an error.
_MOST_SIGNS = 660


def backup_verify(context: JobContext) -> Mapping[str, Any]:
    """Read the objects in the manifests of `sources`. Raises JobError with the damaged ones."""
    request = read(context.launch.parameters)
    sources = [str(name) for name in context.launch.parameters.get("sources") or ()]
    with open_location(context, request) as store:
        context.tell(JobProgress(doing="reading manifests"))
        found, judged = _components(store, request, sources)
        components = verification.distinct(found)
        damaged = _verified(context, store, components)
    if damaged:
        raise JobError("verify", damage(damaged, len(components)), hopeless=True)
    return {
        "objects": len(components),
        "bytes": sum(component.size for component in components),
        "damaged": [],
        **({"message": words} if (words := judged.sentence(request.backup_name)) else {}),
    }


def damage(damaged: Sequence[str], total: int) -> str:
    """Return a sentence with the first damaged objects: a longer one would be cut off at its beginning."""
    named: list[str] = []
    for words in sorted(damaged):
        if named and len("; ".join([*named, words])) > _MOST_SIGNS:
            break
        named.append(words)
    more = f"; and {len(damaged) - len(named)} more" if len(damaged) > len(named) else ""
    text = f"{len(damaged)} of {total} objects differ from the backup: {'; '.join(named)}{more}"
    # An upload asks only whether an object is there.
    return f"{text}; delete them in the bucket, then make a new backup, which sends them again"


def _components(store: BackupStore, request: Request, sources: list[str]) -> tuple[list[Component], Judged]:
    catalog = Catalog(store)
    backup, judged = catalog.judged(request.backup_name)
    if backup is None:
        raise JobError("verify", f"there is no complete backup {request.backup_name}; check its name", hopeless=True)
    if not judged.is_fine and not request.trust:
        raise JobError("signature", judged.refusal(request.backup_name), hopeless=True)
    if unknown := sorted(set(sources) - backup.nodes.keys(), key=by_number):
        raise JobError("verify", f"the backup {request.backup_name} has no node {', '.join(unknown)}", hopeless=True)
    catalog.schema(backup)
    found = [
        component
        for name in sources
        for table in catalog.node(backup, name).tables
        for component in table.components
    ]  # fmt: skip
    return found, judged


def _verified(context: JobContext, store: BackupStore, components: list[Component]) -> list[str]:
    throttle_limit = limit(context)
    crew = Crew()
    meter = Meter(len(components), sum(component.size for component in components))

    def tick() -> None:
        context.check()
        context.tell(meter.progress("verifying", {"throttle": throttle_limit()}))

    verifier = Verifier(store.with_wait(crew.wait), meter, crew, Pace(throttle_limit, meter, crew))
    crew.run(THREADS, [verifier.task(component) for component in components], tick)
    return verifier.damaged
