"""The API's certificate: what can be used, how changes are followed, and what is reported of its end."""

from __future__ import annotations

import time
from datetime import timedelta
from pathlib import Path

import pytest

from scheduler.security.api_certificate import CertificateFiles, UnusableCertificate, identify
from scheduler.security.expiry import DAY
from service.certificate import BAD_POLLS, ApiCertificate
from tests.certificates import Authority, Issued, of_unknown_curve
from tests.waiting import wait_for


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "authority")


@pytest.fixture
def files(tmp_path: Path, authority: Authority) -> CertificateFiles:
    """Return the files of a certificate that lasts for 40 days."""
    found = CertificateFiles(str(tmp_path / "cert.pem"), str(tmp_path / "key.pem"))
    put(found, authority.issue("first", lasts=timedelta(days=40)))
    return found


def put(files: CertificateFiles, issued: Issued) -> None:
    Path(files.certificate).write_bytes(issued.certificate.read_bytes())
    Path(files.key).write_bytes(issued.key.read_bytes())
    Path(files.key).chmod(0o600)


def problems(files: CertificateFiles, now: float | None = None) -> tuple[str, ...]:
    with pytest.raises(UnusableCertificate) as caught:
        identify(files.read(), time.time() if now is None else now)
    return caught.value.problems


class TestUse:
    def test_a_certificate_that_can_be_used(self, files: CertificateFiles) -> None:
        found = identify(files.read(), time.time())
        assert 39 * DAY < found.ends_at - time.time() <= 40 * DAY
        assert "PRIVATE" not in repr(found)

    def test_an_expired_one(self, files: CertificateFiles) -> None:
        (found,) = problems(files, time.time() + 41 * DAY)
        assert found.startswith(f"API_CERTIFICATE_FILE {files.certificate} has expired on 20")
        assert found.endswith(" UTC: renew the certificate, or check the clock.")

    def test_one_of_the_future(self, files: CertificateFiles) -> None:
        (found,) = problems(files, time.time() - 30 * DAY)
        assert found.startswith(f"API_CERTIFICATE_FILE {files.certificate} is not valid before 20")

    def test_a_key_of_another_certificate(self, files: CertificateFiles, authority: Authority) -> None:
        Path(files.key).write_bytes(authority.issue("second").key.read_bytes())
        assert problems(files) == (
            f"API_KEY_FILE {files.key} is not the key of the certificate in API_CERTIFICATE_FILE {files.certificate}, "
            "whose own certificate must be the first one.",
        )

    def test_an_encrypted_key(self, files: CertificateFiles, authority: Authority) -> None:
        Path(files.key).write_bytes(authority.issue("locked", password=b"secret").key.read_bytes())
        assert problems(files) == (f"API_KEY_FILE {files.key} is encrypted: store the private key without a password.",)

    def test_files_that_are_something_else(self, files: CertificateFiles) -> None:
        for path in (files.certificate, files.key):
            Path(path).write_text("hello")
        assert problems(files) == (
            f"API_CERTIFICATE_FILE {files.certificate} holds no certificate in PEM.",
            f"API_KEY_FILE {files.key} holds no private key in PEM.",
        )

    def test_a_certificate_of_an_unknown_curve(self, files: CertificateFiles) -> None:
        path = Path(files.certificate)
        path.write_text(of_unknown_curve(path.read_text()))
        (problem,) = problems(files)
        assert problem.startswith(f"API_CERTIFICATE_FILE {path} has a public key that cannot be used: ")

    def test_files_that_are_not_there(self, files: CertificateFiles) -> None:
        for path in (files.certificate, files.key):
            Path(path).unlink()
        assert problems(files) == (
            f"API_CERTIFICATE_FILE {files.certificate} cannot be read: No such file or directory.",
            f"API_KEY_FILE {files.key} cannot be read: No such file or directory.",
        )

    @pytest.mark.parametrize("mode", [0o644, 0o604, 0o620, 0o666])
    def test_a_key_that_others_can_use(self, files: CertificateFiles, mode: int) -> None:
        Path(files.key).chmod(mode)
        assert problems(files) == (
            f"API_KEY_FILE {files.key} has the mode {mode:04o}, so that other users of the machine can use it; "
            "set it to 0600.",
        )

    def test_authorities_of_clients_that_are_none(self, files: CertificateFiles, tmp_path: Path) -> None:
        path = tmp_path / "clients.pem"
        wrong = CertificateFiles(files.certificate, files.key, str(path))
        for text in ("", "hello"):
            path.write_text(text)
            assert problems(wrong) == (f"API_CLIENT_CA_FILE {path} holds no certificate in PEM.",)


