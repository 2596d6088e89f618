"""The keys of backups: what follows from which file, and who gets it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from executor.backup.seal.keys import key_id, read_keys
from executor.protocol import SecretQuery, SecretReply, parse_message
from scheduler.core.state.operation import OperationState
from scheduler.loop.credentials import Credentials
from scheduler.security.backup_keys import NO_KEYS, BackupKeys, backup_keys
from scheduler.security.sealing import KeyFileError, Sealer
from scheduler.security.secrets import Secrets
from tests.unit.scheduler.test_loop_operations import JOB, KEY, SECRETS, with_backup
from tests.unit.sealing_keys import new_key

OLD, NEW, ENCRYPTION = new_key(), new_key(), new_key()


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    contents = {"secrets": f"{NEW}\n# the former one\n{OLD}\n", "old": f"{OLD}\n", "encryption": f"{ENCRYPTION}\n"}
    for name, content in contents.items():
        (tmp_path / name).write_text(content)
    return {name: str(tmp_path / name) for name in contents}


def test_every_line_verifies_and_the_newest_signs(files: dict[str, str]) -> None:
    before, after = backup_keys("", files["old"], ""), backup_keys("", files["secrets"], "")
    assert after.signing[1:] == before.signing
    assert len(set(after.signing)) == 2
    assert after.wrapping == ()
    assert backup_keys("", "", OLD) == before


def test_the_encryption_key_signs_too_and_before_the_others(files: dict[str, str]) -> None:
    """Clusters that share it read, and so trust, each other's backups."""
    found = backup_keys(files["encryption"], files["old"], "")
    assert len(found.wrapping) == 1
    assert found.signing[0] == backup_keys(files["encryption"], "", "").signing[0]
    assert found.signing[1:] == backup_keys("", files["old"], "").signing


def test_no_executor_gets_a_line_of_a_file(files: dict[str, str]) -> None:
    found = backup_keys(files["encryption"], files["secrets"], "")
    every = [*found.signing, *found.wrapping]
    assert len(set(every)) == 4
    assert not set(every) & {OLD, NEW, ENCRYPTION}
    read = read_keys(found.secrets)
    assert (len(read.signing), len(read.wrapping)) == (3, 1)
    assert {len(key) for key in (*read.signing, *read.wrapping)} == {32}
    assert repr(found) == "BackupKeys()"


def test_keys_have_the_ids_that_backups_name(files: dict[str, str]) -> None:
    found = backup_keys(files["encryption"], files["secrets"], "")
    read = read_keys(found.secrets)
    assert found.sentence == (
        f"backups are signed with {', '.join(map(key_id, read.signing))}, and sealed with {key_id(read.wrapping[0])}"
    )
    assert backup_keys("", files["old"], "").sentence.endswith("and not sealed")
    assert NO_KEYS.sentence == "backups are neither signed nor sealed: no file of keys is set"


def test_without_files() -> None:
    assert backup_keys("", "", "") == NO_KEYS
    assert NO_KEYS.secrets == {}
    assert NO_KEYS.facts("backup") == {}


def test_a_file_without_keys(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("# none\n")
    with pytest.raises(KeyFileError):
        backup_keys(str(tmp_path / "empty"), "", "")
    with pytest.raises(OSError, match="No such file"):
        backup_keys(str(tmp_path / "none"), "", "")


def test_which_operations_need_keys() -> None:
    keys = BackupKeys(("s",), ("w",))
    assert keys.facts("backup") == {"keys": True, "sealed": True}
    assert keys.facts("restore") == keys.facts("backup-verify") == keys.facts("backup-delete") == {"keys": True}
    assert keys.facts("repair") == {}
    assert BackupKeys(("s",)).facts("backup") == {"keys": True}


class Sent:
    def __init__(self) -> None:
        self.replies: list[SecretReply] = []

    def message(self, _ask: Any, data: str) -> None:
        reply = parse_message(data)
        assert isinstance(reply, SecretReply)
        self.replies.append(reply)


KEYS = BackupKeys(("s",), ("w",))
GIVEN = {"backup_signing_key.0": "s", "backup_wrapping_key.0": "w"}


@pytest.mark.parametrize(
    ("facts", "keys", "sealed", "values", "problem"),
    [
        pytest.param({"keys": True}, KEYS, False, GIVEN, "", id="keys alone"),
        pytest.param({"keys": True}, KEYS, True, {**SECRETS, **GIVEN}, "", id="with credentials"),
        pytest.param({}, KEYS, True, SECRETS, "", id="begun before there was a key"),
        pytest.param({}, KEYS, False, {}, "no credentials are stored", id="nothing to send"),
        pytest.param({"keys": True}, NO_KEYS, True, {}, "signatures of backups cannot be checked", id="keys are gone"),
        pytest.param(
            {"keys": True, "sealed": True}, BackupKeys(("s",)), False, {}, "the backup cannot be sealed: BACKUP_ENC",
            id="the encryption key is gone",
        ),
    ],
)  # fmt: skip
def test_what_a_job_gets(
    facts: dict[str, bool], keys: BackupKeys, sealed: bool, values: dict[str, str], problem: str
) -> None:
    sealer, sent = Sealer([KEY]), Sent()
    state = with_backup(sealer if sealed else None, facts=facts)
    credentials: Any = Credentials(sent, Secrets(sealer, keys))  # type: ignore[arg-type]
    credentials.answer(SecretQuery(JOB), state)
    (reply,) = sent.replies
    assert reply.values == values
    assert problem in reply.problem
    assert bool(reply.problem) is bool(problem)


def test_nothing_after_the_end() -> None:
    sent = Sent()
    state = with_backup(None, facts={"keys": True}, state=OperationState.COMPLETE)
    Credentials(sent, Secrets(backup_keys=KEYS)).answer(SecretQuery(JOB), state)  # type: ignore[arg-type]
    assert sent.replies[0].values == {}
