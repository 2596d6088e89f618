"""Sentences of the API in the words of this program: an option where the API names a field or a query parameter."""

from __future__ import annotations

import re

# By the API's name: the option or the argument.
OPTIONS = {
    "absent": "--absent",
    "backup_name": "NAME",
    "by": "--by-rack",
    "canary": "--canary",
    "cassandra_password": "--login",
    "cassandra_username": "--login",
    "check": "--no-check",
    "column_families": "--table",
    "compare": "--compare",
    "count_rows": "--count-rows",
    "decommission": "--decommission",
    "endpoint": "--endpoint",
    "external_location": "--location",
    "file": "--file",
    "force": "--force",
    "incremental": "--incremental",
    "keep_days": "--keep-days",
    "keep_last": "--keep-last",
    "key_spaces": "--keyspace",
    "limit": "--limit",
    "lines": "--lines",
    "max_snapshot_spread_s": "--max-snapshot-spread",
    "node": "--node",
    "nodes": "--node",
    "parallelism": "--parallelism",
    "pending_compactions": "--pending-compactions",
    "primary_range": "--primary-range",
    "region": "--region",
    "rename": "--rename",
    "s3_access_key": "--s3-credentials",
    "s3_secret_key": "--s3-credentials",
    "s3_session_token": "--s3-credentials",
    "segment_mb": "--segment-mb",
    "since": "--since",
    "stall_seconds": "--stall-seconds",
    "throttle": "--throttle",
    "tls_ca": "--tls-ca",
    "trust": "--trust",
    "upload_parallelism": "--upload-parallelism",
    "uses_emc": "--path-style",
    "wait": "--no-wait",
}
_JSON = re.compile(r'"(\w+)": (?:(true|false)|"([^"]*)"|\{"([^"]*)": "([^"]*)"\})')
_QUERY = re.compile(r"(?<![\w?&])(force|decommission|by|wait)=(true|false|rack)\b")
_PARAMETER = re.compile(r"\b[Tt]he query parameter (since|limit|lines|file|node)\b")
# A field's own problem begins with it. Names that no one else uses are replaced anywhere, except in a cluster's names.
_FIRST = re.compile(rf"(^|[.;] )({'|'.join(OPTIONS)})(?=:| must\b| and \w+_)", re.IGNORECASE)
_LONG = "|".join(name for name in OPTIONS if "_" in name)
_ANYWHERE = re.compile(rf"(?<![\w.\"'-])(?<!table )(?<!keyspace )({_LONG})(?![\w\"'-]|\.\w)")
_TWICE = re.compile(r"(?<![\w-])(--[\w-]+)(?:(?:,| and| or) \1)+")


def as_options(text: str) -> str:
    """Return a sentence with options for the fields and query parameters of the API, such as --force for force=true."""
    text = _JSON.sub(_of_json, text)
    text = _QUERY.sub(lambda found: OPTIONS[found[1]], text)
    text = _PARAMETER.sub(lambda found: OPTIONS[found[1]], text)
    text = _FIRST.sub(lambda found: found[1] + OPTIONS[found[2].lower()], text)
    text = _ANYWHERE.sub(lambda found: OPTIONS[found[1]], text)
    return _TWICE.sub(r"\1", text)


def _of_json(found: re.Match[str]) -> str:
    option = OPTIONS.get(found[1])
    if option is None or found[2] == "false":
        return found[0]
    if found[2]:
        return option
    return f"{option} {found[3]}" if found[3] is not None else f"{option} {found[4]}={found[5]}"
