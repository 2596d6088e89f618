"""Build the bundles for agents and the local cluster: `python -m executor.bundle [NAME…] --out DIR [--maven mvn]`.

- cassandra: `cassandra-<version>.tar.gz` (and a link cassandra.tar.gz) with `cassandra/`: lib, conf and VERSION
- executor: `executor.tar.gz` with the directory `executor-bundle/`: run, in lib this package and what its start
  imports, and archives of what it imports later
- python: `python.tar.gz` with the directory `python/`, for agents without Python; made only if it is named
- zookeeper: the directory `zookeeper/` with the jars of a ZooKeeper server and a logback.xml

The jars must be those of maven.lock beside each pom.xml. Beside an archive is the list of what it holds, as CycloneDX
JSON. The same inputs give the same bytes. A bundle that is up to date is not built again. Standard library only.
"""

from __future__ import annotations

import argparse
import fcntl
import gzip
import hashlib
import importlib.metadata
import importlib.util
import io
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from executor import bytecode, late_libraries, maven_lock, python_files, sbom
from executor.jmx import agent_jar
from executor.late_libraries import ARCHIVE_OF, LATE

HERE = Path(__file__).resolve().parent
# Modules that the executor imports, with their distributions: the bundle contains their licences.
_MODULES = {
    "pymesos": "pymesos",
    "addict": "addict",
    "six": "six",
    "h11": "h11",
    "http_parser": "http-parser",
    "boto3": "boto3",
    "botocore": "botocore",
    "s3transfer": "s3transfer",
    "jmespath": "jmespath",
    "dateutil": "python-dateutil",
    "urllib3": "urllib3",
    "cassandra": "cassandra-driver",
    "geomet": "geomet",
    "backports.zstd": "backports.zstd",
    "cryptography": "cryptography",
    "_cffi_backend": "cffi",
}
# The event loop of cassandra-driver without its compiled parts. Python 3.12 removed the module from its library, and
# the older one refuses to run under a later Python. So the bundle always contains this one.
_ASYNCORE = "pyasyncore"
# This project's own: see compat/http-parser.
_OWN = "http-parser"
# Part of Python's own library since 3.14, and not installed there.
_BELOW_3_14 = "backports.zstd"
# Data files besides Python's: of botocore's service descriptions only S3's and those of the sources of credentials.
_DATA = {
    "botocore": (
        "cacert.pem", "data/_retry.json", "data/endpoints.json", "data/partitions.json",
        "data/sdk-default-configuration.json", "data/s3/**/*", "data/sts/**/*", "data/sso/**/*", "data/sso-oidc/**/*",
    ),
    # Compiled for the Python that builds the bundle; with another minor version, backups and restores fail.
    "backports.zstd": ("*.so",),
    # OpenSSL, for every Python from 3.11 on; only its _cffi_backend is compiled for one minor version.
    "cryptography": ("hazmat/bindings/*.so",),
}  # fmt: skip
_RECIPE = 7  # increase it when this module builds something else from the same inputs


class BundleError(Exception):
    """A bundle cannot be built; the text gives the cause."""


