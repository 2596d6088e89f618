"""The objects of one location, with retries that can be interrupted."""

from __future__ import annotations

import base64
import hashlib
import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from copy import copy
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

from executor.s3 import errors, listing
from executor.s3.body import Body
from executor.s3.client import SECRETS, Patience, open_client
from executor.s3.errors import CAUSES, UNREADABLE, StoreError, TooLargeError, explain, is_missing
from executor.s3.location import Location

if TYPE_CHECKING:
    from types_boto3_s3.client import S3Client

T = TypeVar("T")

_CHUNK = 256 * 1024
# Of an object that is read whole: as large as the largest manifest may be.
SMALL_BYTES = 64 * 1024**2
# The largest number of keys in one DeleteObjects.
_DELETED_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Stored:
    """An object in the bucket. `key` is relative to the location; `modified` is in seconds since 1970."""

    key: str
    size: int
    modified: float


@dataclass(frozen=True)
class Part:
    """A part of an object that S3 has received."""

    number: int
    etag: str
    sha256: bytes


class Store:
    """The objects of one location, for several threads; keys are relative to it. Methods raise StoreError.

    `wait` pauses between attempts, for a number of seconds, and can raise to end them.
    """

    def __init__(
        self,
        client: S3Client,
        location: Location,
        secrets: Iterable[str],
        wait: Callable[[float], object],
        patience: Patience,
    ) -> None:
        self.location = location
        self._client = client
        self._bucket = location.bucket
        self._secrets = tuple(secrets)
        self._wait = wait
        self._patience = patience

    def with_wait(self, wait: Callable[[float], object]) -> Self:
        """Return the same store with another function for waiting."""
        same = copy(self)
        same._wait = wait
        return same

    # Whole objects.

    def get(self, key: str, most: int = SMALL_BYTES) -> bytes | None:
        """Return a small object; None if there is none. Raises TooLargeError for one of more than `most` bytes."""

        def call() -> bytes | None:
            try:
                answer = self._client.get_object(Bucket=self._bucket, Key=self._key(key))
            except self._client.exceptions.ClientError as error:
                if is_missing(error):
                    return None
                raise
            content, announced, body = bytearray(), answer.get("ContentLength", 0), answer["Body"]
            with body:
                # A server may send more than it has announced. Only a read at the end finds that it has sent less.
                while max(announced, len(content)) <= most and (piece := body.read(_CHUNK)):
                    content += piece
            if max(announced, len(content)) > most:
                raise TooLargeError(f"{self._key(key)} in {self.location} has more than {most} bytes", hopeless=True)
            return bytes(content)

        return self._try("GetObject", key, call)

    def size(self, key: str) -> int | None:
        """Return an object's size in bytes; None if there is none."""

        def call() -> int | None:
            try:
                return int(self._client.head_object(Bucket=self._bucket, Key=self._key(key))["ContentLength"])
            except self._client.exceptions.ClientError as error:
                if is_missing(error):
                    return None
                raise

        return self._try("HeadObject", key, call)

    def put(self, key: str, content: bytes) -> None:
        """Write a small object."""
        self.send(key, content, hashlib.sha256(content).digest())

    def put_new(self, key: str, content: bytes) -> bool:
        """Write a small object unless there is one; return whether it was written.

        For a server that does not know this condition, the key is checked before the write.
        """
        if self.get(key) is not None:
            return False
        checksum = _base64(hashlib.sha256(content).digest())
        arguments: dict[str, Any] = {"Bucket": self._bucket, "Key": self._key(key), "ChecksumSHA256": checksum}

        def call() -> bool:
            try:
                self._client.put_object(**arguments, Body=content, IfNoneMatch="*")
            except self._client.exceptions.ClientError as error:
                if errors.is_taken(error):
                    # It can be the object of our own earlier try, whose answer got lost.
                    return self.get(key) == content
                if error.response.get("Error", {}).get("Code") != "NotImplemented":
                    raise
                self._client.put_object(**arguments, Body=content)
            return True

        return self._try("PutObject", key, call)

    def send(self, key: str, body: Body | bytes, sha256: bytes) -> None:
        """Write an object; S3 compares the received bytes with `sha256`."""
        arguments: dict[str, Any] = {"Bucket": self._bucket, "Key": self._key(key), "Body": body}
        arguments["ChecksumSHA256"] = _base64(sha256)

        def call() -> None:
            _rewind(body)
            self._client.put_object(**arguments)

        self._try("PutObject", key, call)

    @contextmanager
    def stream(self, key: str, offset: int = 0) -> Iterator[Iterator[bytes]]:
        """Open an object's bytes from an offset on, in pieces; reading them can raise StoreError, too."""
        limits: dict[str, Any] = {"Range": f"bytes={offset}-"} if offset else {}

        def call() -> Any:
            try:
                return self._client.get_object(Bucket=self._bucket, Key=self._key(key), **limits)["Body"]
            except self._client.exceptions.ClientError as error:
                if offset and errors.is_beyond(error):
                    return None
                raise

        body = self._try("GetObject", key, call)
        if body is None:
            yield iter(())
            return
        with body:
            yield self._pieces(key, body)

    def _pieces(self, key: str, body: Any) -> Iterator[bytes]:
        try:
            while piece := body.read(_CHUNK):
                yield piece
        except (*CAUSES, *UNREADABLE) as error:
            raise self._explained(error, "GetObject", key) from error

    def delete(self, keys: Iterable[str]) -> None:
        """Remove objects; a missing one is no error."""
        batch: list[str] = []
        for key in keys:
            batch.append(key)
            if len(batch) == _DELETED_AT_ONCE:
                self._delete(batch)
                batch = []
        if batch:
            self._delete(batch)

    def _delete(self, keys: Sequence[str]) -> None:
        objects: Any = [{"Key": self._key(key)} for key in keys]
        call = lambda: self._client.delete_objects(  # noqa: E731
            Bucket=self._bucket, Delete={"Objects": objects, "Quiet": True}
        )
        for error in self._try("DeleteObjects", keys[0], call).get("Errors", ()):
            raise errors.explain_item(error, f"DeleteObjects in {self.location}", self._secrets)

    # Listing.

    def objects(self, prefix: str) -> Iterator[Stored]:
        """Yield all objects whose keys begin with the prefix, in order; each request lists a thousand."""
        for page in self.pages(prefix):
            yield from page

    def pages(self, prefix: str) -> Iterator[list[Stored]]:
        """Yield the same in lists of up to a thousand: the next request is made when the next list is needed."""
        for page in self._pages(prefix):
            yield [
                Stored(self._name(item["Key"]), item["Size"], item["LastModified"].timestamp())
                for item in page.get("Contents", ())
            ]

    def directories(self, prefix: str, most: int) -> list[str]:
        """Return the next parts of the names below a prefix that ends with a slash.

        Raises TooLargeError for more than `most`: a listing can have no end.
        """
        found: list[str] = []
        for page in self._pages(prefix, Delimiter="/"):
            found += [self._name(item["Prefix"])[len(prefix) : -1] for item in page.get("CommonPrefixes", ())]
            if len(found) > most:
                raise TooLargeError(f"{self._key(prefix)} in {self.location} has more than {most} directories", True)
        return found

    def now(self) -> float:
        """Return the time of S3's clock, the clock of `Stored.modified`, in seconds since 1970."""
        page = next(self._pages("", MaxKeys=1))
        try:
            return parsedate_to_datetime(page["ResponseMetadata"]["HTTPHeaders"]["date"]).timestamp()
        except UNREADABLE:
            return time.time()

    def _pages(self, prefix: str, **more: Any) -> Iterator[Any]:
        arguments = {"Bucket": self._bucket, "Prefix": self._key(prefix), **more}
        ask = self._client.list_objects_v2
        return self._listed("ListObjectsV2", prefix, ask, arguments, listing.checked, "ContinuationToken")

    def _listed(
        self,
        operation: str,
        key: str,
        ask: Callable[..., Any],
        arguments: dict[str, Any],
        read: Callable[[Any], T],
        *markers: str,
    ) -> Iterator[T]:
        """Yield what `read` makes of each page of a listing."""

        def call() -> tuple[T, dict[str, Any]]:
            page = ask(**arguments)
            return read(page), listing.following(page, arguments, *markers)

        while True:
            found, following = self._try(operation, key, call)
            yield found
            if not following:
                return
            arguments |= following

    # Objects in parts.

    def begin(self, key: str) -> str:
        """Begin an object in parts; return the upload's id."""
        call = lambda: self._client.create_multipart_upload(  # noqa: E731
            Bucket=self._bucket, Key=self._key(key), ChecksumAlgorithm="SHA256"
        )["UploadId"]
        return self._try("CreateMultipartUpload", key, call)

    def send_part(self, key: str, upload: str, number: int, body: Body | bytes, sha256: bytes) -> Part:
        """Send one part; S3 compares the received bytes with `sha256`.

        Args:
            key: The object's key.
            upload: The id that `begin` returned.
            number: The part's number, from 1 on.
            body: The part's bytes.
            sha256: Their digest.
        """
        arguments: dict[str, Any] = {"Bucket": self._bucket, "Key": self._key(key), "Body": body}
        arguments |= {"UploadId": upload, "PartNumber": number, "ChecksumSHA256": _base64(sha256)}

        def call() -> str:
            _rewind(body)
            return self._client.upload_part(**arguments)["ETag"]

        return Part(number, self._try("UploadPart", key, call), sha256)

    def finish(self, key: str, upload: str, parts: Iterable[Part], size: int) -> None:
        """Complete an object whose parts have all arrived; `size` is their sum in bytes."""
        listed: Any = [
            {"PartNumber": part.number, "ETag": part.etag, "ChecksumSHA256": _base64(part.sha256)}
            for part in sorted(parts, key=lambda part: part.number)
        ]
        call = lambda: self._client.complete_multipart_upload(  # noqa: E731
            Bucket=self._bucket, Key=self._key(key), UploadId=upload, MultipartUpload={"Parts": listed}
        )
        try:
            self._try("CompleteMultipartUpload", key, call)
        except StoreError:
            # An earlier try, whose answer got lost, can have completed it: then its parts are gone.
            if self.size(key) != size:
                raise

    def abort(self, key: str, upload: str) -> None:
        """Abort an object in parts; S3 removes the parts."""
        call = lambda: self._client.abort_multipart_upload(  # noqa: E731
            Bucket=self._bucket, Key=self._key(key), UploadId=upload
        )
        try:
            self._try("AbortMultipartUpload", key, call)
        except StoreError as error:
            if not error.missing:
                raise

    def list_parts(self, key: str, upload: str) -> dict[int, listing.Arrived]:
        """Return the parts of an upload that have arrived, by number."""
        arguments = {"Bucket": self._bucket, "Key": self._key(key), "UploadId": upload}
        pages = self._listed("ListParts", key, self._client.list_parts, arguments, listing.parts, "PartNumberMarker")
        return {number: part for page in pages for number, part in page.items()}

    def list_uploads(self, prefix: str) -> list[tuple[str, str]]:
        """Return key and id of all unfinished uploads in parts below a prefix."""
        arguments = {"Bucket": self._bucket, "Prefix": self._key(prefix)}
        ask = self._client.list_multipart_uploads
        markers = "KeyMarker", "UploadIdMarker"
        pages = self._listed("ListMultipartUploads", prefix, ask, arguments, self._uploads_of, *markers)
        return [upload for page in pages for upload in page]

    def _uploads_of(self, page: Any) -> list[tuple[str, str]]:
        return [(self._name(item["Key"]), item["UploadId"]) for item in page.get("Uploads", ())]

    def _key(self, key: str) -> str:
        return self.location.key(key)

    def _name(self, key: str) -> str:
        return key[len(self.location.prefix) :]

    def _try(self, operation: str, key: str, call: Callable[[], T]) -> T:
        pause = self._patience.pause
        for attempt in range(1, self._patience.attempts + 1):
            try:
                return call()
            except (*CAUSES, *UNREADABLE) as error:
                if attempt == self._patience.attempts or not errors.passes(error):
                    raise self._explained(error, operation, key) from error
            # Threads that failed together must not retry together.
            self._wait(pause * random.uniform(0.5, 1.5))
            pause = min(pause * 2, self._patience.longest_pause)
        raise AssertionError("unreachable")

    def _explained(self, error: Exception, operation: str, key: str) -> StoreError:
        return explain(error, f"{operation} {self._key(key)} in {self.location}", self._secrets)


@contextmanager
def open_store(
    location: Location,
    secrets: Mapping[str, str],
    wait: Callable[[float], object],
    scratch: Path,
    connections: int = 16,
    patience: Patience | None = None,
) -> Iterator[Store]:
    """Open a location's store with one client; without S3 keys among the secrets, boto3 finds credentials itself.

    Args:
        location: The location.
        secrets: Can hold the names of SECRETS.
        wait: The store's function for waiting.
        scratch: A directory for temporary files.
        connections: The largest number of connections.
        patience: The timeouts and attempts.

    Raises:
        StoreError: There can be no client for such a location.
    """
    patience = patience or Patience()
    known = [secret for name in SECRETS if (secret := secrets.get(name))]
    with ExitStack() as stack:
        try:
            client = stack.enter_context(open_client(location, secrets, scratch, connections, patience))
        except (*CAUSES, ValueError) as error:
            raise explain(error, f"a client for {location}", known) from error
        yield Store(client, location, known, wait, patience)


def _rewind(body: Body | bytes) -> None:
    if not isinstance(body, bytes):
        body.seek(0)


def _base64(digest: bytes) -> str:
    return base64.b64encode(digest).decode()
