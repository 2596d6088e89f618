"""The S3 server of the tests of backups, for those of its client."""

from __future__ import annotations

from tests.unit.executor.backup.conftest import bucket, proxy, server, store

__all__ = ["bucket", "proxy", "server", "store"]
