"""The digests of the bundles: from the files of this scheduler, or from settings."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from scheduler.settings import InvalidSettings, Settings, parse

ARTIFACTS = "http://cassandra.marathon.mesos:9000/v1/artifacts/"
GIVEN = "ab" * 32


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    (tmp_path / "executor.tar.gz").write_bytes(b"executor")
    (tmp_path / "cassandra-5.0.8.tar.gz").write_bytes(b"cassandra")
    return tmp_path


def settings(directory: Path, **environ: str) -> Settings:
    return parse({"ARTIFACTS_DIR": str(directory), **environ})


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_own_bundles(directory: Path) -> None:
    found = settings(directory)
    assert found.policy().digests == {
        f"{ARTIFACTS}executor.tar.gz": sha256(b"executor"),
        f"{ARTIFACTS}cassandra-5.0.8.tar.gz": sha256(b"cassandra"),
    }
    assert found.unchecked_bundles() == ()
    assert settings(directory, ARTIFACTS_URL="https://mirror.example/x").policy().digests.keys() == {
        "https://mirror.example/x/executor.tar.gz",
        "https://mirror.example/x/cassandra-5.0.8.tar.gz",
    }


def test_a_bundle_that_was_built_again_under_its_name(directory: Path) -> None:
    before = settings(directory).cluster_spec()
    path = directory / "executor.tar.gz"
    times = path.stat()
    path.write_bytes(b"EXECUTOR")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns + 1))
    found = settings(directory)
    assert found.executor_sha256 == sha256(b"EXECUTOR")
    assert found.cluster_spec() == before, "no node restarts for it"


def test_bundles_elsewhere_have_the_digests_of_settings(directory: Path) -> None:
    where = {"EXECUTOR_LOCATION": "https://files.example/e.tar.gz", "EXECUTOR_JRE_LOCATION": "/srv/jre.tar.gz"}
    where["EXECUTOR_PYTHON_LOCATION"] = "/srv/python.tar.gz"
    found = settings(directory, **where)
    assert found.unchecked_bundles() == ("EXECUTOR_SHA256", "EXECUTOR_JRE_SHA256", "EXECUTOR_PYTHON_SHA256")
    assert found.policy().digests == {f"{ARTIFACTS}cassandra-5.0.8.tar.gz": sha256(b"cassandra")}
    digests = {"EXECUTOR_SHA256": GIVEN.upper(), "EXECUTOR_JRE_SHA256": GIVEN, "EXECUTOR_PYTHON_SHA256": GIVEN}
    found = settings(directory, **where, **digests)
    assert found.unchecked_bundles() == ()
    assert [found.policy().digests[where[name]] for name in where] == [GIVEN] * 3


@pytest.mark.parametrize("given", ["abc", "g" * 64, "a" * 63, "a" * 65])
def test_what_is_no_digest(directory: Path, given: str) -> None:
    with pytest.raises(InvalidSettings, match="EXECUTOR_JRE_SHA256 must be 64 hexadecimal digits"):
        settings(directory, EXECUTOR_JRE_SHA256=given)


def test_a_given_digest_is_that_of_the_own_file(directory: Path) -> None:
    assert settings(directory, EXECUTOR_SHA256=sha256(b"executor")).executor_sha256 == sha256(b"executor")
    with pytest.raises(InvalidSettings) as caught:
        settings(directory, EXECUTOR_SHA256=GIVEN)
    file = directory / "executor.tar.gz"
    assert caught.value.problems == (f"EXECUTOR_SHA256 is {GIVEN}, but {file} has the SHA-256 {sha256(b'executor')}.",)


@pytest.mark.parametrize("address", ["https://me:secret@example.com/jre.tar.gz", "ftp://token@example.com/jre.tar.gz"])
def test_a_password_in_an_address_is_told_without_it(directory: Path, address: str) -> None:
    found = [text for text in settings(directory, EXECUTOR_JRE_LOCATION=address).warnings if "has a password" in text]
    assert [text.partition(" ")[0] for text in found] == ["EXECUTOR_JRE_LOCATION"]
    assert "secret" not in found[0]
    assert "token" not in found[0]


@pytest.mark.parametrize("address", ["https://example.com/a@b/jre.tar.gz", "/opt/jre@17.tar.gz", "hdfs:///jre.tar.gz"])
def test_no_password_is_no_warning(directory: Path, address: str) -> None:
    warnings = settings(directory, EXECUTOR_JRE_LOCATION=address).warnings
    assert not [text for text in warnings if "has a password" in text]
