"""Bare boto3: the files of a directory to S3 and back, on some threads, with boto3's own defaults; prints seconds.

`python -m bench.backup_bare upload ENDPOINT THREADS DIRECTORY [lean]` sends a data directory's snapshot; with `lean`
boto3 neither computes checksums nor signs bodies: nothing then proves what arrives.
`python -m bench.backup_bare download ENDPOINT THREADS DIRECTORY PREFIX` fetches all objects whose keys begin so.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

from bench.backup_data import snapshot_paths
from bench.s3_server import BUCKET, KEY, SECRET

if TYPE_CHECKING:
    from types_boto3_s3.client import S3Client

PREFIX = "bare/"


def client(endpoint: str, threads: int, lean: bool = False) -> S3Client:
    """Return a client whose pool of connections is large enough for the threads and those of its transfers."""
    config = Config(max_pool_connections=threads + 10, s3={"addressing_style": "path"})
    if lean:
        config = config.merge(
            Config(
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
                s3={"addressing_style": "path", "payload_signing_enabled": False},
            )
        )
    return boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id=KEY,
        aws_secret_access_key=SECRET,
        config=config,
    )


def upload(s3: S3Client, directory: Path) -> list[Callable[[], object]]:
    """Return a call for each file, the largest first."""
    paths = sorted(snapshot_paths(directory), key=lambda path: -path.stat().st_size)
    return [partial(s3.upload_file, str(path), BUCKET, PREFIX + str(path.relative_to(directory))) for path in paths]


def download(s3: S3Client, directory: Path, prefix: str) -> list[Callable[[], object]]:
    """Return a call for each object, the largest first; all go into one directory, under their numbers."""
    found = [item for page in s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=prefix)
             for item in page.get("Contents", ())]  # fmt: skip
    found.sort(key=lambda item: -item["Size"])
    return [
        partial(s3.download_file, BUCKET, item["Key"], str(directory / str(number)))
        for number, item in enumerate(found)
    ]


def main() -> None:
    """Work and print."""
    action, endpoint, threads, directory, *rest = sys.argv[1:]
    s3 = client(endpoint, int(threads), "lean" in rest)
    calls = upload(s3, Path(directory)) if action == "upload" else download(s3, Path(directory), rest[0])
    began = time.perf_counter()
    with ThreadPoolExecutor(int(threads)) as pool:
        for done in [pool.submit(call) for call in calls]:
            done.result()
    print(json.dumps({"seconds": time.perf_counter() - began, "files": len(calls)}))


if __name__ == "__main__":
    main()
