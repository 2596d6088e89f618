"""Errors of S3, and which of them pass."""

from __future__ import annotations

from collections.abc import Iterable

from botocore import exceptions
from urllib3.exceptions import HTTPError

from executor.redaction import redact

# The errors that a call can raise.
CAUSES = (exceptions.BotoCoreError, exceptions.ClientError, HTTPError, OSError)

_PASSES = {
    "InternalError", "SlowDown", "ServiceUnavailable", "Throttling", "ThrottlingException", "RequestTimeout",
    "RequestLimitExceeded", "TooManyRequests", "BadDigest", "XAmzContentSHA256Mismatch",
    "XAmzContentChecksumMismatch", "IncompleteBody", "OperationAborted", "ConditionalRequestConflict",
}  # fmt: skip
_FINAL = (
    exceptions.NoCredentialsError, exceptions.PartialCredentialsError, exceptions.CredentialRetrievalError,
    exceptions.ParamValidationError, exceptions.InvalidRegionError, exceptions.SSLError,
)  # fmt: skip
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
        code, text = code_of(error), str(error.response.get("Error", {}).get("Message", ""))
        words = f"{code}: {text}" if text and text != code else code
        return StoreError(_scrubbed(f"{what}: {words}", secrets), not passes(error), code)
    words = f"{type(error).__name__}: {error}"
    if isinstance(error, exceptions.BotoCoreError) and (cause := error.kwargs.get("error")) is not None:
        # Some of the library's texts lack the cause that the operating system gave.
        words += "" if str(cause) in words else f" ({cause})"
    return StoreError(_scrubbed(f"{what}: {words}", secrets), not passes(error))


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
    return not isinstance(error, _FINAL)


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
