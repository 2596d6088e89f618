"""The upload of a snapshot's files to the objects of a node."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from executor.backup.format.manifest import Component
from executor.backup.seal.vault import Vault
from executor.backup.upload.files import SnapshotFile
from executor.backup.upload.hashes import HashCache
from executor.backup.upload.index import Index
from executor.backup.upload.progress import Meter, Pace
from executor.backup.upload.sender import THREADS, Sender, largest_first
from executor.protocol import JobProgress
from executor.s3.crew import Crew, StoppedError
from executor.s3.errors import StoreError
from executor.s3.store import Store
from executor.s3.throttle import Throttle

# Objects that are removed between two checks are sent again; after this many times it is no race.
_LOOKS = 3
# Under a throttle, files are read for their hash this much faster than they are sent: a tenth more time.
_READS = 4


@dataclass(frozen=True)
class Control:
    """The control of an upload: `tick` is called several times a second and can raise.

    `limit` returns the current bytes per second, 0 for no limit.
    """

    tick: Callable[[], None]
    tell: Callable[[JobProgress], None]
    limit: Callable[[], float]


@dataclass(frozen=True)
class Uploaded:
    """Each file's object, and what was sent for it; bytes are those on the network."""

    components: Mapping[SnapshotFile, Component]
    sent_objects: int
    sent_bytes: int


def upload_files(
    store: Store,
    prefix: str,
    files: Sequence[SnapshotFile],
    hash_file: Path,
    control: Control,
    vault: Vault | None = None,
) -> Uploaded:
    """Send what is not stored yet below `prefix`, which belongs to this node alone.

    Large files that an earlier attempt sent in part are continued, unless it was cancelled. At the end, every object is
    checked for its size. `hash_file` is the file of the hash cache, kept from backup to backup. With a `vault` the
    objects are sealed. Raises StoreError, OSError.
    """
    control.tell(JobProgress(doing="listing stored objects"))
    halves = dict(store.list_uploads(prefix))
    meter = Meter(len(files), sum(file.size for file in files))
    tables = {file.table.id for file in files}
    components: dict[SnapshotFile, Component] = {}
    objects = size = 0
    with HashCache(hash_file) as hashes:
        missing: Sequence[SnapshotFile] = files
        for _ in range(_LOOKS):
            index = Index.list(store, prefix, tables, len(missing), sealed=vault is not None)
            sender = _send(store, prefix, missing, index, hashes, meter, halves, control, vault)
            components |= sender.components
            objects += len(sender.sent)
            size += sender.sent_bytes
            control.tell(meter.progress("checking stored objects", {}))
            missing = _missing(store, prefix, sender, control)
            if not missing:
                hashes.keep(file.identity for file in files)
                for key, upload in store.list_uploads(prefix):
                    store.abort(key, upload)
                return Uploaded(components, objects, size)
            meter.add_handled(-sum(file.size for file in missing), -len(missing))
    first = components[missing[0]]
    text = f"{len(missing)} objects are missing or have another size after they were sent: {first.key} and others"
    raise StoreError(text)


def _send(
    store: Store,
    prefix: str,
    files: Sequence[SnapshotFile],
    index: Index,
    hashes: HashCache,
    meter: Meter,
    halves: dict[str, str],
    control: Control,
    vault: Vault | None,
) -> Sender:
    crew = Crew()
    reads = Throttle(lambda: _READS * control.limit(), crew.sleep)

    def tick() -> None:
        control.tick()
        control.tell(meter.progress("uploading", {"throttle": control.limit()}))

    waiting = store.with_wait(crew.wait)
    pace = Pace(control.limit, meter, crew)
    sender = Sender(waiting, prefix, index, hashes, meter, crew, pace, reads.take, halves, vault)
    try:
        crew.run(THREADS, (partial(sender.send, file) for file in largest_first(files)), tick)
    except Exception:
        # Another attempt continues the parts.
        raise
    except BaseException:
        _tidy_up(store, sender)
        raise
    return sender


def _tidy_up(store: Store, sender: Sender) -> None:
    """Abort parts after a cancellation; the next backup aborts the rest. The job's outcome stays the cancellation."""

    def once(_seconds: float) -> None:
        raise StoppedError

    sender.store = store.with_wait(once)
    try:
        sender.abandon()
    except (StoreError, StoppedError):
        return


def _missing(store: Store, prefix: str, sender: Sender, control: Control) -> list[SnapshotFile]:
    """Return the files whose objects are missing or have another size, of tables of which anything was sent.

    The objects of other tables existed when the upload began; the claim of a backup's name keeps them from removal.
    """
    sent = {file.table.id for file in sender.sent}
    wanted = {c.key: c.stored_size for file, c in sender.components.items() if file.table.id in sent}
    if not wanted:
        return []
    left: dict[str, int] = dict(wanted)
    index = Index.list(store, prefix, (), len(wanted), lambda item: _strike(left, item.key, item.size))
    asked = [key for key in left if not index.knows(key.removeprefix(prefix))]
    crew = Crew()
    waiting = store.with_wait(crew.wait)

    def ask(key: str) -> None:
        size = waiting.size(key)
        if size is not None:
            _strike(left, key, size)

    crew.run(THREADS, [partial(ask, key) for key in asked], control.tick)
    return [file for file, component in sender.components.items() if component.key in left]


def _strike(left: dict[str, int], key: str, size: int) -> None:
    if left.get(key) == size:
        left.pop(key, None)
