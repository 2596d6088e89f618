"""The command line of one Cassandra process: pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from executor.jmx.jolokia import Jolokia
from executor.protocol import NodeLaunch

OPTIONS_FILE = "jvm17.options"
MAIN_CLASS = "org.apache.cassandra.service.CassandraDaemon"

_G1 = (
    "-XX:+UseG1GC",
    "-XX:+ParallelRefProcEnabled",
    "-XX:MaxGCPauseMillis=300",
    "-XX:InitiatingHeapOccupancyPercent=70",
    "-XX:G1RSetUpdatingPauseTimePercent=5",
    "-XX:MaxTenuringThreshold=2",
    # Claims the heap at the start: a lack of memory shows now, not under load.
    "-XX:+AlwaysPreTouch",
)
_SERIAL = ("-XX:+UseSerialGC",)
# With this class' assertions, the scrub of Cassandra 5.0.8 cannot continue after a block that it cannot decompress: it
# drops the rest of the SSTable. Without them it loses the block alone.
_SCRUB = "-da:org.apache.cassandra.io.util.WrappingRebufferer"


@dataclass(frozen=True)
class Files:
    """The absolute paths in the command line. Cassandra runs in the sandbox."""

    sandbox: Path
    java: Path
    jars: tuple[Path, ...]  # third-party jars, all below the sandbox
    own_jars: tuple[Path, ...]  # this repository's, which change while the others stay the same
    bundle_conf: Path
    conf: Path  # the rendered cassandra.yaml and rackdc file
    logs: Path
    tmp: Path
    volume: Path
    jamm: Path
    jolokia: Path

    @property
    def yaml(self) -> Path:
        """Return the path of cassandra.yaml."""
        return self.conf / "cassandra.yaml"

    @property
    def jolokia_properties(self) -> Path:
        """Return the path of Jolokia's configuration."""
        return self.conf / "jolokia.properties"

    @property
    def jolokia_policy(self) -> Path:
        """Return the file with what may be called."""
        return self.conf / "jolokia-access.xml"


def command(launch: NodeLaunch, files: Files, kept: Sequence[str] = ()) -> list[str]:
    """Return the program and its arguments. They hold no secret, since any user can read them.

    Args:
        launch: The node's launch.
        files: The paths of the launch.
        kept: Options that use the start cache.
    """
    return [
        str(files.java),
        f"@{files.bundle_conf / OPTIONS_FILE}",
        _SCRUB,
        *heap(launch),
        f"-javaagent:{files.jamm}",
        f"-javaagent:{files.jolokia}=config={files.jolokia_properties}",
        *_properties(launch, files),
        *kept,
        *launch.jvm_options,
        "-cp",
        ":".join((jar_path(files), *map(str, (*files.own_jars, files.conf, files.bundle_conf)))),
        MAIN_CLASS,
    ]


def jar_path(files: Files) -> str:
    """Return the part of the class path that a class archive covers: jars alone, with the same names in any sandbox.

    Java requires the archive's class path to be a prefix of its own, character by character.
    """
    return ":".join(str(jar.relative_to(files.sandbox)) for jar in files.jars)


def heap(launch: NodeLaunch) -> list[str]:
    """Return the options for the heap's size and the collector."""
    size = [f"-Xms{launch.heap_mb}M", f"-Xmx{launch.heap_mb}M"]
    if launch.gc == "SERIAL":
        young = [] if launch.heap_new_mb is None else [f"-Xmn{launch.heap_new_mb}M"]
        return [*size, *young, *_SERIAL]
    # G1 sizes the young generation itself; a fixed size defeats its pause target.
    return [*size, *_G1]


def _properties(launch: NodeLaunch, files: Files) -> list[str]:
    properties = {
        "cassandra.config": files.yaml.as_uri(),
        "cassandra.storagedir": str(files.volume),
        "cassandra.logdir": str(files.logs),
        "logback.configurationFile": (files.bundle_conf / "logback.xml").as_uri(),
        # Native libraries are unpacked and loaded from here; /tmp is often mounted noexec.
        "java.io.tmpdir": str(files.tmp),
        # Of Jolokia's server: seconds until a request has come whole. Those that never end would hold all its threads.
        "sun.net.httpserver.maxReqTime": "10",
        # Of a join that was interrupted: Cassandra remembers which ranges it has got, but not what was written to them
        # since. By default it refuses to go on, or leaves them out without a word. A member has no use for this.
        "cassandra.reset_bootstrap_progress": "true",
    }
    if launch.replace_address is not None:
        properties["cassandra.replace_address_first_boot"] = launch.replace_address
    return [f"-D{name}={value}" for name, value in properties.items()]


def jolokia_properties(jolokia: Jolokia, policy: Path) -> str:
    """Return the configuration of the Jolokia agent: its address, its user and password, and what may be called.

    A call of a maintenance job occupies a thread as long as Cassandra works on it, also after the job has ended. The
    status poller must never wait for such a call, so there are several threads.
    """
    return (
        f"host={jolokia.address}\nport={jolokia.port}\nuser={jolokia.user}\npassword={jolokia.password}\n"
        f"policyLocation={policy.as_uri()}\n"
        "discoveryEnabled=false\nexecutor=fixed\nthreadNr=16\nbacklog=16\n"
        # It connects to any RMI server that a request names, and loads what that sends.
        "disabledServices=org.jolokia.service.jsr160.Jsr160RequestHandler\n"
    )
