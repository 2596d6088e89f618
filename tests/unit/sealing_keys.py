"""Keys for the secrets of operations."""

from __future__ import annotations

from cryptography.fernet import Fernet


def new_key() -> str:
    """Return a random key."""
    return Fernet.generate_key().decode()
