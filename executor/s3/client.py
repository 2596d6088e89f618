"""The client of a location's S3: the one user of boto3."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import botocore.session
from botocore.config import Config
from botocore.handlers import add_expect_header
from botocore.loaders import Loader, create_loader
from botocore.utils import parse_timestamp

from executor.metadata_addresses import is_metadata
from executor.s3.answers import bound_answers
from executor.s3.destinations import Guard, watch_peers
from executor.s3.location import Location

if TYPE_CHECKING:
    from types_boto3_s3.client import S3Client

SECRETS = ("s3_access_key", "s3_secret_key", "s3_session_token")
_DEFAULT_REGION = "us-east-1"


@dataclass(frozen=True)
class Patience:
    """The limits of a call: attempts, timeouts, and pauses that grow from `pause` to `longest_pause`, in seconds."""

    attempts: int = 7
    connect_seconds: float = 10.0
    read_seconds: float = 60.0
    pause: float = 0.3
    longest_pause: float = 15.0


@contextmanager
def open_client(
    location: Location, secrets: Mapping[str, str], scratch: Path, connections: int, patience: Patience
) -> Iterator[S3Client]:
    """Open a client; without S3 keys among the secrets, boto3 finds credentials itself. Raises what boto3 raises.

    Args:
        location: The location.
        secrets: Can hold the names of SECRETS.
        scratch: A directory for the file of the location's certificates.
        connections: The largest number of connections.
        patience: The timeouts.
    """
    access_key, secret_key, session_token = (secrets.get(name) or None for name in SECRETS)
    with _authority_file(location, scratch) as authority:
        session = boto3.session.Session(access_key, secret_key, session_token, botocore_session=_core())
        client = session.client(
            "s3",
            region_name=location.region or session.region_name or _DEFAULT_REGION,
            endpoint_url=location.endpoint,
            verify=authority,
            config=_config(location, connections, patience),
        )
        # The header makes every large request wait for the server's answer, up to a second if there is none.
        client.meta.events.unregister("before-call.s3", add_expect_header)
        guard = Guard(client.meta.endpoint_url)
        client.meta.events.register("before-send.s3", guard.before_send)
        client.meta.events.register("before-call.s3.HeadBucket", guard.before_head_bucket)
        for event in ("after-call", "after-call-error"):
            client.meta.events.register(f"{event}.s3.HeadBucket", guard.after_head_bucket)
        watch_peers(_pools(client), is_metadata)
        bound_answers(_pools(client))
        try:
            yield client
        finally:
            client.close()


def _pools(client: Any) -> dict[str, Any]:
    """Return the classes of the client's connections by scheme, which the library has no setting for."""
    found: dict[str, Any] = client._endpoint.http_session._pool_classes_by_scheme
    return found


def _core() -> botocore.session.Session:
    core = botocore.session.Session()
    core.register_component("data_loader", _descriptions(core.get_config_variable("data_path")))
    # The library's own parser of times takes four fifths of the time of a listing.
    core.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=_timestamp)
    return core


@cache
def _descriptions(data_path: str | None) -> Loader:
    """Return the library's reader of its descriptions of services, which keeps what it has read.

    Each client would read them anew, which takes a tenth of a second and twenty megabytes. The library does not change
    what it gets.
    """
    return create_loader(data_path)


def _timestamp(value: Any) -> datetime:
    if isinstance(value, str) and value.endswith("Z"):
        try:
            return datetime.fromisoformat(value)
        except ValueError:
            pass
    return parse_timestamp(value)


def _config(location: Location, connections: int, patience: Patience) -> Config:
    return Config(
        connect_timeout=patience.connect_seconds,
        read_timeout=patience.read_seconds,
        # The pauses of boto3 cannot be interrupted.
        retries={"total_max_attempts": 1, "mode": "standard"},
        max_pool_connections=connections,
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        s3={
            "addressing_style": "path" if location.path_style else "auto",
            # Each body has its SHA-256 in a signed header; a signature of the body would compute it twice.
            "payload_signing_enabled": False,
        },
    )


@contextmanager
def _authority_file(location: Location, scratch: Path) -> Iterator[str | None]:
    if location.authority is None:
        yield None
        return
    descriptor, name = tempfile.mkstemp(".pem", "authority-", scratch)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(location.authority)
        yield name
    finally:
        Path(name).unlink()
