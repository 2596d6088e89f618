"""The real ZooKeeper of the contract tests serves the features too."""

from tests.contract.conftest import running, server

__all__ = ["running", "server"]
