"""Files into objects: which are sent, in which form, and what becomes of an upload that ends too early."""

from __future__ import annotations

import hashlib
import os
import re
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from backports import zstd

from executor.backup.format import layout
from executor.backup.format.manifest import Component
from executor.backup.upload.files import SnapshotFile, snapshot_files
from executor.backup.upload.index import Index
from executor.backup.upload.run import Control, Uploaded, upload_files
from executor.backup.upload.sender import COMPRESSED_PART_BYTES, PART_BYTES, WHOLE_BYTES
from executor.jobs.context import Cancelled
from executor.protocol import JobProgress
from executor.s3.crew import Crew
from executor.s3.errors import StoreError
from executor.s3.store import Store
from tests.unit.executor.backup.faulty import Cut, Delay, Proxy, Refuse, Request, times
from tests.unit.executor.backup.s3_server import HASTY, Server, store_at
from tests.unit.executor.backup.volume import TAG, put, sstable, table_id
from tests.waiting import patient, wait_for

PREFIX = layout.data_prefix("c-1", "node-1")


@dataclass
class Upload:
    """An upload's surroundings."""

    directory: Path
    limit: float = 0.0
    told: list[JobProgress] = field(default_factory=list)
    stop: Callable[[JobProgress], bool] = lambda progress: False

    @property
    def data(self) -> Path:
        return self.directory / "data"

    def run(self, store: Store, prefix: str = PREFIX) -> Uploaded:
        """Send the snapshot."""
        control = Control(lambda: None, self._tell, lambda: self.limit)
        return upload_files(store, prefix, list(snapshot_files([self.data], TAG)), self.directory / "hashes", control)

    def _tell(self, progress: JobProgress) -> None:
        self.told.append(progress)
        if self.stop(progress):
            raise Cancelled


@pytest.fixture
def upload(tmp_path: Path) -> Upload:
    return Upload(tmp_path)


def _content(store: Store, component: Component) -> bytes:
    with store.stream(component.key) as pieces:
        stored = b"".join(pieces)
    assert len(stored) == component.stored_size
    return zstd.decompress(stored) if component.encoding == "zstd" else stored


def _check(store: Store, uploaded: Uploaded) -> None:
    """Every component is what its file is."""
    for file, component in uploaded.components.items():
        plain = Path(file.path).read_bytes()
        assert component.name == file.name
        assert component.size == len(plain)
        assert component.sha256 == hashlib.sha256(plain).hexdigest()
        suffix = ".zst" if component.encoding == "zstd" else ""
        assert component.key == f"{PREFIX}{file.table.id}/{component.sha256}{suffix}"
        assert _content(store, component) == plain


