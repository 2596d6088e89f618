"""A sandbox with everything that a launch needs, and a stand-in for Java in it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from executor.cassandra.install import Surroundings
from executor.protocol import NodeLaunch, Ports
from tests.ports import free_port

ADDRESS = "127.0.2.9"


def make_launch(*jvm_options: str, **changes: Any) -> NodeLaunch:
    """Return a launch of node-0 that seeds itself, on free ports."""
    values: dict[str, Any] = {
        "node": "node-0",
        "cluster_name": "test",
        "configuration": "c0",
        "data_center": "dc1",
        "rack": "r1",
        "seeds": (),
        "self_seed": True,
        "heap_mb": 384,
        "ports": Ports(*(free_port(ADDRESS) for _ in range(4))),
        "java_home": "jre",
        "jvm_options": jvm_options,
    }
    return NodeLaunch(**{**values, **changes})


def make_sandbox(directory: Path) -> Path:
    """Bundle, volume and `jre/bin/java`."""
    for name in ("cassandra/lib", "cassandra/conf", "volume", "jre/bin"):
        (directory / name).mkdir(parents=True)
    for jar in ("jamm-0.4.0.jar", "jolokia-agent-jvm-2.4.0-javaagent.jar"):
        (directory / "cassandra/lib" / jar).touch()
    java = directory / "jre/bin/java"
    java.write_text(f'#!/bin/sh\nexec {sys.executable} -I {Path(__file__).with_name("stand_in_java.py")} "$@"\n')
    java.chmod(0o755)
    return directory


def surroundings(sandbox: Path) -> Surroundings:
    """Return surroundings with short time limits and none of the test's own environment."""
    return Surroundings(sandbox, ADDRESS, {"PATH": "/nowhere"}, volume_patience=2.0, port_patience=0.3)
