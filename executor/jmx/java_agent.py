"""Our MBeans in a running Cassandra: their agent is loaded when a job first needs one of them."""

from __future__ import annotations

from pathlib import Path

from executor.jmx import agent_jar
from executor.jmx.jolokia import Attribute, Jolokia, JolokiaError

_DIAGNOSTICS = "com.sun.management:type=DiagnosticCommand"
_CLASS_PATH = Attribute("java.lang:type=Runtime", "ClassPath")
_SECONDS = 60.0


class NoAgentError(JolokiaError):
    """The running bundle has no agent of ours, or an older one without the MBean."""


def mbean(name: str) -> str:
    """Return the full name of one of our MBeans, as `Agent.java` registers it."""
    return f"mesos.cassandra:type={name}"


def attach(jolokia: Jolokia, name: str) -> str:
    """Load the agent if needed, and return the full name of one of our MBeans. Raises NoAgentError, JolokiaError."""
    wanted = mbean(name)
    if is_there(jolokia, wanted):
        return wanted
    paths = str(jolokia.read([_CLASS_PATH], _SECONDS).get(_CLASS_PATH, "")).split(":")
    jar = next((path for path in paths if Path(path).name == agent_jar.NAME), None)
    if jar is None:
        raise NoAgentError(f"the Cassandra bundle has no {agent_jar.NAME}")
    jolokia.execute(_DIAGNOSTICS, "jvmtiAgentLoad", [[jar]], _SECONDS)
    if not is_there(jolokia, wanted):
        text = f"the {agent_jar.NAME} of this node's Cassandra bundle has no {name}: it is too old; update the bundle"
        raise NoAgentError(text)
    return wanted


def is_there(jolokia: Jolokia, mbean: str) -> bool:
    """Return whether an MBean is registered. Raises JolokiaError."""
    return bool(jolokia.search(mbean, _SECONDS))
