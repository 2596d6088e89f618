from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from executor.bundle import main
from executor.protocol import PROTOCOL_VERSION

MAVEN = """\
#!/bin/sh
for word; do case $word in -DoutputDirectory=*) out=${word#*=};; esac; done
mkdir -p "$out"
echo jar > "$out/some-1.0.jar"
echo called >> "$(dirname "$0")/calls"
"""
JAR_SHA256 = hashlib.sha256(b"jar\n").hexdigest()
LOCK = f"{JAR_SHA256}  some-1.0.jar  org.example:some:1.0\n"
POM = '<project xmlns="http://maven.apache.org/POM/4.0.0"><version>1.2.3</version></project>'


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    """The directory of poms, with a program in place of Maven beside it."""
    sources = tmp_path / "sources"
    for name in ("conf", "zookeeper"):
        (sources / name).mkdir(parents=True)
    (sources / "pom.xml").write_text(POM)
    (sources / "zookeeper/pom.xml").write_text(POM)
    (sources / "maven.lock").write_text(LOCK)
    (sources / "zookeeper/maven.lock").write_text(LOCK)
    (sources / "zookeeper/logback.xml").write_text("<configuration/>")
    (sources / "conf/jvm17.options").write_text("-ea\n")
    _maven(tmp_path, MAVEN)
    return sources


def _maven(directory: Path, script: str) -> None:
    (directory / "mvn").write_text(script)
    (directory / "mvn").chmod(0o755)


def unpack(tar: tarfile.TarFile, directory: Path) -> None:
    # Without a filter from Python 3.11.4 to 3.13 the method warns, and before it knows none.
    tar.extraction_filter = getattr(tarfile, "data_filter", None)
    tar.extractall(directory)


def _build(sources: Path, out: str, *names: str) -> int:
    directory = sources.parent
    options = ["--out", str(directory / out), "--maven", str(directory / "mvn"), "--sources", str(sources)]
    return main([*names, *options])


def _calls(sources: Path) -> int:
    path = sources.parent / "calls"
    return len(path.read_text().splitlines()) if path.exists() else 0


