"""cassandra-medusa's upload of the same snapshot, by its own code in a virtual environment of its own.

`PYTHON-OF-THAT-ENVIRONMENT bench/backup_medusa.py CONFIGURATION DATA TAG`. All steps of its differential backup of a
node between the snapshot and the manifest are run and timed; its questions to Cassandra before them are not.
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import time
import venv
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace

VERSION = "0.31.0"


def environment(directory: Path) -> Path:
    """Return the Python of an environment with cassandra-medusa, made if it is missing."""
    python = directory / "bin" / "python"
    if not (directory / "complete").exists():
        venv.create(directory, clear=True, with_pip=True)
        quiet = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*quiet, f"cassandra-medusa=={VERSION}"], check=True, stdout=sys.stderr)
        (directory / "complete").touch()
    return python


def configure(directory: Path, address: str, bucket: str, secrets: tuple[str, str], tuned: Mapping[str, str]) -> Path:
    """Write a configuration; settings that `tuned` does not name have medusa's defaults."""
    keys = directory / "credentials"
    keys.write_text(f"[default]\naws_access_key_id = {secrets[0]}\naws_secret_access_key = {secrets[1]}\n")
    host, _, port = address.partition(":")
    settings = {
        "storage_provider": "s3_compatible", "bucket_name": bucket, "key_file": str(keys), "host": host, "port": port,
        "secure": "False", "fqdn": "node-0", "s3_addressing_style": "path", **tuned,
    }  # fmt: skip
    path = directory / "medusa.ini"
    path.write_text("[storage]\n" + "".join(f"{name} = {value}\n" for name, value in settings.items()))
    return path


def upload(configuration: Path, data: Path, tag: str) -> float:
    """Return the seconds of one backup."""
    config = importlib.import_module("medusa.config").load_config({}, configuration)
    node = importlib.import_module("medusa.backup_node")
    storage = importlib.import_module("medusa.storage").Storage
    cassandra = importlib.import_module("medusa.cassandra_utils").Cassandra
    snapshot = cassandra.Snapshot(SimpleNamespace(root=data), tag, keep_snapshot=True)
    began = time.perf_counter()
    node.throttle_backup()
    with storage(config=config.storage) as opened:
        backup = opened.get_node_backup(fqdn="node-0", name=f"bench-{os.getpid()}", differential_mode=True)
        backup.differential = "differential"
        manifest: list[object] = []
        node.backup_snapshots(opened, manifest, backup, snapshot, False, 1)
        backup.manifest = json.dumps(manifest)
    return time.perf_counter() - began


if __name__ == "__main__":
    arguments = sys.argv[1:4]
    print(json.dumps({"seconds": upload(Path(arguments[0]), Path(arguments[1]), arguments[2])}))
