"""The certificate of a launch, if a part of the executor's bundle cannot be had."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from executor.cassandra.install import LaunchError
from executor.node.encryption import NodeEncryption
from tests.unit.executor.sandbox import make_launch, make_sandbox, surroundings


def test_a_library_that_cannot_be_unpacked_ends_the_launch_and_not_the_executor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "executor.tls.certificate", None)
    where = surroundings(make_sandbox(tmp_path))
    sent: list[str] = []
    encryption = NodeEncryption("t", make_launch(encryption="required"), where, sent.append)
    with pytest.raises(LaunchError, match=r"bundle: .*executor\.tls\.certificate"):
        encryption.prepare()
    encryption.stop()
    assert not sent
    NodeEncryption("t", make_launch(), where, sent.append).prepare()
    NodeEncryption("t", make_launch(encryption="required", paused=True), where, sent.append).prepare()