def test_all_bundles(sources: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _build(sources, "out") == 0
    out = sources.parent / "out"
    printed = capsys.readouterr().out.splitlines()
    assert printed == [str(out / name) for name in ("cassandra-1.2.3.tar.gz", "executor.tar.gz", "zookeeper")]
    with tarfile.open(out / "cassandra.tar.gz") as tar:
        assert {item.name for item in tar if item.isfile()} == {
            "cassandra/VERSION", "cassandra/conf/jvm17.options", "cassandra/lib/some-1.0.jar",
        }  # fmt: skip
    assert {path.name for path in (out / "zookeeper").iterdir()} == {"some-1.0.jar", "logback.xml"}


def test_the_same_inputs_give_the_same_bytes(sources: Path) -> None:
    for out in ("one", "two"):
        assert _build(sources, out, "cassandra", "executor") == 0
        for path in (sources.parent / "sources").rglob("*"):
            os.utime(path, (1, 1))
    for name in ("cassandra-1.2.3.tar.gz", "executor.tar.gz"):
        assert (sources.parent / "one" / name).read_bytes() == (sources.parent / "two" / name).read_bytes()
    # A process that has loaded other modules before.
    command = [sys.executable, "-m", "executor.bundle", "executor", "--out", str(sources.parent / "three")]
    subprocess.run(command, cwd=Path(__file__).parents[3], stdout=subprocess.DEVNULL, check=True)
    one, three = (sources.parent / name / "executor.tar.gz" for name in ("one", "three"))
    assert one.read_bytes() == three.read_bytes()


def test_what_is_up_to_date_is_not_built_again(sources: Path) -> None:
    for _ in range(2):
        assert _build(sources, "out") == 0
        assert _calls(sources) == 2
    (sources / "conf/jvm17.options").write_text("-da\n")
    assert _build(sources, "out") == 0
    assert _calls(sources) == 3
    (sources.parent / "out/cassandra-1.2.3.tar.gz").unlink()
    assert _build(sources, "out") == 0
    assert _calls(sources) == 4


@pytest.mark.parametrize(
    ("script", "words"),
    [("#!/bin/sh\necho 'no such artifact'; exit 1\n", "no such artifact"), ("#!/no/such\n", "Maven cannot be run")],
)
def test_a_failed_build_says_why_and_is_tried_again(
    sources: Path, capsys: pytest.CaptureFixture[str], script: str, words: str
) -> None:
    _maven(sources.parent, script)
    assert _build(sources, "out", "cassandra") == 1
    assert words in capsys.readouterr().err
    assert not (sources.parent / "out/cassandra-1.2.3.tar.gz").exists()
    _maven(sources.parent, MAVEN)
    assert _build(sources, "out", "cassandra") == 0


@pytest.mark.parametrize(("pom", "words"), [("<project/>", "has no version"), ("<", "cannot be read")])
def test_a_bad_pom(sources: Path, capsys: pytest.CaptureFixture[str], pom: str, words: str) -> None:
    (sources / "pom.xml").write_text(pom)
    assert _build(sources, "out", "cassandra") == 1
    assert words in capsys.readouterr().err


@pytest.mark.parametrize(
    ("lock", "words"),
    [
        (LOCK.replace(JAR_SHA256[:4], "0000"), f"some-1.0.jar has the SHA-256 {JAR_SHA256}, not 0000"),
        (LOCK.replace("some-1.0", "other-1.0"), "other-1.0.jar is missing; some-1.0.jar is not in the lock"),
        ("some-1.0.jar\n", "line 1 is not <sha256>  <jar>  <group:artifact:version>"),
        (None, "/sources/maven.lock"),
    ],
    ids=("another jar", "another name", "no lock", "no file"),
)
def test_other_jars_than_those_of_the_lock(
    sources: Path, capsys: pytest.CaptureFixture[str], lock: str | None, words: str
) -> None:
    path = sources / "maven.lock"
    path.unlink()
    if lock is not None:
        path.write_text(lock)
    assert _build(sources, "out", "cassandra") == 1
    assert words in capsys.readouterr().err
    assert not (sources.parent / "out/cassandra-1.2.3.tar.gz").exists()


def test_the_lists_of_what_is_in_the_bundles(sources: Path) -> None:
    assert _build(sources, "out", "cassandra", "executor") == 0
    out = sources.parent / "out"
    document = json.loads((out / "cassandra-1.2.3.cdx.json").read_text())
    digest = hashlib.sha256((out / "cassandra-1.2.3.tar.gz").read_bytes()).hexdigest()
    assert document["metadata"]["component"]["hashes"] == [{"alg": "SHA-256", "content": digest}]
    assert document["components"] == [
        {
            "type": "library",
            "bom-ref": "pkg:maven/org.example/some@1.0?type=jar",
            "group": "org.example",
            "name": "some",
            "version": "1.0",
            "purl": "pkg:maven/org.example/some@1.0?type=jar",
            "hashes": [{"alg": "SHA-256", "content": JAR_SHA256}],
        }
    ]
    document = json.loads((out / "executor.cdx.json").read_text())
    addresses = {item["purl"] for item in document["components"]}
    assert f"pkg:pypi/boto3@{importlib.metadata.version('boto3')}" in addresses
    # Another distribution has this name on the index.
    assert any(address.startswith("pkg:generic/cassandra-mesos/http-parser@") for address in addresses)
    # A list that was lost is made again.
    (out / "cassandra-1.2.3.cdx.json").unlink()
    assert _build(sources, "out", "cassandra") == 0
    assert (out / "cassandra-1.2.3.cdx.json").exists()


def test_two_builds_at_once_make_one(sources: Path) -> None:
    _maven(sources.parent, MAVEN + "sleep 0.5\n")
    directory = sources.parent
    command = [
        sys.executable, "-m", "executor.bundle", "cassandra", "--out", str(directory / "out"),
        "--maven", str(directory / "mvn"), "--sources", str(sources),
    ]  # fmt: skip
    builds = [subprocess.Popen(command, cwd=Path(__file__).parents[3], stdout=subprocess.PIPE) for _ in range(3)]
    outputs = [build.communicate(timeout=30)[0] for build in builds]
    assert [build.returncode for build in builds] == [0, 0, 0]
    assert len(set(outputs)) == 1
    assert _calls(sources) == 1


def test_an_unknown_bundle_is_refused(sources: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        _build(sources, "out", "kafka")
    assert "no such bundle: kafka" in capsys.readouterr().err


def test_the_executor_bundle_runs_without_this_environment(sources: Path, tmp_path: Path) -> None:
    assert _build(sources, "out", "executor") == 0
    with tarfile.open(tmp_path / "out/executor.tar.gz") as tar:
        unpack(tar, tmp_path / "sandbox")
    library = tmp_path / "sandbox/executor-bundle/lib"
    # What only jobs and TLS need stays packed: unpacking it would take longer than all else before the start.
    assert {path.name for path in library.iterdir() if not path.name.endswith(".dist-info")} == {
        "__pycache__", "executor", "pymesos", "addict", "six.py", "h11", "http_parser", "licenses",
    }  # fmt: skip
    assert {path.name for path in library.with_name("late").iterdir()} == {"cryptography.tar.gz", "jobs.tar.gz"}
    script = "import executor.program, executor.protocol as p; print(p.PROTOCOL_VERSION, p.__file__)"
    # Tens of megabytes, which only backups and restores are to take.
    script += "; assert not {'boto3', 'botocore', 'cassandra'} & sys.modules.keys()"
    command = [sys.executable, "-I", "-S", "-c", f"import sys; sys.path.insert(0, {str(library)!r}); {script}"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.stdout.split() == [str(PROTOCOL_VERSION), str(library / "executor/protocol.py")], ended.stderr


def test_a_start_compiles_nothing_that_the_bundle_has_compiled(sources: Path, tmp_path: Path) -> None:
    assert _build(sources, "out", "executor") == 0
    with tarfile.open(tmp_path / "out/executor.tar.gz") as tar:
        unpack(tar, tmp_path)
    library = tmp_path / "executor-bundle/lib"
    with (library / "executor/program.py").open("a") as file:
        file.write("raise SystemExit('compiled from its source')\n")
    script = (
        f"import sys; sys.path.insert(0, {str(library)!r}); sys.dont_write_bytecode = True\n"
        "from pathlib import Path\n"
        "if sys.argv[1:]: sys.implementation.cache_tag = sys.argv[1]\n"
        "import executor.program\n"
        "assert executor.program.main.__code__.co_filename == executor.program.__file__\n"
        f"library = {str(library)!r}\n"
        "own = [found for found in sys.modules.values() if str(getattr(found, '__file__', '')).startswith(library)]\n"
        "print(len(own), *(module.__name__ for module in own if not Path(module.__cached__).exists()))\n"
    )
    command = [sys.executable, "-I", "-S", "-c", script]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert int(ended.stdout) > 70, ended.stderr
    other = subprocess.run([*command, "cpython-399"], capture_output=True, text=True, check=False)
    assert other.stderr == "compiled from its source\n"


def test_a_job_finds_its_libraries_in_the_bundle(sources: Path, tmp_path: Path) -> None:
    """S3, CQL and zstd, by the interpreter alone."""
    assert _build(sources, "out", "executor") == 0
    with tarfile.open(tmp_path / "out/executor.tar.gz") as tar:
        unpack(tar, tmp_path)
    library = tmp_path / "executor-bundle/lib"
    script = (
        f"import sys; sys.path.insert(0, {str(library)!r})\n"
        "from executor import late_libraries; late_libraries.install()\n"
        "import boto3, cassandra.cluster, executor.jobs.table_jobs\n"
        "client = boto3.session.Session().client('s3', region_name='eu-west-1')\n"
        "print(client.meta.endpoint_url, cassandra.cluster.DefaultConnection.__name__)\n"
        "paths = {module.__file__ for name, module in sys.modules.items() if name in ('boto3', 'cassandra.cluster')}\n"
        f"assert all(path.startswith({str(library.with_name('late') / 'jobs')!r}) for path in paths), paths\n"
        "import os; assert not os.path.exists(os.path.join(late_libraries.__file__, '../../../late/cryptography'))\n"
        "import cryptography.hazmat.primitives.ciphers.aead, asyncore, importlib.metadata\n"
        "assert asyncore.__path__[0] == os.path.join(os.path.dirname(boto3.__path__[0]), 'asyncore'), asyncore\n"
        "assert importlib.metadata.version('boto3') == boto3.__version__\n"
        "if sys.version_info < (3, 14): import backports.zstd\n"
    )
    base = getattr(sys, "_base_executable", sys.executable)  # without the packages of the virtual environment
    done = subprocess.run([base, "-I", "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["https://s3.eu-west-1.amazonaws.com", "AsyncoreConnection"]


@pytest.mark.parametrize(
    ("environ", "code", "words"),
    [
        ({}, 2, "MESOS_AGENT_ENDPOINT is not set"),
        ({"EXECUTOR_PYTHON": "/no/such"}, 2, "MESOS_AGENT_ENDPOINT is not set"),
    ],
)
def test_run_finds_a_python(sources: Path, environ: dict[str, str], code: int, words: str) -> None:
    assert _build(sources, "out", "executor") == 0
    with tarfile.open(sources.parent / "out/executor.tar.gz") as tar:
        unpack(tar, sources.parent)
    path = f"{Path(sys.executable).parent}:/usr/bin:/bin"
    run = sources.parent / "executor-bundle/run"
    ended = subprocess.run([run], env={"PATH": path, **environ}, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr.startswith(words)) == (code, True), ended.stderr


def test_run_says_that_there_is_no_python(sources: Path) -> None:
    old = sources.parent / "bin"
    old.mkdir()
    (old / "python3").write_text("#!/bin/sh\nexit 1\n")
    (old / "python3").chmod(0o755)
    script = Path(__file__).parents[3] / "executor/run.sh"
    # The fixed places of Python are left out, as this host may have one there.
    text = script.read_text().replace("/usr/bin/python", "/nowhere/python").replace("/usr/local/bin", "/nowhere")
    command = f"dirname() {{ echo .; }}\n{text}"
    ended = subprocess.run(
        ["/bin/sh", "-c", command], env={"PATH": str(old)}, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 127
    assert ended.stderr.startswith("The executor needs Python 3.11 or newer")
