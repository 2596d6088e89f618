"""The files of certificates: which of them trusts whom."""

from __future__ import annotations

import stat
from pathlib import Path

from executor.tls.files import TlsFiles


def test_clients_are_trusted_in_a_file_of_their_own_which_follows_the_authorities_of_nodes(tmp_path: Path) -> None:
    files = TlsFiles(tmp_path / "tls", "clients\n")
    files.write(b"key\n", "chain\n", "old\n")
    assert (files.truststore.read_text(), files.client_truststore.read_text()) == ("old\n", "old\nclients\n")
    files.trust("old\nnew\n")
    assert (files.truststore.read_text(), files.client_truststore.read_text()) == ("old\nnew\n", "old\nnew\nclients\n")
    assert files.keystore.read_text() == "key\nchain\n"
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in files.directory.iterdir()}
    assert modes == {"node.pem": 0o600, "trusted.pem": 0o640, "clients.pem": 0o640}


def test_without_authorities_of_clients_there_is_one_file_for_both(tmp_path: Path) -> None:
    files = TlsFiles(tmp_path / "tls")
    files.write(b"key\n", "chain\n", "old\n")
    assert files.client_truststore == files.truststore
    assert {path.name for path in files.directory.iterdir()} == {"node.pem", "trusted.pem"}
