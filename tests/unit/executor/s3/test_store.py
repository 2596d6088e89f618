"""The client of S3 against a real server, with a proxy between them that breaks things."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from executor.s3.body import Piecewise
from executor.s3.client import Patience
from executor.s3.errors import StoreError
from executor.s3.store import Part, Store, open_store
from tests.ports import free_port
from tests.unit.executor.backup.faulty import Cut, Delay, Fault, Proxy, Refuse, Truncate, proxy_of, times
from tests.unit.executor.backup.s3_server import HASTY, PAGE, SECRETS, Server, store_at

MIB = 1024 * 1024


def _sha256(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()


def _read(store: Store, key: str, offset: int = 0) -> bytes:
    with store.stream(key, offset) as pieces:
        return b"".join(pieces)


@pytest.mark.parametrize("size", [0, 1, 1000, MIB + 1])
def test_objects(store: Store, size: int) -> None:
    content = os.urandom(size)
    assert store.get("x/y") is None
    store.put("x/y", content)
    assert store.get("x/y") == content
    assert _read(store, "x/y") == content
    assert _read(store, "x/y", size) == b""
    if size:
        assert _read(store, "x/y", size - 1) == content[-1:]
    [listed] = store.objects("x/")
    assert (listed.key, listed.size) == ("x/y", size)
    assert abs(listed.modified - store.now()) < 10
    store.delete(["x/y", "x/not-there"])
    assert list(store.objects("")) == []


def test_a_key_is_written_once(store: Store) -> None:
    assert store.put_new("k", b"one")
    assert not store.put_new("k", b"two")
    assert store.get("k") == b"one"


def test_a_lost_answer_is_no_refusal(proxy: Proxy, bucket: str, tmp_path: Path) -> None:
    """The object was written, the connection broke: the second try finds its own work."""
    proxy.rule = times(1, Cut(after=True), "PUT")
    with store_at(proxy.server.location(bucket), tmp_path) as store:
        assert store.put_new("k", b"one")
        assert len(proxy.requests("PUT")) == 2


def test_a_server_without_conditions(proxy: Proxy, bucket: str, tmp_path: Path) -> None:
    def rule(request: object) -> Fault | None:
        headers = getattr(request, "headers", {})
        return Refuse(501, "NotImplemented") if headers.get("If-None-Match") else None

    proxy.rule = rule
    with store_at(proxy.server.location(bucket), tmp_path, patience=replace(HASTY, attempts=1)) as store:
        assert store.put_new("k", b"one")
        assert not store.put_new("k", b"two")


def test_listings_of_more_than_a_page_know_whole_names_alone(store: Store) -> None:
    keys = [f"data/node-1/{number:03}" for number in range(PAGE + 3)]
    for key in [*keys, "data/node-10/1"]:
        store.put(key, b"x")
    assert [item.key for item in store.objects("data/node-1/")] == keys
    assert store.directories("data/", 1000) == ["node-1", "node-10"]
    store.delete(keys)
    assert [item.key for item in store.objects("")] == ["data/node-10/1"]


def test_objects_in_parts(store: Store) -> None:
    content = os.urandom(5 * MIB) + b"tail"
    upload = store.begin("big")
    parts = [
        store.send_part("big", upload, number, Piecewise(piece, lambda size: None), _sha256(piece))
        for number, piece in ((2, content[5 * MIB :]), (1, content[: 5 * MIB]))
    ]
    assert store.list_uploads("") == [("big", upload)]
    store.finish("big", upload, parts, len(content))
    assert store.list_uploads("") == []
    assert _read(store, "big") == content


def test_parts_that_are_given_up(store: Store) -> None:
    upload = store.begin("n/big")
    store.begin("n0/other")
    assert [key for key, _ in store.list_uploads("n/")] == ["n/big"]
    store.abort("n/big", upload)
    store.abort("n/big", upload)
    assert store.list_uploads("n/") == []
    with pytest.raises(StoreError, match="CompleteMultipartUpload"):
        store.finish("n/big", upload, [Part(1, "etag", _sha256(b""))], 0)


def test_an_object_in_parts_that_is_there_although_the_answer_got_lost(
    proxy: Proxy, bucket: str, tmp_path: Path
) -> None:
    with store_at(proxy.server.location(bucket), tmp_path) as store:
        upload = store.begin("k")
        part = store.send_part("k", upload, 1, b"content", _sha256(b"content"))
        proxy.rule = times(1, Cut(after=True), "POST", "uploadId")
        store.finish("k", upload, [part], 7)
        assert store.get("k") == b"content"


def test_each_body_comes_with_its_checksum_in_a_signed_header(proxy: Proxy, bucket: str, tmp_path: Path) -> None:
    with store_at(proxy.server.location(bucket), tmp_path) as store:
        store.send("k", Piecewise(b"content", lambda size: None), _sha256(b"content"))
    [put] = proxy.requests("PUT")
    assert put.headers["x-amz-checksum-sha256"] == "7XACtDnprIRfIjV9giusFERzD722AW0+yUMil7nsn3M="
    assert "x-amz-checksum-sha256" in put.headers["Authorization"]
    assert put.headers["x-amz-content-sha256"] == "UNSIGNED-PAYLOAD"
    assert put.headers["Expect"] is None


# What goes wrong.


@pytest.fixture(scope="module")
def broken(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Proxy, Store]]:
    """A store behind a proxy, made once: a client takes longer than a test."""
    server.make_bucket("broken")
    with (
        proxy_of(server) as proxy,
        store_at(proxy.server.location("broken"), tmp_path_factory.mktemp("broken")) as store,
    ):
        yield proxy, store


PASSING: list[Fault] = [
    Refuse(503, "SlowDown"),
    Refuse(500, "InternalError"),
    Refuse(429, "TooManyRequests"),
    Refuse(400, "RequestTimeout"),
    Refuse(400, "BadDigest"),
    Refuse(502, "BadGateway"),
    Cut(),
    Cut(after=True),
]
CALLS: list[tuple[str, Callable[[Store], object]]] = [
    ("PUT", lambda store: store.put("k", b"new")),
    ("PUT", lambda store: store.send("k", Piecewise(b"x" * 700_000, lambda size: None), _sha256(b"x" * 700_000))),
    ("GET", lambda store: store.get("k")),
    ("GET", lambda store: _read(store, "k")),
    ("GET", lambda store: list(store.objects(""))),
    ("POST", lambda store: store.begin("big")),
    ("POST", lambda store: store.delete(["k"])),
]


@pytest.mark.parametrize("fault", PASSING, ids=str)
@pytest.mark.parametrize(("method", "call"), CALLS)
def test_what_passes_is_tried_again(
    broken: tuple[Proxy, Store], fault: Fault, method: str, call: Callable[[Store], object]
) -> None:
    proxy, store = broken
    proxy.rule = lambda request: None
    store.put("k", b"old")
    proxy.seen.clear()
    proxy.rule = times(3, fault, method)
    call(store)
    assert len(proxy.requests(method)) == 4


@pytest.mark.parametrize("fault", PASSING, ids=str)
def test_what_does_not_pass_is_told_in_the_cause_s_words(broken: tuple[Proxy, Store], fault: Fault) -> None:
    proxy, store = broken
    proxy.rule = times(100, fault, "GET")
    proxy.seen.clear()
    with pytest.raises(StoreError) as failed:
        store.get("some/key")
    assert not failed.value.hopeless
    assert len(proxy.seen) == HASTY.attempts
    words = f"{fault.code}: {fault.message}" if isinstance(fault, Refuse) else "ConnectionClosedError"
    assert f"GetObject some/key in {store.location}: {words}" in str(failed.value)


@pytest.mark.parametrize(
    "fault",
    [
        Refuse(403, "AccessDenied"),
        Refuse(403, "InvalidAccessKeyId"),
        Refuse(403, "SignatureDoesNotMatch"),
        Refuse(400, "ExpiredToken"),
        Refuse(404, "NoSuchBucket"),
    ],
    ids=str,
)
@pytest.mark.parametrize(("method", "call"), CALLS)
def test_what_never_passes_is_not_tried_again_and_is_not_absence(
    broken: tuple[Proxy, Store], fault: Refuse, method: str, call: Callable[[Store], object]
) -> None:
    """T29."""
    proxy, store = broken
    proxy.rule = times(100, fault, method)
    proxy.seen.clear()
    with pytest.raises(StoreError, match=f"{fault.code}: {fault.message}") as refused:
        call(store)
    assert refused.value.hopeless
    assert len(proxy.requests(method)) == 1


def test_a_bucket_that_is_missing(server: Server, tmp_path: Path) -> None:
    with store_at(server.location("no-such-bucket"), tmp_path) as store:
        with pytest.raises(StoreError, match="NoSuchBucket") as missing:
            store.get("k")
        assert missing.value.hopeless
        with pytest.raises(StoreError, match="NoSuchBucket"):
            list(store.objects(""))


def test_an_answer_that_ends_too_early(proxy: Proxy, bucket: str, tmp_path: Path) -> None:
    with store_at(proxy.server.location(bucket), tmp_path) as store:
        store.put("k", b"x" * 1000)
        proxy.rule = times(1, Truncate(), "GET")
        assert store.get("k") == b"x" * 1000
        proxy.rule = times(1, Truncate(), "GET")
        with pytest.raises(StoreError, match="GetObject k in"):
            _read(store, "k")


def test_an_answer_that_comes_late(proxy: Proxy, bucket: str, tmp_path: Path) -> None:
    proxy.rule = times(1, Delay(2.0), "PUT")
    patience = replace(HASTY, read_seconds=0.3)
    with store_at(proxy.server.location(bucket), tmp_path, patience=patience) as store:
        store.put("k", b"x")
    assert len(proxy.requests("PUT")) == 2


def test_nobody_listens(tmp_path: Path) -> None:
    server = Server("127.0.44.1", free_port("127.0.44.1"))
    with store_at(server.location("b"), tmp_path) as store, pytest.raises(StoreError, match="refused") as failed:
        store.get("k")
    assert not failed.value.hopeless


def test_pauses_grow_and_can_be_ended(proxy: Proxy, bucket: str, tmp_path: Path) -> None:
    proxy.rule = times(100, Refuse(503, "SlowDown"), "GET")
    pauses: list[float] = []

    def wait(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 5:
            raise InterruptedError

    patience = Patience(attempts=50, pause=1.0, longest_pause=4.0)
    with (
        open_store(proxy.server.location(bucket), SECRETS, wait, tmp_path, patience=patience) as store,
        pytest.raises(InterruptedError),
    ):
        store.get("k")
    for pause, middle in zip(pauses, [1.0, 2.0, 4.0, 4.0, 4.0], strict=True):
        assert middle / 2 <= pause <= middle * 1.5


def test_no_credentials_anywhere(server: Server, bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    with store_at(server.location(bucket), tmp_path, {}) as store:
        with pytest.raises(StoreError, match="Unable to locate credentials") as refused:
            store.get("k")
        assert refused.value.hopeless


def test_the_agent_s_own_credentials(
    proxy: Proxy, bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "the-agents")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    with store_at(proxy.server.location(bucket), tmp_path, {}) as store:
        store.get("k")
    with store_at(proxy.server.location(bucket), tmp_path, {**SECRETS, "s3_session_token": "token-1"}) as store:
        store.get("k")
    own, given = proxy.seen
    assert "Credential=the-agents/" in own.headers["Authorization"]
    assert f"Credential={SECRETS['s3_access_key']}/" in given.headers["Authorization"]
    assert given.headers["x-amz-security-token"] == "token-1"


def test_secrets_are_in_no_error(proxy: Proxy, bucket: str, tmp_path: Path) -> None:
    """T22: not even when the server repeats them."""
    text = " ".join(SECRETS.values())
    proxy.rule = times(1, Refuse(403, "AccessDenied", f"bad {text}"), "GET")
    with store_at(proxy.server.location(bucket), tmp_path) as store, pytest.raises(StoreError) as refused:
        store.get("k")
    for secret in SECRETS.values():
        assert secret not in str(refused.value)


def test_certificates_are_a_file_for_its_owner_and_only_for_as_long_as_needed(server: Server, tmp_path: Path) -> None:
    authority = "-----BEGIN CERTIFICATE-----\nnone\n-----END CERTIFICATE-----\n"
    location = replace(server.location("b"), endpoint=f"https://{server.host}:{server.port}", authority=authority)
    with store_at(location, tmp_path) as store:
        [path] = tmp_path.glob("authority-*.pem")
        assert path.read_text() == authority
        assert path.stat().st_mode & 0o777 == 0o600
        with pytest.raises(StoreError):
            store.get("k")
    assert list(tmp_path.glob("authority-*")) == []
