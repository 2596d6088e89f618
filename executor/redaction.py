"""Redaction: error texts without the secrets in use, since a library can quote a header or a statement of ours.

User names are not secrets. A secret that is a common English word, or shorter than four characters, is hidden only
where it is a value (`password: …`, `user:…@host`). Hidden everywhere, the gaps would reveal it: the default password
`cassandra` is part of `org.apache.….db`. Every other secret is hidden everywhere, also in the encodings that headers,
addresses and statements use.
"""

from __future__ import annotations

import base64
import json
import re
import traceback
from collections.abc import Iterator, Mapping
from html import escape
from urllib.parse import quote, quote_plus

GAP = "…"
USER_NAMES = frozenset({"cassandra_username", "other_username", "operator_username"})
# Shorter secrets are part of every text by chance.
_SHORTEST = 4
# Shorter words are parts of longer ones by chance.
_LONG = 8
# Shorter encoded forms are, too.
_SHORTEST_FORM = 6
# Words that our own and Cassandra's messages contain, and that people use as passwords.
_COMMON = """
    about access account address admin administrator after again agent all already also and answer any apache at
    attempt authentication backup because before bucket but by cannot cassandra change changed changeme check
    clear client cluster column columns commitlog compact compaction compare complete connect connected
    connection could credentials customer data database datacenter datastax default delete deleted demo describe
    digest directory disk does down drop dropped each error errors exception executor failed failure false file
    files first flush for found from gossip guest have hello host index into invalid java jmx jolokia json key
    keys keyspace keyspaces last left list load local localhost login manager master member mesos message method
    missing mode more name names native node nodes none normal not null object objects offer operation operator
    other owner partition password path please port primary private process production public query range read
    reader ready refused region remote repair replica replicas request reserved response restart restore result
    role roles root row rows running scheduler schema scrub scylla secret security segment select server service
    session signature size snapshot snapshots sstable sstables start state status stop stopped storage store
    stream super superuser system table tables task test tester testing that the there this time timeout token
    tokens true type types unknown unset update upload user username users value values verify version view
    views volume wait waiting waits was welcome with word write writer wrong you zookeeper
"""
_WORDS = frozenset(_COMMON.split())
_NAMED = r"(?i:password|passwd|pwd|passphrase|secret|credentials?|(?:access|secret|api)[ _-]?key|auth[ _-]?token)"
_VALUE_OF = rf"{_NAMED}\w*[\"']?\s*(?:[:=]|=>|\s(?i:is)\s)\s*[\"']?|(?i:password|passwd)\s+[\"']?"


def redact(secrets: Mapping[str, str], text: str) -> str:
    """Return the text with a gap in place of each secret.

    Args:
        secrets: The secrets by name; those named in USER_NAMES are kept.
        text: The text to redact.
    """
    users = [value for name, value in secrets.items() if name in USER_NAMES and value]
    hidden = {value for name, value in secrets.items() if name not in USER_NAMES and value}
    for secret in sorted(hidden, key=len, reverse=True):
        for pattern in _patterns(secret, users):
            text = re.sub(pattern, lambda match: f"{match.groupdict().get('before') or ''}{GAP}", text)
    return text


def traceback_of(error: BaseException) -> str:
    """Return an exception with its frames and causes as text."""
    return "".join(traceback.format_exception(error)).rstrip()


def _patterns(secret: str, users: list[str]) -> Iterator[str]:
    """Yield the patterns to cut out for this secret, the longest first; a group `before` is kept."""
    for user in users:
        for pair in (f"{user}:{secret}", f"\0{user}\0{secret}"):
            yield _whole_base64(base64.b64encode(pair.encode()).decode().rstrip("="))
    if is_telling(secret):
        for form in sorted(_forms(secret), key=len, reverse=True):
            if len(form) >= _SHORTEST_FORM and form != secret:
                yield re.escape(form)
        for core in _base64_cores(secret.encode()):
            yield _whole_base64(core)
        # A short word inside a longer word is a different word.
        yield _bounded(secret) if secret.isalnum() and _is_plain(secret) and len(secret) < _LONG else re.escape(secret)
        return
    for form in {secret, *_forms(secret)}:
        value = _bounded(form)
        yield rf"(?P<before>{_VALUE_OF}){value}"
        yield rf"(?P<before>:)(?<![A-Za-z0-9]::){value}(?=@)"
        for user in users:
            yield rf"(?P<before>(?<![A-Za-z0-9.]){re.escape(user)}[:/]){value}"


def is_telling(secret: str) -> bool:
    """Return whether the secret differs from the ordinary words of a message."""
    return len(secret) >= _SHORTEST and secret.lower() not in _WORDS


def _is_plain(secret: str) -> bool:
    return secret.isalpha() or secret.isdigit()


def _bounded(text: str) -> str:
    before = r"(?<![A-Za-z0-9])" if text[0].isalnum() else ""
    after = r"(?![A-Za-z0-9])" if text[-1].isalnum() else ""
    return f"{before}{re.escape(text)}{after}"


def _forms(secret: str) -> set[str]:
    """Return the secret as addresses, statements, JSON, Python and HTML write it."""
    return {
        quote(secret),
        quote(secret, safe=""),
        quote_plus(secret),
        secret.replace("'", "''"),
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        repr(secret)[1:-1],
        repr(secret.encode())[2:-1],
        escape(secret),
        secret.encode().hex(),
        secret.encode().hex().upper(),
    }


def _base64_cores(secret: bytes) -> Iterator[str]:
    """Yield the base64 characters that depend on the secret alone, for each offset at which it can begin."""
    for before in range(3):
        encoded = base64.b64encode(b"\0" * before + secret).decode().rstrip("=")
        whole = (before + len(secret)) % 3 == 0
        core = encoded[(0, 2, 3)[before] : None if whole else -1]
        if len(core) >= _SHORTEST_FORM:
            yield core


def _whole_base64(core: str) -> str:
    """Return a pattern for the whole encoded text that holds `core`, in either alphabet."""
    either = re.escape(core).replace("/", "[/_]").replace(r"\+", r"[+\-]")
    return rf"[A-Za-z0-9+/_\-]*{either}[A-Za-z0-9+/_\-]*=*"
