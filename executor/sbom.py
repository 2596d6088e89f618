"""The list of what a bundle holds, as CycloneDX JSON. It is beside the bundle, and names the bundle's SHA-256.

The same bundle gives the same bytes: there is no time in the document, and its serial number follows from the bundle.
"""

from __future__ import annotations

import importlib.metadata
import json
import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from executor.maven_lock import Jar, sha256_of

SUFFIX = ".cdx.json"
_SPACE = uuid.UUID("1c7a3a0e-9d53-4f3c-8a39-5b1f0a7c2d11")

Json = dict[str, Any]


def path_of(archive: Path) -> Path:
    """Return where the list of an archive is: `executor.cdx.json` of `executor.tar.gz`."""
    return archive.with_name(archive.name.removesuffix(".tar.gz") + SUFFIX)


def write(archive: Path, version: str, components: Iterable[Json]) -> None:
    """Write the list of what an archive holds beside it."""
    digest = sha256_of(archive)
    bundle: Json = {
        "type": "application",
        "bom-ref": "bundle",
        "name": archive.name,
        "version": version,
        "hashes": _sha256(digest),
    }
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(_SPACE, digest)}",
        "version": 1,
        "metadata": {"component": bundle},
        "components": sorted(components, key=lambda item: str(item["bom-ref"])),
    }
    partial = archive.with_name(f".{path_of(archive).name}.partial")
    partial.write_text(json.dumps(document, indent=1) + "\n")
    partial.replace(path_of(archive))


def jar(found: Jar) -> Json:
    """Return the component of a jar."""
    qualifier = f"?classifier={found.classifier}&type=jar" if found.classifier else "?type=jar"
    address = f"pkg:maven/{found.group}/{found.artifact}@{found.version}{qualifier}"
    return {
        "type": "library",
        "bom-ref": address,
        "group": found.group,
        "name": found.artifact,
        "version": found.version,
        "purl": address,
        "hashes": _sha256(found.sha256),
    }


def distribution(name: str, published: bool = True) -> Json | None:
    """Return the component of an installed Python distribution; None if there is none of that name.

    One that is not `published` is this project's own, so that its name on an index is another one's.
    """
    try:
        found = importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        return None
    kind = "pypi" if published else "generic/cassandra-mesos"
    component: Json = {
        "type": "library",
        "bom-ref": f"pkg:{kind}/{name.lower()}@{found.version}",
        "name": name,
        "version": found.version,
        "purl": f"pkg:{kind}/{name.lower()}@{found.version}",
    }
    if "License-Expression" in found.metadata:
        component["licenses"] = [{"expression": found.metadata["License-Expression"]}]
    return component


def _sha256(digest: str) -> list[Json]:
    return [{"alg": "SHA-256", "content": digest}]
