"""Files of secrets, made once and readable by their owner alone."""

from __future__ import annotations

import base64
import os
from collections.abc import Callable
from pathlib import Path


def make_once(path: Path, content: Callable[[], str]) -> Path:
    """Return the path; if there is no file, write one whose mode is 0600."""
    if not path.exists():
        write(path, content())
    return path


def write(path: Path, content: str) -> None:
    """Write a file with mode 0600 at once, so that no half of it is ever read."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    partial.unlink(missing_ok=True)
    with open(partial, "x", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        file.write(content)
    partial.replace(path)


def new_key() -> str:
    """Return a line with a new key: 32 random bytes in URL-safe base64."""
    return base64.urlsafe_b64encode(os.urandom(32)).decode() + "\n"
