"""JSON of others: an executor's, Cassandra's, a bucket's. Pure.

A message is read with a limit of its size and depth. Its texts are made such that they can be stored and shown: a lone
surrogate, which no encoding takes, and control characters, which move a terminal's cursor, are replaced.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any

# What Python raises over a value that has another form than it is read with.
MISREAD = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
# Far more than the list of ten thousand backups, the largest message, has. Each value takes 2 µs and 80 bytes.
MAX_BYTES = 16 * 1024**2
MAX_VALUES = 500_000
MAX_DEPTH = 32
MAX_TEXT = 100_000
# Beyond it other languages' numbers end, and so do conversions that take linear time.
MAX_INTEGER = 2**63
_BAD = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
# Controls, ends of lines, signs that turn the direction of text, and halves of surrogate pairs.
_ODD = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_INDENT = "\n    "


class UntrustedError(ValueError):
    """JSON that is refused; the text is the rule that it breaks."""


def parse_json(text: str | bytes) -> Any:
    """Parse JSON of others.

    Raises:
        UntrustedError: It is no JSON, is too large or nested too deep, or has NaN or a number beyond 64 bits.
    """
    _check_amount(text)
    try:
        return clean(json.loads(text, parse_constant=_no_number, parse_int=_integer, parse_float=finite))
    except RecursionError:
        raise UntrustedError(f"it is nested deeper than {MAX_DEPTH} levels") from None
    except UntrustedError:
        raise
    except ValueError as error:
        raise UntrustedError(f"it is not JSON: {error}") from error


def _check_amount(text: str | bytes) -> None:
    if len(text) > MAX_BYTES:
        raise UntrustedError(f"it is longer than {MAX_BYTES} bytes")
    raw = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    if raw.count(b",") + raw.count(b"[") + raw.count(b"{") > MAX_VALUES:
        raise UntrustedError(f"it has more than {MAX_VALUES} values")


def clean(value: Any, depth: int = 0) -> Any:
    """Return a JSON value with texts that can be stored and shown. Raises UntrustedError beyond MAX_DEPTH levels."""
    if depth > MAX_DEPTH:
        raise UntrustedError(f"it is nested deeper than {MAX_DEPTH} levels")
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, dict):
        return {clean_text(str(name)): clean(item, depth + 1) for name, item in value.items()}
    if isinstance(value, list):
        return [clean(item, depth + 1) for item in value]
    return value


def clean_text(text: str, limit: int = MAX_TEXT) -> str:
    """Return a text without lone surrogates and control characters (newline and tab stay), cut to a length."""
    if len(text) <= limit and text.isprintable():  # nearly all texts
        return text
    return _BAD.sub(REPLACEMENT, text[:limit].replace("\r\n", "\n").replace("\r", "\n"))


def visible(text: str) -> str:
    """Return a text with the number of each sign that moves a terminal's cursor or hides text, such as `\\u001b`."""
    return _ODD.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def log_entry(text: str) -> str:
    """Return an entry of a log whose later lines are indented: words of others must not look like another entry."""
    return visible(text).replace("\n", _INDENT)


def _no_number(name: str) -> float:
    raise UntrustedError(f"{name} is not a number")


def finite(text: str) -> float:
    """Return a number of JSON. Raises UntrustedError, a ValueError, for one that would become infinity."""
    if not math.isfinite(value := float(text)):
        raise UntrustedError("a number is too large")
    return value


def _integer(text: str) -> int:
    if len(text) > 20 or abs(value := int(text)) > MAX_INTEGER:
        raise UntrustedError("a number has more than 64 bits")
    return value