@dataclass(frozen=True)
class Builder:
    """A builder of bundles.

    `out` is the directory to write to, `sources` that with pom.xml, conf and zookeeper, `maven` the program to run.
    """

    out: Path
    sources: Path
    maven: str

    def cassandra(self) -> Path:
        """Build the Cassandra bundle and return its archive. Raises BundleError, OSError."""
        pom = self.sources / "pom.xml"
        version = _version(pom)
        archive = self.out / f"cassandra-{version}.tar.gz"
        java = _files(self.sources / "java", "java")
        lock = self.sources / maven_lock.NAME
        inputs = {"pom.xml": pom, lock.name: lock, **_files(self.sources / "conf", "conf"), **java}

        def make() -> None:
            with tempfile.TemporaryDirectory(dir=self.out) as scratch:
                self._jars(pom, Path(scratch))
                if java:
                    _agent(self.sources / "java", Path(scratch))
                files = {f"cassandra/{name}": path for name, path in _files(Path(scratch), "lib").items()}
                files |= {f"cassandra/{name}": path for name, path in _files(self.sources / "conf", "conf").items()}
                # Jars are compressed already: another pass saves 7 %, and each launch would unpack it more slowly.
                _archive(archive, files, {"cassandra/VERSION": f"{version}\n".encode()}, level=0)
            sbom.write(archive, version, map(sbom.jar, maven_lock.read(lock).values()))
            link = self.out / "cassandra.tar.gz"
            link.unlink(missing_ok=True)
            link.symlink_to(archive.name)

        return self._built(archive, inputs, make)

    def executor(self) -> Path:
        """Build the executor bundle and return its archive. Raises BundleError, OSError."""
        parts = _executor_files()
        files = {f"executor-bundle/lib/{name}": path for name, path in parts.pop("").items()}
        files["executor-bundle/run"] = HERE / "run.sh"
        archive = self.out / "executor.tar.gz"

        def make() -> None:
            made = bytecode.compiled(files)
            for part, late in parts.items():
                made[f"executor-bundle/{late_libraries.DIRECTORY}/{part}.tar.gz"] = self._packed(late)
            _archive(archive, files, made)
            sbom.write(archive, importlib.metadata.version("cassandra-mesos"), _components())

        inputs = {f"{part}/{name}": path for part, late in parts.items() for name, path in late.items()}
        return self._built(archive, files | inputs, make)

    def _packed(self, files: Mapping[str, Path]) -> bytes:
        with tempfile.TemporaryDirectory(dir=self.out) as scratch:
            archive = Path(scratch) / "late.tar.gz"
            _archive(archive, files, {})
            return archive.read_bytes()

    def python(self) -> Path:
        """Pack the running Python and return its archive. Raises PythonError, OSError."""
        compiled = [path for part in _executor_files().values() for path in part.values() if path.suffix == ".so"]
        contents = python_files.collect(compiled)
        files = {name: content for name, content in contents.items() if isinstance(content, Path)}
        made = {name: content for name, content in contents.items() if isinstance(content, bytes)}
        archive = self.out / "python.tar.gz"
        return self._built(archive, files, lambda: _archive(archive, files, made), listed=False)

    def zookeeper(self) -> Path:
        """Copy the jars of a ZooKeeper server and return their directory. Raises BundleError, OSError."""
        pom, logback = self.sources / "zookeeper" / "pom.xml", self.sources / "zookeeper" / "logback.xml"
        jars = self.out / "zookeeper"

        def make() -> None:
            shutil.rmtree(jars, ignore_errors=True)
            jars.mkdir()
            self._jars(pom, jars)
            shutil.copyfile(logback, jars / "logback.xml")

        lock = pom.with_name(maven_lock.NAME)
        return self._built(jars, {"pom.xml": pom, lock.name: lock, "logback.xml": logback}, make)

    def lock(self, pom: Path) -> str:
        """Return the lock for the jars that Maven gets for a pom. Raises BundleError, LockError, OSError."""
        with tempfile.TemporaryDirectory(dir=self.out) as scratch:
            listed = Path(scratch) / "list"
            self._maven(pom, "dependency:list", f"-DoutputFile={listed}")
            self._maven(pom, "dependency:copy-dependencies", f"-DoutputDirectory={scratch}")
            return maven_lock.make(listed.read_text(), Path(scratch).glob("*.jar"))

    def _jars(self, pom: Path, target: Path) -> None:
        wanted = maven_lock.read(pom.with_name(maven_lock.NAME))
        self._maven(pom, "dependency:copy-dependencies", f"-DoutputDirectory={target}")
        maven_lock.check(target, wanted)

    def _maven(self, pom: Path, *words: str) -> None:
        # With wrong checksums of the repository itself Maven would only warn.
        command = [self.maven, "-q", "-B", "--strict-checksums", "-f", str(pom), *words]
        try:
            ended = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
        except OSError as error:
            raise BundleError(f"Maven cannot be run: {self.maven}: {error.strerror}") from error
        if ended.returncode != 0:
            raise BundleError(f"Maven failed for {pom}:\n{(ended.stdout + ended.stderr).strip()[-4000:]}")

    def _built(self, target: Path, inputs: Mapping[str, Path], make: Callable[[], None], listed: bool = True) -> Path:
        """Make the target unless it is up to date. `listed`: a list of what it holds is beside the archive."""
        stamp, wanted = self.out / f".{target.name}.inputs", _hash(inputs)
        # Another process can build the same bundle at this moment: a local cluster, or a run of the tests.
        with (self.out / f".{target.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            whole = target.exists() and (target.is_dir() or not listed or sbom.path_of(target).exists())
            if whole and stamp.exists() and stamp.read_text() == wanted:
                return target
            stamp.unlink(missing_ok=True)
            make()
            stamp.write_text(wanted)
        return target


def _agent(sources: Path, library: Path) -> None:
    try:
        agent_jar.build(sources, library, library / agent_jar.NAME)
    except agent_jar.CompileError as error:
        raise BundleError(str(error)) from error


def _version(pom: Path) -> str:
    try:
        found = ElementTree.parse(pom).findtext("{http://maven.apache.org/POM/4.0.0}version")
    except (OSError, ElementTree.ParseError) as error:
        raise BundleError(f"{pom} cannot be read: {error}") from error
    if found is None:
        raise BundleError(f"{pom} has no version")
    return found


def _executor_files() -> dict[str, dict[str, Path]]:
    """Return the files of each archive of `late_libraries`, and under "" those of `lib`, by their path in it."""
    parts: dict[str, dict[str, Path]] = {"": _python_files(HERE, "executor"), **{name: {} for name in LATE}}
    for module, distribution in _MODULES.items():
        if module == _BELOW_3_14 and sys.version_info >= (3, 14):
            continue
        spec = importlib.util.find_spec(module)
        if spec is None or spec.origin is None:
            raise BundleError(f"the Python module {module} is not installed here; it is part of the executor bundle")
        files = parts[ARCHIVE_OF.get(module.partition(".")[0], "")]
        if spec.submodule_search_locations:
            files |= _module_files(Path(spec.origin).parent, module)
        else:
            files[Path(spec.origin).name] = Path(spec.origin)
        files |= {f"licenses/{distribution}/{path.name}": path for path in _licenses(distribution)}
        files |= _metadata(distribution)
    parts[ARCHIVE_OF["asyncore"]] |= _asyncore()
    return parts


def _components() -> Iterator[dict[str, Any]]:
    """Yield what the executor bundle holds beside this package."""
    for name in (*dict.fromkeys(_MODULES.values()), _ASYNCORE):
        if (component := sbom.distribution(name, published=name != _OWN)) is not None:
            yield component


def _asyncore() -> dict[str, Path]:
    try:
        directory = Path(str(importlib.metadata.distribution(_ASYNCORE).locate_file("asyncore")))
    except importlib.metadata.PackageNotFoundError as error:
        raise BundleError(
            f"the distribution {_ASYNCORE} is not installed here; it is part of the executor bundle"
        ) from error
    licenses = {f"licenses/{_ASYNCORE}/{path.name}": path for path in _licenses(_ASYNCORE)}
    return _python_files(directory, "asyncore") | licenses


def _module_files(directory: Path, module: str) -> dict[str, Path]:
    prefix = module.replace(".", "/")
    data = {
        f"{prefix}/{path.relative_to(directory).as_posix()}": path
        for pattern in _DATA.get(module, ())
        for path in directory.glob(pattern)
        if path.is_file()
    }
    return _python_files(directory, prefix) | data


def _python_files(directory: Path, prefix: str) -> dict[str, Path]:
    return {name: path for name, path in _files(directory, prefix).items() if path.suffix == ".py"}


def _metadata(distribution: str) -> dict[str, Path]:
    """Return the files that name the installed version: some packages query their own."""
    try:
        items = importlib.metadata.files(distribution) or []
    except importlib.metadata.PackageNotFoundError:
        return {}
    return {item.as_posix(): Path(str(item.locate())) for item in items if item.match("*.dist-info/METADATA")}


def _licenses(distribution: str) -> Iterator[Path]:
    try:
        files = importlib.metadata.files(distribution) or []
    except importlib.metadata.PackageNotFoundError:
        return
    for item in files:
        if item.name.upper().startswith(("LICENSE", "COPYING", "NOTICE")):
            yield Path(str(item.locate()))


def _files(directory: Path, prefix: str) -> dict[str, Path]:
    """Return all files under a directory by their path, with `prefix` in place of the directory's."""
    found = (path for path in sorted(directory.rglob("*")) if path.is_file() and "__pycache__" not in path.parts)
    return {f"{prefix}/{path.relative_to(directory).as_posix()}": path for path in found}


def _hash(inputs: Mapping[str, Path]) -> str:
    digest = hashlib.sha256(f"{_RECIPE}\n".encode())
    for name, path in sorted(inputs.items()):
        digest.update(f"{name}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return digest.hexdigest()


def _archive(target: Path, files: Mapping[str, Path], made: Mapping[str, bytes], level: int = 1) -> None:
    """Write a tar archive that depends on names and contents alone, and rename it once it is whole."""
    contents: dict[str, Path | bytes] = {**files, **made}
    partial = target.with_name(f"{target.name}.partial")
    with (
        partial.open("wb") as raw,
        gzip.GzipFile(filename="", mode="wb", fileobj=raw, compresslevel=level, mtime=0) as compressed,
        tarfile.open(fileobj=compressed, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        for directory in _directories(contents):
            tar.addfile(_entry(directory, tarfile.DIRTYPE, 0o755, 0))
        for name, content in sorted(contents.items()):
            data = content.read_bytes() if isinstance(content, Path) else content
            mode = 0o755 if name.endswith("/run") or name.startswith(f"{python_files.PREFIX}/bin/") else 0o644
            tar.addfile(_entry(name, tarfile.REGTYPE, mode, len(data)), io.BytesIO(data))
    partial.replace(target)


def _directories(names: Iterable[str]) -> list[str]:
    return sorted({str(parent) for name in names for parent in Path(name).parents if str(parent) != "."})


def _entry(name: str, kind: bytes, mode: int, size: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.type, entry.mode, entry.size, entry.mtime = kind, mode, size, 0
    return entry


def main(arguments: list[str] | None = None) -> int:
    """Run the command line: print the path of each bundle; on failure the cause on stderr, and return 1."""
    parser = argparse.ArgumentParser(prog="python -m executor.bundle", description=__doc__.partition("\n")[0])
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help="cassandra, executor, zookeeper (default: these), python"
    )
    parser.add_argument(
        "--out", "--output", type=Path, required=True, metavar="DIR", help="where the bundles are written"
    )
    maven = os.environ.get("MAVEN", "mvn")
    parser.add_argument("--maven", default=maven, metavar="PROGRAM", help="default: $MAVEN, or mvn")
    sources = HERE.parent / "cassandra"
    parser.add_argument(
        "--sources", type=Path, default=sources, metavar="DIR", help="pom files, locks and Java sources"
    )
    given = parser.parse_args(arguments)
    out: Path = given.out.resolve()
    builder = Builder(out, given.sources, given.maven)
    usual = {"cassandra": builder.cassandra, "executor": builder.executor, "zookeeper": builder.zookeeper}
    builds = {**usual, "python": builder.python}
    if unknown := set(given.names) - builds.keys():
        parser.error(f"no such bundle: {', '.join(sorted(unknown))}")
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name in given.names or usual:
            sys.stdout.write(f"{builds[name]()}\n")
    except (BundleError, bytecode.BytecodeError, maven_lock.LockError, python_files.PythonError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
