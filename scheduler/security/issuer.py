"""The keys of authorities: sealed in their records, or in files of the scheduler's machine."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from executor.certificate_messages import fingerprints
from scheduler.core.state.authority import Authority, AuthorityRecord
from scheduler.security.authority import AuthorityError, KeyPair, new_authority, read_authority
from scheduler.security.authority_end import cannot_begin
from scheduler.security.lines import read_pem
from scheduler.security.sealing import SETTINGS, Sealer, SealError

SUBJECT = "certificate-authority"
FILES = "SECURITY_CA_CERTIFICATE_FILE and SECURITY_CA_KEY_FILE"


@dataclass(frozen=True)
class Issuer:
    """Where the keys of authorities come from. The files win over an authority of our own.

    With `serves_api` an authority is needed without TLS of nodes too. The API then has `api_places`: its addresses, and
    its names that are of no machine.
    """

    service_name: str
    sealer: Sealer | None
    certificate_file: str = ""
    key_file: str = ""
    serves_api: bool = False
    api_places: tuple[str, ...] = ()

    @property
    def uses_files(self) -> bool:
        """Return whether the authority is given by files."""
        return bool(self.certificate_file)

    def holds(self, authority: Authority) -> bool:
        """Return whether the file has this authority's certificate, if also with another key. Raises AuthorityError."""
        try:
            return _is_same(read_pem(Path(self.certificate_file)), authority.certificate)
        except (OSError, UnicodeDecodeError) as error:
            raise AuthorityError(f"the files of the authority cannot be read: {error}") from error

    def new(self, now: float) -> Authority:
        """Return a new authority, or that of the files. Raises AuthorityError, also for one that is not valid now."""
        if self.uses_files:
            found = Authority(self._files().certificate)
            if problem := cannot_begin(found, now):
                raise AuthorityError(f"the authority in {FILES} cannot be used: {problem}")
            return found
        if self.sealer is None:
            raise AuthorityError(f"there is no key to seal an authority with: set {SETTINGS}, or {FILES}")
        pair = new_authority(f"{self.service_name} Cassandra authority", now)
        return Authority(pair.certificate, self.sealer.seal(SUBJECT, {"key": pair.key}))

    def first(self, now: float) -> AuthorityRecord:
        """Return the record of a service that had no authority. Raises AuthorityError."""
        return AuthorityRecord(self.new(now))

    def pair(self, authority: Authority) -> KeyPair:
        """Return an authority that can sign. Raises AuthorityError."""
        if not authority.sealed:
            pair = self._files()
            if not _is_same(pair.certificate, authority.certificate):
                raise AuthorityError(f"{FILES} hold another authority than the one that the nodes trust")
            return pair
        if self.sealer is None:
            raise AuthorityError(f"the key of the authority cannot be opened: {SETTINGS} is not set any more")
        try:
            return KeyPair(authority.certificate, self.sealer.open(SUBJECT, authority.sealed)["key"])
        except SealError as error:
            raise AuthorityError(f"the key of the authority cannot be opened: {error}") from error

    def _files(self) -> KeyPair:
        if not self.certificate_file or not self.key_file:
            raise AuthorityError(f"the authority is in files, but {FILES} are not set any more")
        try:
            return read_authority(read_pem(Path(self.certificate_file)), read_pem(Path(self.key_file)))
        except (OSError, UnicodeDecodeError) as error:
            raise AuthorityError(f"the files of the authority cannot be read: {error}") from error


def _is_same(text: str, other: str) -> bool:
    """Return whether two PEM texts begin with the same certificate, beside other text."""
    try:
        return fingerprints(text)[:1] == fingerprints(other)[:1]
    except ValueError:  # the file's text is being replaced
        return False
