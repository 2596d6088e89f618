"""A snapshot's files into the objects of a node, whatever took the snapshot."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from executor.backup.format.manifest import Component
from executor.backup.upload.files import SnapshotFile
from executor.backup.upload.hashes import HashCache
from executor.backup.upload.index import Index
from executor.backup.upload.progress import Meter
from executor.backup.upload.sender import THREADS, Sender, largest_first
from executor.protocol import JobProgress
from executor.s3.crew import Crew, StoppedError
from executor.s3.errors import StoreError
from executor.s3.store import Store
from executor.s3.throttle import Throttle

# What is removed between two looks is sent again; who removes that often is no race.
_LOOKS = 3
# Under a throttle files are read to be hashed this much faster than they are sent: it costs a tenth of the sending.
_READS = 4


@dataclass(frozen=True)
class Control:
    """What holds an upload's reins: `tick` is called several times a second and may raise; `limit` is in bytes per
    second as of now, 0 for none."""

    tick: Callable[[], None]
    tell: Callable[[JobProgress], None]
    limit: Callable[[], float]


@dataclass(frozen=True)
class Uploaded:
    """Each file's object, and what had to be sent for it. Bytes are those on the network."""

    components: Mapping[SnapshotFile, Component]
    sent_objects: int
    sent_bytes: int


def upload_files(
    store: Store, prefix: str, files: Sequence[SnapshotFile], hash_file: Path, control: Control
) -> Uploaded:  # fmt: skip
    """Send what is not there yet below `prefix`, which belongs to this node alone.

    Large files that an attempt before has sent in part are taken up, unless it was cancelled. At the end everything is
    seen to be there, in the right size. `hash_file` remembers hashes from backup to backup. Raises StoreError, OSError.
    """
    control.tell(JobProgress(doing="listing what is there"))
    halves = dict(store.unfinished(prefix))
    meter = Meter(len(files), sum(file.size for file in files))
    tables = {file.table.id for file in files}
    components: dict[SnapshotFile, Component] = {}
    objects = size = 0
    with HashCache(hash_file) as hashes:
        missing: Sequence[SnapshotFile] = files
        for _ in range(_LOOKS):
            index = Index.list(store, prefix, tables, len(missing))
            sender = _send(store, prefix, missing, index, hashes, meter, halves, control)
            components |= sender.components
            objects += len(sender.sent)
            size += sender.sent_bytes
            control.tell(meter.progress("checking what is there", {}))
            missing = _missing(store, prefix, sender, control)
            if not missing:
                hashes.keep(file.identity for file in files)
                for key, upload in store.unfinished(prefix):
                    store.abort(key, upload)
                return Uploaded(components, objects, size)
            meter.handled(-sum(file.size for file in missing), -len(missing))
    first = components[missing[0]]
    raise StoreError(f"{len(missing)} objects are not there in their size after they were sent: {first.key} and others")


def _send(
    store: Store,
    prefix: str,
    files: Sequence[SnapshotFile],
    index: Index,
    hashes: HashCache,
    meter: Meter,
    halves: dict[str, str],
    control: Control,
) -> Sender:
    crew = Crew()
    throttle = Throttle(control.limit, crew.sleep)
    reads = Throttle(lambda: _READS * control.limit(), crew.sleep)

    def pace(size: int) -> None:
        crew.check()
        throttle.take(size)
        crew.check()
        meter.moved(size)

    def tick() -> None:
        control.tick()
        control.tell(meter.progress("uploading", {"throttle": control.limit()}))

    sender = Sender(store.waiting(crew.wait), prefix, index, hashes, meter, crew, pace, reads.take, halves)
    try:
        crew.run(THREADS, (partial(sender.send, file) for file in largest_first(files)), tick)
    except Exception:
        # Another attempt takes up what is half there.
        raise
    except BaseException:
        _tidy_up(store, sender)
        raise
    return sender


def _tidy_up(store: Store, sender: Sender) -> None:
    """After a cancellation. What cannot be tidied up now the next backup does; the cancellation is what is told."""

    def once(_seconds: float) -> None:
        raise StoppedError

    sender.store = store.waiting(once)
    try:
        sender.abandon()
    except (StoreError, StoppedError):
        return


def _missing(store: Store, prefix: str, sender: Sender, control: Control) -> list[SnapshotFile]:
    """The files of tables of which anything was sent whose objects are not there in their size.

    Of other tables all was there when the upload began, and who claims a backup's name keeps others from removing it.
    """
    sent = {file.table.id for file in sender.sent}
    wanted = {c.key: c.stored_size for file, c in sender.components.items() if file.table.id in sent}
    if not wanted:
        return []
    left: dict[str, int] = dict(wanted)
    index = Index.list(store, prefix, (), len(wanted), lambda item: _strike(left, item.key, item.size))
    asked = [key for key in left if not index.knows(key.removeprefix(prefix))]
    crew = Crew()
    waiting = store.waiting(crew.wait)

    def ask(key: str) -> None:
        size = waiting.size(key)
        if size is not None:
            _strike(left, key, size)

    crew.run(THREADS, [partial(ask, key) for key in asked], control.tick)
    return [file for file, component in sender.components.items() if component.key in left]


def _strike(left: dict[str, int], key: str, size: int) -> None:
    if left.get(key) == size:
        left.pop(key, None)
