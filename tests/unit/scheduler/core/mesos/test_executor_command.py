"""The command of an executor, run by a real shell on bundles that are as announced, or not."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tarfile
import zipfile
from pathlib import Path

import pytest

from executor.cassandra import late_bundle
from scheduler.core.mesos.executor_command import (
    DEFAULT_COMMAND,
    LATE_BUNDLE,
    REFUSED,
    build_command,
    bundle_name,
    digests_of,
)
from scheduler.core.state.spec import ExecutorSpec, Resources, Uri

EXECUTOR, CASSANDRA = "http://files.example:9000/v1/artifacts/executor.tar.gz", "https://files.example/cassandra.tgz"
OTHER = "0" * 64


def spec(*uris: Uri, command: str = "exec cat executor-bundle/said cassandra/said") -> ExecutorSpec:
    return ExecutorSpec(Resources(0.1, 64.0), command, uris)


def make_bundle(directory: Path, name: str, folder: str) -> str:
    """Return the SHA-256 of an archive with one file, `said`, in a folder."""
    (directory / "said").write_text(f"{folder}\n")
    if name.endswith(".zip"):
        with zipfile.ZipFile(directory / name, "w") as packed:
            packed.write(directory / "said", f"{folder}/said")
    else:
        with tarfile.open(directory / name, "w:gz") as tar:
            tar.add(directory / "said", f"{folder}/said")
    (directory / "said").unlink()
    return hashlib.sha256((directory / name).read_bytes()).hexdigest()


def run(directory: Path, executor: ExecutorSpec, digests: dict[str, str]) -> subprocess.CompletedProcess[str]:
    value = str(build_command(executor, "", digests)["value"])
    return subprocess.run(["sh", "-c", value], cwd=directory, capture_output=True, text=True, check=False)


@pytest.fixture
def digests(tmp_path: Path) -> dict[str, str]:
    return {
        EXECUTOR: make_bundle(tmp_path, "executor.tar.gz", "executor-bundle"),
        CASSANDRA: make_bundle(tmp_path, "cassandra.tgz", "cassandra"),
    }


def test_bundles_that_are_as_announced_are_unpacked_and_run(tmp_path: Path, digests: dict[str, str]) -> None:
    ended = run(tmp_path, spec(Uri(EXECUTOR), Uri(CASSANDRA)), digests)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "executor-bundle\ncassandra\n", "")
    assert {path.name for path in tmp_path.iterdir()} == {"executor-bundle", "cassandra"}


CHECK = (
    "check_bundle() {\n"
    '  found=$(sha256sum < "$1") || exit 1\n'
    '  [ "${found%% *}" = "$2" ] && return\n'
    '  echo "The bundle $1 is refused: its SHA-256 is ${found%% *}, but $2 is expected." >&2\n'
    "  exit 65\n"
    "}\n"
)


def test_the_command_of_running_executors_stays_as_it_is() -> None:
    """Mesos compares it for each job, also after an update of the scheduler."""
    addresses = ("http://h/executor.tar.gz", "http://h/jre.zip", "http://h/x.gz", "http://h/plain")
    found = build_command(spec(*map(Uri, addresses), command="run"), "", dict.fromkeys(addresses, "d"))
    assert found["value"] == (
        f"{CHECK}"
        "check_bundle executor.tar.gz d && tar -xf executor.tar.gz && rm executor.tar.gz || exit 1\n"
        "check_bundle jre.zip d && unzip -oq jre.zip && rm jre.zip || exit 1\n"
        "check_bundle x.gz d && gzip -d x.gz || exit 1\n"
        "check_bundle plain d || exit 1\n"
        "run"
    )


def test_the_commands_of_both_forms_stay_as_they_are() -> None:
    addresses = ("http://h/executor.tar.gz", "http://h/cassandra.tar.gz", "http://h/jre.tar.gz")
    usual = spec(*map(Uri, addresses), command=DEFAULT_COMMAND)
    head = f"{CHECK}check_bundle executor.tar.gz d && tar -xf executor.tar.gz && rm executor.tar.gz || exit 1\n"
    by_sh = "check_bundle cassandra.tar.gz d && tar -xf cassandra.tar.gz && rm cassandra.tar.gz || exit 1\n"
    tail = (
        "check_bundle jre.tar.gz d && tar -xf jre.tar.gz && rm jre.tar.gz || exit 1\n"
        "exec ./executor-bundle/run"
    )  # fmt: skip
    late = (
        "if [ -e executor-bundle/lib/executor/unpack.py ]; then\n"
        "  export EXECUTOR_LATE_BUNDLE='cassandra.tar.gz d'\n"
        "else\n"
        f"  {by_sh}"
        "fi\n"
    )
    digests = dict.fromkeys(addresses, "d")
    assert build_command(usual, "", digests, 1)["value"] == f"{head}{by_sh}{tail}"
    assert build_command(usual, "", digests, 2)["value"] == f"{head}{late}{tail}"


@pytest.mark.parametrize(
    ("executor", "known"),
    [
        (spec(Uri(EXECUTOR), Uri(CASSANDRA), command=f"cp x cassandra/lib; {DEFAULT_COMMAND}"), {EXECUTOR, CASSANDRA}),
        (spec(Uri(EXECUTOR), Uri("/c.zip"), command=DEFAULT_COMMAND), {EXECUTOR, "/c.zip"}),
        (spec(Uri(EXECUTOR), Uri("/c.tar.xz"), command=DEFAULT_COMMAND), {EXECUTOR, "/c.tar.xz"}),
        (spec(Uri(EXECUTOR), Uri(CASSANDRA, extract=False), command=DEFAULT_COMMAND), {EXECUTOR, CASSANDRA}),
        (spec(Uri(EXECUTOR), Uri(CASSANDRA), command=DEFAULT_COMMAND), {EXECUTOR}),
        (spec(Uri(EXECUTOR), Uri(CASSANDRA), command=DEFAULT_COMMAND), {CASSANDRA}),
        (spec(Uri(EXECUTOR), command=DEFAULT_COMMAND), {EXECUTOR}),
        (spec(command=DEFAULT_COMMAND), set()),
    ],
)
def test_what_the_executor_cannot_unpack_or_its_command_may_need_is_unpacked_before(
    executor: ExecutorSpec, known: set[str]
) -> None:
    digests = dict.fromkeys(known, OTHER)
    assert build_command(executor, "", digests) == build_command(executor, "", digests, 1)


@pytest.mark.parametrize("unpacks", [True, False])
def test_an_executor_that_can_unpack_gets_the_bundle_of_cassandra_as_it_is(tmp_path: Path, unpacks: bool) -> None:
    assert LATE_BUNDLE == late_bundle.VARIABLE
    bundle = tmp_path / "executor-bundle"
    (bundle / "lib" / "executor").mkdir(parents=True)
    (bundle / "run").write_text(f'#!/bin/sh\necho "$0 ${LATE_BUNDLE}"\n')
    (bundle / "run").chmod(0o755)
    if unpacks:
        (bundle / "lib" / "executor" / "unpack.py").touch()
    with tarfile.open(tmp_path / "executor.tar.gz", "w:gz") as tar:
        tar.add(bundle, bundle.name)
    shutil.rmtree(bundle)
    found = {
        EXECUTOR: hashlib.sha256((tmp_path / "executor.tar.gz").read_bytes()).hexdigest(),
        CASSANDRA: make_bundle(tmp_path, "cassandra.tgz", "cassandra"),
    }
    ended = run(tmp_path, spec(Uri(EXECUTOR), Uri(CASSANDRA), command=DEFAULT_COMMAND), found)
    told = f"cassandra.tgz {found[CASSANDRA]}" if unpacks else ""
    assert (ended.returncode, ended.stdout) == (0, f"./executor-bundle/run {told}\n")
    assert {path.name for path in tmp_path.iterdir()} == {
        "executor-bundle",
        "cassandra.tgz" if unpacks else "cassandra",
    }


@pytest.mark.parametrize("changed", [EXECUTOR, CASSANDRA])
@pytest.mark.parametrize(
    "command", ["cat */said; exit 0", "set +e\ntrue || false; cat */said # last", "(cat */said) &"]
)
def test_nothing_of_another_bundle_is_unpacked_and_nothing_is_run(
    tmp_path: Path, digests: dict[str, str], changed: str, command: str
) -> None:
    name = bundle_name(changed)
    ended = run(tmp_path, spec(Uri(EXECUTOR), Uri(CASSANDRA), command=command), digests | {changed: OTHER})
    assert (ended.returncode, ended.stdout) == (REFUSED, "")
    assert ended.stderr == (
        f"The bundle {name} is refused: its SHA-256 is {digests[changed]}, but {OTHER} is expected.\n"
    )
    assert not (tmp_path / "cassandra").exists()
    assert (tmp_path / "executor-bundle").exists() == (changed == CASSANDRA)


@pytest.mark.parametrize("address", [EXECUTOR, CASSANDRA])
def test_a_bundle_that_is_broken_or_missing_runs_nothing(tmp_path: Path, digests: dict[str, str], address: str) -> None:
    (tmp_path / bundle_name(address)).write_bytes(b"no archive")
    executor = spec(Uri(EXECUTOR), Uri(CASSANDRA), command="echo runs")
    ended = run(tmp_path, executor, digests | {address: hashlib.sha256(b"no archive").hexdigest()})
    assert (ended.returncode, ended.stdout) == (1, "")
    (tmp_path / bundle_name(address)).unlink()
    ended = run(tmp_path, executor, digests)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert "cannot open" in ended.stderr


def test_other_archives_and_files(tmp_path: Path) -> None:
    jre, program = "https://files.example/jre%2017;x.zip?sig=a/b", "https://files.example/start"
    digest = make_bundle(tmp_path, bundle_name(jre), "jre")
    (tmp_path / "start").write_text("cat jre/said\n")
    found = {jre: digest, program: hashlib.sha256(b"cat jre/said\n").hexdigest()}
    ended = run(tmp_path, spec(Uri(jre), Uri(program), command=". ./start"), found)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "jre\n", "")


def test_without_digests_the_launch_is_that_of_earlier_versions() -> None:
    executor = spec(Uri(EXECUTOR, cache=False), Uri("/java.tar.gz", output_file="j.tar.gz"))
    assert build_command(executor, "nobody", {}) == {
        "shell": True,
        "value": executor.command,
        "uris": [
            {"value": EXECUTOR, "extract": True, "executable": False, "cache": False},
            {"value": "/java.tar.gz", "extract": True, "executable": False, "cache": True, "output_file": "j.tar.gz"},
        ],
        "environment": {"variables": []},
        "user": "nobody",
    }


@pytest.mark.parametrize(
    ("uri", "address"),
    [
        (Uri("https://h/a.tgz"), f"https://h/a.tgz?sha256={OTHER}"),
        (Uri("https://h/a.tgz", cache=False), "https://h/a.tgz"),
        (Uri("https://h/a.tgz?signature=x"), "https://h/a.tgz?signature=x"),
        (Uri("hdfs://h/a.tgz"), "hdfs://h/a.tgz"),
        (Uri("/srv/a.tgz"), "/srv/a.tgz"),
    ],
)
def test_the_fetcher_keeps_a_checked_bundle_packed_and_caches_it_by_its_digest(uri: Uri, address: str) -> None:
    (found,) = build_command(spec(uri), "", {uri.value: OTHER})["uris"]
    assert (found["value"], found["extract"], found["output_file"]) == (address, False, "a.tgz")


def test_a_launch_keeps_the_digest_of_an_address_that_is_no_longer_known() -> None:
    uris = (Uri("a"), Uri("b"), Uri("c"))
    assert digests_of(uris, {"a": "2", "x": "9"}, {"a": "1", "b": "1"}) == {"a": "2", "b": "1"}