def _text(size: int) -> bytes:
    line = b"this compresses very well, does it not? "
    return (line * (size // len(line) + 1))[:size]


def _mixed(size: int) -> bytes:
    """Half of it compresses."""
    return b"".join(os.urandom(512) + b" " * 512 for _ in range(size // 1024))


def _sizes() -> dict[str, bytes]:
    return {
        "nothing": b"",
        "a byte": b"x",
        "small text": _text(4095),
        "text": _text(4096),
        "noise": os.urandom(100_000),
        "whole": os.urandom(WHOLE_BYTES),
        "whole and one": os.urandom(WHOLE_BYTES + 1),
        "whole less one": os.urandom(WHOLE_BYTES - 1),
        "parts": os.urandom(3 * PART_BYTES),
        "parts less one": os.urandom(3 * PART_BYTES - 1),
        "compressed whole": _text(3 * COMPRESSED_PART_BYTES),
        "compressed parts": _mixed(3 * COMPRESSED_PART_BYTES),
    }


def test_every_size_and_form_arrives_whole(upload: Upload, store: Store) -> None:
    """T6, T8."""
    sizes = _sizes()
    for number, content in enumerate(sizes.values()):
        put(upload.data, "shop", "user", sstable(number, content))
    uploaded = upload.run(store)
    _check(store, uploaded)
    names = {f"nb-{number}-big-Data.db": name for number, name in enumerate(sizes)}
    forms = {names[component.name]: component.encoding for component in uploaded.components.values()}
    assert {name for name, form in forms.items() if form == "zstd"} == {"text", "compressed whole", "compressed parts"}
    parts = [c for c in uploaded.components.values() if names[c.name] == "compressed parts"]
    assert parts[0].stored_size > COMPRESSED_PART_BYTES
    assert uploaded.sent_objects == len(sizes)
    # A part whose answer came too late for the client is sent, and counted, once more.
    assert uploaded.sent_bytes >= sum(component.stored_size for component in uploaded.components.values())
    assert store.list_uploads("") == []
    last = upload.told[-1]
    assert last.done["files"] == last.total["files"] == len(sizes)
    assert last.done["bytes"] == last.total["bytes"] == sum(map(len, sizes.values()))
    # The progress counts what went over the network, so also the requests that boto3 repeats by itself.
    assert last.done["sent_bytes"] >= uploaded.sent_bytes
    assert last.percent == 100.0


def test_nothing_to_send(upload: Upload, store: Store) -> None:
    assert upload.run(store) == Uploaded({}, 0, 0)


def test_a_second_upload_sends_what_is_new_and_reads_nothing_else(upload: Upload, store: Store) -> None:
    directory = put(upload.data, "shop", "user", {**sstable(1, os.urandom(500_000)), **sstable(2, _text(50_000))})
    first = upload.run(store)
    put(upload.data, "shop", "user", sstable(3, os.urandom(1000)))
    # Another snapshot has other names for the same files. The hash is known by the inode: what is in it is not read.
    for path in directory.iterdir():
        path.rename(path.with_name(path.name.replace("nb-1", "nb-7")))
    known = upload.directory / "hashes"
    marked = known.read_text().replace(first.components[_file(first, "nb-1-big-Data.db")].sha256, "f" * 64)
    known.write_text(marked)
    second = upload.run(store)
    assert {c.sha256 for c in second.components.values() if c.name == "nb-7-big-Data.db"} == {"f" * 64}
    assert second.sent_objects == 2
    known.unlink()
    third = upload.run(store)
    assert third.sent_objects == 0
    _check(store, third)


def _file(uploaded: Uploaded, name: str) -> SnapshotFile:
    return next(file for file in uploaded.components if file.name == name)


def test_a_file_of_the_same_name_and_other_content_is_another_object(upload: Upload, store: Store) -> None:
    """T7: a node that was wiped begins again with the same names."""
    put(upload.data, "shop", "user", sstable(1, b"first"))
    first = upload.run(store)
    put(upload.data, "shop", "user", sstable(1, b"other"))
    second = upload.run(store)
    assert second.sent_objects == 1
    [old] = first.components.values()
    assert _content(store, old) == b"first"
    _check(store, second)


def test_names_that_begin_alike_share_nothing(upload: Upload, store: Store) -> None:
    """T4: neither the nodes node-1 and node-10 nor the tables user and users."""
    put(upload.data, "shop", "user", sstable(1, b"same"))
    put(upload.data, "shop", "users", sstable(1, b"same"))
    ten = upload.run(store, layout.data_prefix("c-1", "node-10"))
    assert ten.sent_objects == 2
    one = upload.run(store)
    assert one.sent_objects == 2
    assert len({item.key for item in store.objects("data/")}) == 4
    _check(store, one)


def test_equal_files_are_one_object(upload: Upload, store: Store) -> None:
    put(upload.data, "shop", "user", {**sstable(1, b"same"), **sstable(2, b"same")})
    uploaded = upload.run(store)
    assert len(list(store.objects(""))) == 1
    _check(store, uploaded)


@pytest.mark.parametrize("damage", [b"", b"shor"])
def test_an_object_of_a_wrong_size_is_written_again(upload: Upload, store: Store, damage: bytes) -> None:
    put(upload.data, "shop", "user", sstable(1, b"right"))
    [component] = upload.run(store).components.values()
    store.put(component.key, damage)
    again = upload.run(store)
    assert again.sent_objects == 1
    _check(store, again)


def test_what_is_not_ours_is_left_alone(upload: Upload, store: Store) -> None:
    put(upload.data, "shop", "user", sstable(1, b"x"))
    odd = [f"{PREFIX}{table_id('shop', 'user').id}/{name}" for name in ("junk", "a" * 64 + ".gz", "A" * 64)]
    for key in odd:
        store.put(key, b"theirs")
    assert upload.run(store).sent_objects == 1
    for key in odd:
        assert store.get(key) == b"theirs"


# What ends an upload, and the next one.


@contextmanager
def _through(proxy: Proxy, bucket: str, directory: Path) -> Iterator[Store]:
    with store_at(proxy.server.location(bucket, "a/prefix"), directory) as store:
        yield store


def _fill(upload: Upload, number: int, size: int = 200_000) -> None:
    for index in range(number):
        put(upload.data, "shop", "user", sstable(index, os.urandom(size)))


def test_a_cancelled_upload_is_taken_up(upload: Upload, store: Store) -> None:
    """T1: what was sent before is not sent again; half an object of parts is given up."""
    _fill(upload, 10)
    put(upload.data, "shop", "user", sstable(99, os.urandom(WHOLE_BYTES + 1)))
    upload.limit = 8_000_000
    upload.stop = lambda progress: progress.done.get("sent_bytes", 0) > 5_000_000
    with pytest.raises(Cancelled):
        upload.run(store)
    assert store.list_uploads("") == []
    sent = len(list(store.objects("")))
    assert sent < 11
    upload.limit, upload.stop = 0.0, lambda progress: False
    again = upload.run(store)
    assert again.sent_objects == 11 - sent
    _check(store, again)


def test_a_large_file_that_a_failed_attempt_sent_in_part_is_taken_up(upload: Upload, proxy: Proxy, bucket: str) -> None:
    """T1, within a file: what has arrived of it is not sent again."""
    content = os.urandom(8 * PART_BYTES + 1)
    put(upload.data, "shop", "user", sstable(1, content))

    with _through(proxy, bucket, upload.directory) as store:
        proxy.rule = times(1000, Refuse(503, "SlowDown"), "PUT", "partNumber")
        with pytest.raises(StoreError, match="SlowDown"):
            upload.run(store)
        proxy.rule = lambda request: None
        [(key, half)] = store.list_uploads("")
        for number in (2, 5):
            part = content[(number - 1) * PART_BYTES : number * PART_BYTES]
            store.send_part(key, half, number, part, hashlib.sha256(part).digest())
        before = store.list_parts(key, half)
        assert before.keys() == {2, 5}
        proxy.seen.clear()
        uploaded = upload.run(store)
        sent = {int(found[1]) for item in proxy.seen if (found := re.search(r"partNumber=(\d+)", item.path))}
        assert sent == set(range(1, 10)) - before.keys()
        assert uploaded.sent_bytes == len(content) - len(before) * PART_BYTES
        assert store.list_uploads("") == []
        _check(store, uploaded)


def test_parts_of_other_content_are_not_taken_up(upload: Upload, store: Store) -> None:
    content = os.urandom(WHOLE_BYTES + 1)
    put(upload.data, "shop", "user", sstable(1, content))
    key = f"{PREFIX}{table_id('shop', 'user').id}/{hashlib.sha256(content).hexdigest()}"
    half = store.begin(key)
    wrong = os.urandom(PART_BYTES)
    store.send_part(key, half, 1, wrong, hashlib.sha256(wrong).digest())
    right = content[PART_BYTES : 2 * PART_BYTES]
    store.send_part(key, half, 2, right, hashlib.sha256(right).digest())
    store.send_part(key, half, 3, wrong, hashlib.sha256(wrong).digest())
    uploaded = upload.run(store)
    assert uploaded.sent_bytes == len(content) - PART_BYTES
    _check(store, uploaded)


def test_parts_that_a_killed_attempt_left_are_given_up(upload: Upload, store: Store) -> None:
    _fill(upload, 1)
    mine, others = f"{PREFIX}x/half", layout.data_prefix("c-1", "node-10") + "x/half"
    store.begin(mine)
    store.begin(others)
    upload.run(store)
    assert [key for key, _ in store.list_uploads("")] == [others]


@pytest.mark.parametrize(
    "fault", [Refuse(503, "SlowDown"), Cut(), Cut(after=True), Delay(0.4), Refuse(400, "BadDigest")], ids=str
)
def test_what_passes_does_not_end_an_upload(
    upload: Upload, proxy: Proxy, bucket: str, fault: Refuse | Cut | Delay
) -> None:
    _fill(upload, 3)
    put(upload.data, "shop", "user", sstable(99, os.urandom(WHOLE_BYTES + 1)))

    tried: set[tuple[str, str]] = set()

    def first_of_each(request: Request) -> Refuse | Cut | Delay | None:
        first = (request.method, request.path) not in tried
        tried.add((request.method, request.path))
        if isinstance(fault, Refuse) and fault.status == 400 and request.method == "HEAD":
            return None  # without a body nothing says that this 400 passes; S3 compares digests of what is sent
        return fault if first else None

    proxy.rule = first_of_each
    with _through(proxy, bucket, upload.directory) as store:
        uploaded = upload.run(store)
        proxy.rule = lambda request: None
        _check(store, uploaded)


@pytest.mark.parametrize(
    ("fault", "hopeless"),
    [
        (Refuse(403, "AccessDenied"), True),
        (Refuse(404, "NoSuchBucket"), True),
        (Refuse(503, "SlowDown"), False),
        (Cut(), False),
    ],
    ids=str,
)
@pytest.mark.parametrize("method", ["GET", "PUT", "POST"])
def test_what_ends_an_upload_is_told(
    upload: Upload, proxy: Proxy, bucket: str, fault: Refuse | Cut, hopeless: bool, method: str
) -> None:
    put(upload.data, "shop", "user", sstable(99, os.urandom(WHOLE_BYTES + 1)))
    proxy.rule = times(1000, fault, method)
    words = f"{fault.code}: {fault.message}" if isinstance(fault, Refuse) else "ConnectionClosed"
    with _through(proxy, bucket, upload.directory) as store, pytest.raises(StoreError, match=words) as failed:
        upload.run(store)
    assert failed.value.hopeless is hopeless


def test_a_hanging_server_does_not_hold_up_a_cancellation(upload: Upload, proxy: Proxy, bucket: str) -> None:
    _fill(upload, 3)
    proxy.rule = times(1000, Delay(3600.0), "PUT")
    upload.stop = lambda progress: bool(proxy.requests("PUT"))
    before = set(threading.enumerate())
    long = replace(HASTY, read_seconds=patient(60.0))
    with store_at(proxy.server.location(bucket), upload.directory, patience=long) as store:
        with pytest.raises(Cancelled):
            upload.run(store)
        left = [item for item in set(threading.enumerate()) - before if item.name.startswith("crew")]
        assert left, "the server hangs still"
        proxy.awake.set()
        for thread in left:
            thread.join(patient(10))
            assert not thread.is_alive()


def test_what_was_removed_meanwhile_is_sent_again(upload: Upload, store: Store) -> None:
    _fill(upload, 3)
    first = upload.run(store)
    gone = sorted(component.key for component in first.components.values())[:1]
    put(upload.data, "shop", "user", sstable(9, b"new"))

    def remove(progress: JobProgress) -> bool:
        if progress.doing == "checking stored objects" and gone:
            store.delete([gone.pop()])
        return False

    upload.stop = remove
    second = upload.run(store)
    assert second.sent_objects == 2
    _check(store, second)


def test_what_is_removed_always_is_no_upload(upload: Upload, store: Store) -> None:
    _fill(upload, 2)

    def remove(progress: JobProgress) -> bool:
        if progress.doing == "checking stored objects":
            store.delete([item.key for item in store.objects(PREFIX)])
        return False

    upload.stop = remove
    with pytest.raises(StoreError, match="2 objects are missing or have another size"):
        upload.run(store)


def test_a_file_that_is_shorter_than_it_was(upload: Upload, store: Store) -> None:
    path = put(upload.data, "shop", "user", sstable(1, os.urandom(5000))) / "nb-1-big-Data.db"
    files = list(snapshot_files([upload.data], TAG))
    os.truncate(path, 4000)
    with pytest.raises(OSError, match="ends at byte 4000"):
        upload_files(
            store, PREFIX, files, upload.directory / "hashes", Control(lambda: None, lambda _: None, lambda: 0.0)
        )


def test_the_throttle_holds_and_can_be_changed(upload: Upload, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    _fill(upload, 8, 2_500_000)
    upload.limit = 1_000_000
    waits: list[float] = []
    whole = Crew.sleep

    def sleep(crew: Crew, seconds: float) -> bool:
        waits.append(upload.limit)
        return whole(crew, seconds)

    monkeypatch.setattr(Crew, "sleep", sleep)

    def faster(progress: JobProgress) -> bool:
        if progress.done.get("sent_bytes", 0) >= 1_000_000:
            upload.limit = 0.0
        return False

    upload.stop = faster
    began = time.monotonic()
    upload.run(store)
    first = next(p for p in upload.told if p.tuning.get("throttle") == 0.0)
    assert first.done["sent_bytes"] >= 1_000_000
    assert time.monotonic() - began > 0.7
    # Each thread may have read the old limit just before.
    assert waits.count(0.0) <= 8


def test_eight_are_sent_at_once(upload: Upload, proxy: Proxy, bucket: str) -> None:
    _fill(upload, 8, 1000)
    proxy.rule = times(1000, Delay(3600.0), "PUT")
    with _through(proxy, bucket, upload.directory) as store, ThreadPoolExecutor(1) as pool:
        ended = pool.submit(upload.run, store)
        try:
            wait_for("eight are under way", lambda: len({item.path for item in proxy.requests("PUT")}) == 8)
        finally:
            proxy.awake.set()
        ended.result()


def test_an_upload_does_not_grow_with_what_the_bucket_holds(
    upload: Upload, proxy: Proxy, bucket: str, server: Server
) -> None:
    """A small one reads no list of what is there, and asks for its own objects by their keys."""
    files = 6
    for number in range(files):
        put(upload.data, "shop", "user", sstable(number, os.urandom(1000)))
    requests: list[tuple[int, int]] = []
    with store_at(server.location(bucket), upload.directory) as fill:
        for old in (0, 150, 150):
            for _ in range(old):
                fill.put(f"{PREFIX}{table_id('shop', 'user').id}/{os.urandom(32).hex()}", b"old")
            proxy.seen.clear()
            with store_at(proxy.server.location(bucket), upload.directory) as store:
                put(upload.data, "shop", "user", sstable(100 + old, os.urandom(1000)))
                uploaded = upload.run(store)
                _check(store, uploaded)
            put(upload.data, "shop", "user", sstable(200 + len(requests), os.urandom(1000)))
            proxy.seen.clear()
            with store_at(proxy.server.location(bucket), upload.directory) as store:
                uploaded = upload.run(store)
            assert uploaded.sent_objects == 1
            requests.append((len(proxy.requests("GET")), len(proxy.requests("HEAD"))))
    lists, heads = zip(*requests, strict=True)
    # Unfinished uploads, before and after.
    assert set(lists) == {2}
    assert max(heads) <= 2 * (files + 6)


def test_of_many_files_the_beginning_of_the_list_is_read(
    proxy: Proxy, bucket: str, server: Server, tmp_path: Path
) -> None:
    """As many pages as pay for them; behind those single objects are asked for. A page has 50 keys here."""
    user = table_id("shop", "user").id
    with store_at(server.location(bucket), tmp_path) as fill:
        names = sorted(f"{user}/{hashlib.sha256(str(number).encode()).hexdigest()}" for number in range(400))
        for name in names:
            fill.put(f"{PREFIX}{name}", b"abc")
    with store_at(proxy.server.location(bucket), tmp_path) as store:
        for objects, pages, last in ((10, 0, ""), (299, 3, names[149]), (799, 8, names[399]), (100_000, 8, None)):
            proxy.seen.clear()
            index = Index.list(store, PREFIX, {user}, objects)
            assert (len(proxy.requests("GET")), index.listed_to) == (pages, last)
        index = Index.list(store, PREFIX, {user}, 299)
        hashes = [name.rpartition("/")[2] for name in (names[0], names[149], names[150], names[399])]
        assert [index.get(user, sha256, 3) is not None for sha256 in hashes] == [True, True, False, False]
        found = [index.ask(store, PREFIX, (user, sha256, 3), "none") for sha256 in hashes]
        assert [kept is not None for kept in found] == [False, False, True, True]
        assert index.get(user, hashes[3], 3) == found[3]
        assert index.ask(store, PREFIX, (user, hashes[3], 4), "none") is None
        assert index.ask(store, PREFIX, (user, "f" * 64, 3), "zstd") is None