class Journal:
    """Events that the loop keeps, once it runs."""

    def __init__(self) -> None:
        self.runs = True
        self.kept: list[str] = []

    def note(self, sentence: str) -> bool:
        if self.runs:
            self.kept.append(sentence)
        return self.runs


class Clock:
    """The time, which a test moves."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


class TestChanges:
    def test_a_new_pair_is_used(self, files: CertificateFiles, authority: Authority) -> None:
        journal, used = Journal(), ApiCertificate(files)
        before = used.identity()
        used.refresh(journal.note)
        assert used.identity() is before
        put(files, authority.issue("second", lasts=timedelta(days=90)))
        used.refresh(journal.note)
        after = used.identity()
        assert after.serial != before.serial
        (told,) = journal.kept
        assert told.startswith(f"The API uses a new certificate, serial {after.serial}, that ends on 20")

    def test_a_bad_pair_keeps_the_one_before(self, files: CertificateFiles, authority: Authority) -> None:
        journal, used = Journal(), ApiCertificate(files)
        before = used.identity()
        second = authority.issue("second", lasts=timedelta(days=90))
        Path(files.certificate).write_bytes(second.certificate.read_bytes())
        for _ in range(BAD_POLLS - 1):
            used.refresh(journal.note)
        assert not journal.kept  # the key may follow in the next moment
        assert not used.warnings()
        for _ in range(3):
            used.refresh(journal.note)
        assert used.identity() is before
        (told,) = journal.kept
        assert told.startswith("The API keeps its certificate that ends on 20")
        assert f"API_KEY_FILE {files.key} is not the key of the certificate" in told
        assert used.warnings() == (told,)
        put(files, second)
        used.refresh(journal.note)
        assert used.identity().serial != before.serial
        assert not used.warnings()

    def test_events_wait_for_the_loop(self, files: CertificateFiles, authority: Authority) -> None:
        journal, used = Journal(), ApiCertificate(files)
        journal.runs = False
        put(files, authority.issue("second", lasts=timedelta(days=90)))
        used.refresh(journal.note)
        journal.runs = True
        used.refresh(journal.note)
        assert len(journal.kept) == 1

    def test_the_end_is_told_long_before(self, files: CertificateFiles) -> None:
        journal, clock = Journal(), Clock()
        used = ApiCertificate(files, clock)
        for days, words in ((0, ""), (11, "30 days"), (12, ""), (34, "7 days"), (39.5, "a day"), (41, "expired")):
            clock.ahead = days * DAY
            before = len(journal.kept)
            used.refresh(journal.note)
            used.refresh(journal.note)
            told = journal.kept[before:]
            assert [words in sentence for sentence in told] == ([True] if words else [])
        assert journal.kept[-1].endswith(f"so clients refuse it: replace API_CERTIFICATE_FILE {files.certificate}.")
        assert used.warnings() == (journal.kept[-1],)
        assert used.seconds_left() < 0

    def test_it_follows_by_itself(self, files: CertificateFiles, authority: Authority) -> None:
        journal, used = Journal(), ApiCertificate(files)
        used.watch(journal.note)
        try:
            put(files, authority.issue("second", lasts=timedelta(days=90)))
            wait_for("the new one is noted", lambda: journal.kept, 10)
        finally:
            used.stop()
        assert len(journal.kept) == 1
