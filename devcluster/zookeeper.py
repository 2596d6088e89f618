"""A real ZooKeeper server, standalone, on one loopback port."""

from __future__ import annotations

import socket
from pathlib import Path

from devcluster.layout import Address

_MAIN = "org.apache.zookeeper.server.quorum.QuorumPeerMain"


def configuration(address: Address, directory: Path) -> str:
    """Return zoo.cfg: client port on one address, no admin server, short sessions so that failures show early."""
    return "\n".join(
        [
            "tickTime=500",
            f"dataDir={directory / 'data'}",
            f"clientPort={address.port}",
            f"clientPortAddress={address.host}",
            "maxClientCnxns=0",
            "minSessionTimeout=1000",
            "maxSessionTimeout=60000",
            "admin.enableServer=false",
            "autopurge.snapRetainCount=3",
            "autopurge.purgeInterval=1",
            "4lw.commands.whitelist=ruok,srvr",
            "",
        ]
    )


def tls_configuration(address: Address, certificate: Path) -> str:
    """Return more lines of zoo.cfg: a second port with TLS. The file holds the private key before the certificate."""
    return "\n".join(
        [
            f"secureClientPort={address.port}",
            f"secureClientPortAddress={address.host}",
            "serverCnxnFactory=org.apache.zookeeper.server.NettyServerCnxnFactory",
            f"ssl.keyStore.location={certificate}",
            "ssl.clientAuth=none",
            "",
        ]
    )


def prepare(java: Path, jars: Path, address: Address, directory: Path, more: str = "") -> list[str]:
    """Write the configuration, with `more` lines; return the command that runs the server from the jars in `jars`."""
    settings = directory / "conf"
    settings.mkdir(parents=True, exist_ok=True)
    (directory / "data").mkdir(exist_ok=True)
    (settings / "zoo.cfg").write_text(configuration(address, directory) + more)
    return [
        str(java),
        "-Xmx128m",
        "-XX:+UseSerialGC",
        "-XX:TieredStopAtLevel=1",
        "-Dzookeeper.jmx.log4j.disable=true",
        "-cp",
        f"{jars}:{jars}/*",
        _MAIN,
        str(settings / "zoo.cfg"),
    ]


def is_serving(address: Address) -> bool:
    """Return whether the server serves clients. `ruok` is answered earlier than they are."""
    try:
        with socket.create_connection((address.host, address.port), timeout=2.0) as connection:
            connection.sendall(b"srvr")
            return connection.recv(32).startswith(b"Zookeeper version")
    except OSError:
        return False
