"""The files of the page, whose addresses change with their content."""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path

FILES = Path(__file__).parent / "static"


@functools.cache
def asset_address(name: str) -> str:
    """Return the address of a file, from any view."""
    return f"files/{name}?{hashlib.sha256((FILES / name).read_bytes()).hexdigest()[:12]}"
