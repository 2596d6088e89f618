"""What goes wrong with S3, and whether to try again."""

from __future__ import annotations

from collections.abc import Iterable

from botocore import exceptions
from urllib3.exceptions import HTTPError

from executor.redaction import without

# What any of its calls may raise.
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
    """S3 refused, or could not be asked. The text has its code and words and what was asked for, and no secret.

    `hopeless`: another attempt would fail alike. `code` is S3's, or empty.
    """

    def __init__(self, text: str, hopeless: bool = False, code: str = "") -> None:
        super().__init__(text)
        self.hopeless = hopeless
        self.code = code

    @property
    def missing(self) -> bool:
        """Whether the bucket or what was asked for does not exist."""
        return self.code in _NOT_FOUND or self.code in ("NoSuchBucket", "NoSuchUpload")


def explain(error: Exception, what: str, secrets: Iterable[str]) -> StoreError:
    """The error of a call, for people."""
    if isinstance(error, exceptions.ClientError):
        code, text = code_of(error), str(error.response.get("Error", {}).get("Message", ""))
        words = f"{code}: {text}" if text and text != code else code
        return StoreError(_scrubbed(f"{what}: {words}", secrets), not passes(error), code)
    words = f"{type(error).__name__}: {error}"
    if isinstance(error, exceptions.BotoCoreError) and (cause := error.kwargs.get("error")) is not None:
        # Some of the library's texts leave out what the operating system said.
        words += "" if str(cause) in words else f" ({cause})"
    return StoreError(_scrubbed(f"{what}: {words}", secrets), not passes(error))


def code_of(error: Exception) -> str:
    """S3's code, or an empty text for what did not come from S3."""
    if not isinstance(error, exceptions.ClientError):
        return ""
    return str(error.response.get("Error", {}).get("Code") or _status(error))


def passes(error: Exception) -> bool:
    """Whether the same call may succeed a little later."""
    if isinstance(error, exceptions.ClientError):
        return _status(error) >= 500 or _status(error) in (408, 429) or code_of(error) in _PASSES
    # A body that ends too early at S3's side is reported by the library as a wrong checksum of the answer.
    return not isinstance(error, _FINAL)


def is_missing(error: Exception) -> bool:
    """Whether S3 said that there is no such key: nothing else counts for that."""
    return code_of(error) in _NOT_FOUND


def is_beyond(error: Exception) -> bool:
    """Whether the range that was asked for begins at the object's end."""
    return code_of(error) in _NO_RANGE


def is_taken(error: Exception) -> bool:
    """Whether the key exists already, and was not to be written over."""
    return code_of(error) in _TAKEN


def _status(error: exceptions.ClientError) -> int:
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def _scrubbed(text: str, secrets: Iterable[str]) -> str:
    return without({str(number): secret for number, secret in enumerate(secrets)}, text)
