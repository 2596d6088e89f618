"""The client of S3 as each job opens it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from executor.s3.client import Patience, open_client
from executor.s3.location import Location

LOCATION = Location("backups", endpoint="http://127.0.0.1:9")
KEYS = {"s3_access_key": "key", "s3_secret_key": "secret"}


def test_the_descriptions_of_s3_are_read_once(tmp_path: Path) -> None:
    opened: list[str] = []
    watching = True

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        if watching and event == "open" and "botocore" in str(arguments[0]):
            opened.append(str(arguments[0]))

    with open_client(LOCATION, KEYS, tmp_path, 1, Patience()):
        pass
    # An audit hook stays as long as the process.
    sys.addaudithook(watch)
    with open_client(LOCATION, KEYS, tmp_path, 1, Patience()) as client:
        assert client.meta.service_model.service_name == "s3"
    watching = False
    assert opened == []
