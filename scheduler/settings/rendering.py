"""Pure rendering of docs/configuration.md and marathon.json from the table of settings."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from scheduler import __version__
from scheduler.settings.cassandra_keys import KINDS
from scheduler.settings.cassandra_options import OPTIONS, OWNED, REMOVED
from scheduler.settings.retired import RETIRED
from scheduler.settings.setting import Setting
from scheduler.settings.table import SECTIONS

IMAGE = "cassandra-mesos"

FILES = "/etc/cassandra-mesos"
_HTTPS = {"API_CERTIFICATE_FILE": "api.pem", "API_KEY_FILE": "api-key.pem"}

_ROWS = {setting.name: setting for rows in SECTIONS.values() for setting in rows}

_INTRODUCTION = """\
# Configuration

<!-- Written by `python -m scheduler.settings --write` from the tables in scheduler/settings; do not edit. -->

Every setting is an environment variable of the scheduler. An empty one counts as unset. The scheduler reads them once,
at its start. There are two ways to change a setting:

- Restart the scheduler with the new environment.
- Override it [through the API](operations/settings.md). This works for options of cassandra.yaml and the sections
  Cluster, Cassandra, Executor and Security. It does not work for files, nor for settings that decide [which code runs
  on the agents](security.md#code-comes-from-the-environment).

Settings of nodes become a new target configuration, if a running cluster can adopt the change.

The scheduler reports all problems together, each in one sentence, and does not start:

- unknown names that begin with `CASSANDRA_`, `CLUSTER_TASK_`, `EXECUTOR_`, `SECURITY_` or `SERVICE_`, and names that
  look like a misspelt setting; those of the command line (`CASSANDRA_MESOS_…`) do not count;
- wrong types and values out of range;
- settings that contradict each other: seeds and nodes, heap and memory, two equal ports;
- files that cannot be read, and missing bundles.

`python -m scheduler.settings --check` reports the same without a start.
"""

_YAML = """\
## More keys of cassandra.yaml

`CASSANDRA_YAML` holds YAML itself, `CASSANDRA_YAML_FILE` the path of a file with YAML. Both can be set, for different
keys. The scheduler refuses, with its line:

- a key that Cassandra 5.0.8 does not have, and a key of an earlier version;
- a value of the wrong kind;
- a key that one of the settings above also sets, if that setting is set;
- a password or a private key: everyone who can read Mesos' state can read a node's launch.

```
CASSANDRA_YAML='
native_transport_idle_timeout: 10m
audit_logging_options:
  enabled: true
'
```

The service sets these keys itself:

| Key | Reason, and what to use |
|---|---|
"""

_RETIRED = """\
## Settings of the original service without effect

An application definition of the original service still starts. These names are accepted with a warning if they have the
accepted value (`any`: every value), and refused otherwise.

| Setting | Accepted value | Reason |
|---|---|---|
"""


def configuration() -> str:
    """Return docs/configuration.md."""
    parts = [_INTRODUCTION]
    for title, rows in SECTIONS.items():
        parts.append(f"## {title}\n\n" + _table(("Setting", "Default", "Rule", "Meaning"), map(_row, rows)))
    parts.append(_options())
    owned = "".join(f"| `{key}` | {reason} |\n" for key, reason in sorted(OWNED.items()))
    retired = "".join(_retired(name, *row) for name, row in sorted({**RETIRED, **REMOVED}.items()))
    return "\n".join([*parts, _YAML + owned, _RETIRED + retired])


def _options() -> str:
    rows = ((f"`{row.name}`", f"`{row.default}`" if row.default else "Cassandra's", row.sentence) for row in OPTIONS)
    introduction = (
        "## cassandra.yaml\n\nThe original service's settings of cassandra.yaml, with the keys and units of "
        f"Cassandra 5.0. They are {len(OPTIONS)} of its {len(KINDS)} keys; the others are below.\n\n"
    )
    return introduction + _table(("Setting", "Default", "Meaning"), rows)


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "".join("|" + "|".join(f" {_cell(cell)} " for cell in line) + "|\n" for line in lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _row(setting: Setting) -> tuple[str, ...]:
    default = setting.derived or (f"`{setting.default}`" if setting.default else "unset")
    return f"`{setting.name}`", default, _rule(setting), setting.sentence


def _rule(setting: Setting) -> str:
    if setting.words:
        return "one of " + ", ".join(f"`{word}`" for word in setting.words)
    kind = {"integer": "whole number", "boolean": "`true` or `false`"}.get(setting.kind, setting.kind)
    low, high = setting.minimum, setting.maximum
    if low is not None and high is not None:
        return f"{kind}, {low:g} to {high:.0f}"
    return f"{kind}, at least {low:g}" if low is not None else kind


def _retired(name: str, accepted: tuple[str, ...] | None, reason: str) -> str:
    values = "any" if accepted is None else ", ".join(f"`{value}`" for value in accepted if value) or "none"
    return f"| `{name}` | {values} | {reason} |\n"


def marathon() -> str:
    """Return marathon.json, an application definition for one scheduler behind the admin router of DC/OS."""
    return json.dumps(_application(), indent=2) + "\n"


def plain_marathon() -> str:
    """Return the definition for a Marathon without DC/OS: tokens instead of a router, and addresses of its own."""
    application = _application()
    labels = {name: value for name, value in application["labels"].items() if not name.startswith("DCOS_")}
    environment = {name: value for name, value in application["env"].items() if name != "API_TRUST_ROUTER"}
    return json.dumps({**_with_folder(application), "env": environment | _PLAIN, "labels": labels}, indent=2) + "\n"


def marathon_https() -> str:
    """Return marathon-https.json: the same scheduler with HTTPS, whose files are in a folder of the agent."""
    application = _application()
    changes = {
        "env": {**application["env"], **{name: f"{FILES}/{file}" for name, file in _HTTPS.items()}},
        "labels": {**application["labels"], "DCOS_SERVICE_SCHEME": "https"},
        "healthChecks": [{**_HEALTH_CHECK, "protocol": "MESOS_HTTPS"}],
    }
    return json.dumps({**_with_folder(application), **changes}, indent=2) + "\n"


def _with_folder(application: Mapping[str, Any]) -> Mapping[str, Any]:
    folder = {"containerPath": FILES, "hostPath": FILES, "mode": "RO"}
    return {**application, "container": {**application["container"], "volumes": [folder]}}


_SERVERS = "zookeeper-1.example:2181,zookeeper-2.example:2181,zookeeper-3.example:2181"
_PLAIN = {
    "ZOOKEEPER_SERVERS": _SERVERS,
    "MESOS_SERVERS": _SERVERS,
    "API_TOKEN_FILE": f"{FILES}/tokens",
    # Of a load balancer: it must not depend on the agent where Marathon runs the scheduler.
    "ARTIFACTS_URL": "http://cassandra.example:9000/v1/artifacts/",
}
_HEALTH_CHECK: Mapping[str, Any] = {
    "protocol": "MESOS_HTTP",
    "path": "/v1/health",
    "portIndex": 0,
    "gracePeriodSeconds": 120,
    "intervalSeconds": 30,
    "timeoutSeconds": 10,
    # Ten minutes: a restart does not help while ZooKeeper is down.
    "maxConsecutiveFailures": 20,
}


def _application() -> Mapping[str, Any]:
    name = _ROWS["SERVICE_NAME"].default
    return {
        "id": f"/{name}",
        "instances": 1,
        "cpus": 0.5,
        "mem": 1024,
        "disk": 0,
        "container": {"type": "DOCKER", "docker": {"image": f"{IMAGE}:{__version__}"}},
        "networks": [{"mode": "host"}],
        "portDefinitions": [{"port": int(_ROWS["API_PORT"].default), "protocol": "tcp", "name": "api"}],
        "requirePorts": True,
        "env": _environment(),
        "labels": {
            "DCOS_PACKAGE_FRAMEWORK_NAME": name,
            "DCOS_SERVICE_NAME": name,
            "DCOS_SERVICE_PORT_INDEX": "0",
            "DCOS_SERVICE_SCHEME": "http",
            "MARATHON_SINGLE_INSTANCE_APP": "true",
        },
        # The old scheduler ends before the new one starts: never two.
        "upgradeStrategy": {"minimumHealthCapacity": 0, "maximumOverCapacity": 0},
        "killSelection": "OLDEST_FIRST",
        "taskKillGracePeriodSeconds": 15,
        "backoffSeconds": 2,
        "backoffFactor": 1.5,
        "maxLaunchDelaySeconds": 60,
        # A scheduler on a lost agent is replaced at once: its lock in ZooKeeper keeps the old one from acting.
        "unreachableStrategy": {"inactiveAfterSeconds": 0, "expungeAfterSeconds": 0},
        "healthChecks": [_HEALTH_CHECK],
    }


def _environment() -> Mapping[str, str]:
    """Return marathon.json's settings: those that operators change most often, and those that a container needs."""
    named = {name: _ROWS[name].default for name in _SHOWN}
    needed = {name: row.marathon for name, row in _ROWS.items() if row.marathon is not None}
    return {**named, **needed}


_SHOWN = (
    "SERVICE_NAME",
    "ZOOKEEPER_SERVERS",
    "MESOS_SERVERS",
    "MESOS_PATH",
    "API_PORT",
    "NODES",
    "SEED_NODES",
    "PLACEMENT_CONSTRAINT",
    "CASSANDRA_CLUSTER_NAME",
    "CASSANDRA_LOCATION_DATA_CENTER",
    "CASSANDRA_CPUS",
    "CASSANDRA_MEMORY_MB",
    "CASSANDRA_HEAP_SIZE_MB",
    "CASSANDRA_DISK_MB",
    "CASSANDRA_DISK_TYPE",
)
