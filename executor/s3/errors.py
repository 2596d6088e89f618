"""Errors of S3, and which of them pass."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Mapping
from http.client import HTTPException, IncompleteRead, RemoteDisconnected
from typing import Any

from botocore import exceptions
from botocore.parsers import ResponseParserError
from urllib3.exceptions import HeaderParsingError, HTTPError, InvalidHeader

from executor.redaction import redact
from executor.s3.destinations import RefusedError
from executor.untrusted import MISREAD

# The errors that a call can raise.
CAUSES = (exceptions.BotoCoreError, exceptions.ClientError, ResponseParserError, HTTPError, OSError)
# What the library's parsers, or an access to their result, raise for an answer in S3's form with values that are not
# S3's: a size that is no number, a time that does not exist, a part without an ETag.
UNREADABLE = (*MISREAD, RuntimeError)

_PASSES = {
    "InternalError", "SlowDown", "ServiceUnavailable", "Throttling", "ThrottlingException", "RequestTimeout",
    "RequestLimitExceeded", "TooManyRequests", "BadDigest", "XAmzContentSHA256Mismatch",
    "XAmzContentChecksumMismatch", "IncompleteBody", "OperationAborted", "ConditionalRequestConflict",
}  # fmt: skip
_FINAL = (
    exceptions.NoCredentialsError, exceptions.PartialCredentialsError, exceptions.CredentialRetrievalError,
    exceptions.ParamValidationError, exceptions.InvalidRegionError, exceptions.SSLError, RefusedError,
)  # fmt: skip
_NO_S3 = "the server does not answer as S3 does"
_CODE = re.compile(r"[A-Za-z0-9.]{1,64}")
_MESSAGE_LENGTH = 300
_FOREIGN = (HTTPException, ResponseParserError, HeaderParsingError, InvalidHeader, UnicodeError)
# Connections that ended too early.
_BROKEN = (RemoteDisconnected, IncompleteRead)
_NOT_FOUND = {"NoSuchKey", "404"}
_NO_RANGE = {"InvalidRange", "416"}
_TAKEN = {"PreconditionFailed", "412"}


class StoreError(Exception):
    """S3 refused a call, or did not answer. The text has S3's code and words and the object, and no secret.

    If `hopeless`, another attempt would fail alike. `code` is S3's, or empty.
    """

    def __init__(self, text: str, hopeless: bool = False, code: str = "") -> None:
        super().__init__(text)
        self.hopeless = hopeless
        self.code = code

    @property
    def missing(self) -> bool:
        """Return whether the bucket or the object does not exist."""
        return self.code in _NOT_FOUND or self.code in ("NoSuchBucket", "NoSuchUpload")


class TooLargeError(StoreError):
    """An object is larger than what reads it takes."""


def explain(error: Exception, what: str, secrets: Iterable[str]) -> StoreError:
    """Return the error of a call as a sentence.

    Args:
        error: The error that the call raised.
        what: The call and its object.
        secrets: Values that the sentence must not contain.
    """
    if isinstance(error, exceptions.ClientError):
        code = code_of(error)
        return StoreError(_scrubbed(f"{what}: {_words_of(error, code)}", secrets), not passes(error), code)
    if (refused := _refusal(error)) is not None:
        return StoreError(_scrubbed(f"{what}: {refused}", secrets), hopeless=True)
    if not isinstance(error, CAUSES) or _is_foreign(error):
        return StoreError(_scrubbed(f"{what}: {_NO_S3}", secrets), not passes(error))
    words = f"{type(error).__name__}: {error}"
    if isinstance(error, exceptions.BotoCoreError) and (cause := error.kwargs.get("error")) is not None:
        # Some of the library's texts lack the cause that the operating system gave.
        words += "" if str(cause) in words else f" ({cause})"
    return StoreError(_scrubbed(f"{what}: {words}", secrets), not passes(error))


def explain_item(error: Mapping[str, Any], what: str, secrets: Iterable[str]) -> StoreError:
    """Return the error of one object in an answer about several; `error` has Key, Code and Message."""
    code = str(error.get("Code", ""))
    if not _CODE.fullmatch(code):
        return StoreError(f"{what}: {_NO_S3}")
    words = _shown(code, str(error.get("Message", "")))
    text = f"{what}, {ascii(str(error.get('Key', '')))[1:-1][:_MESSAGE_LENGTH]}: {words}"
    return StoreError(_scrubbed(text, secrets), hopeless=code == "AccessDenied", code=code)


def _words_of(error: exceptions.ClientError, code: str) -> str:
    """Return S3's own message; of an answer that is not S3's, its status alone: the rest can be confidential."""
    if not _CODE.fullmatch(code) or (code.isdecimal() and not error.operation_name.startswith("Head")):
        return f"{_NO_S3}: its status is {_status(error)}"
    return _shown(code, str(error.response.get("Error", {}).get("Message", "")))


def _shown(code: str, given: str) -> str:
    text = "".join(character if character.isprintable() else " " for character in given)[:_MESSAGE_LENGTH]
    return f"{code}: {text}" if text and text != code else code


def _refusal(error: Exception) -> RefusedError | None:
    """Return the refusal of a destination; the library wraps one that came while it connected."""
    found = error.kwargs.get("error") if isinstance(error, exceptions.HTTPClientError) else error
    return found if isinstance(found, RefusedError) else None


def _is_foreign(error: BaseException) -> bool:
    """Return whether an answer was not readable HTTP: the library's error repeats it."""
    queue, seen = deque[Any]([error]), set[int]()
    while queue:
        found = queue.popleft()
        if not isinstance(found, BaseException) or id(found) in seen:
            continue
        seen.add(id(found))
        if isinstance(found, _FOREIGN) and not isinstance(found, _BROKEN):
            return True
        queue += [found.__cause__, found.__context__, *found.args, getattr(found, "kwargs", {}).get("error")]
    return False


def code_of(error: Exception) -> str:
    """Return S3's code; empty for an error that is not S3's."""
    if not isinstance(error, exceptions.ClientError):
        return ""
    return str(error.response.get("Error", {}).get("Code") or _status(error))


def passes(error: Exception) -> bool:
    """Return whether the same call can succeed a little later."""
    if isinstance(error, exceptions.ClientError):
        return _status(error) >= 500 or _status(error) in (408, 429) or code_of(error) in _PASSES
    # If S3 ends a body too early, the library reports a wrong checksum of the answer.
    return not isinstance(error, _FINAL) and _refusal(error) is None


def is_missing(error: Exception) -> bool:
    """Return whether S3 answered that there is no such key; no other error counts."""
    return code_of(error) in _NOT_FOUND


def is_beyond(error: Exception) -> bool:
    """Return whether the requested range begins at the object's end or behind it."""
    return code_of(error) in _NO_RANGE


def is_taken(error: Exception) -> bool:
    """Return whether the key exists already, and the call must not overwrite it."""
    return code_of(error) in _TAKEN


def _status(error: exceptions.ClientError) -> int:
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def _scrubbed(text: str, secrets: Iterable[str]) -> str:
    return redact({str(number): secret for number, secret in enumerate(secrets)}, text)
