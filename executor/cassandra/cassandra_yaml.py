"""cassandra.yaml and cassandra-rackdc.properties of one node: pure."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from executor.certificate_messages import OFF, OPTIONAL
from executor.protocol import NodeLaunch
from executor.tls.files import TlsFiles

PEM_FACTORY = "org.apache.cassandra.security.PEMBasedSslContextFactory"
# The same files, but a client can come without a certificate: Cassandra 5.0 asks all clients for one, or none.
OPTIONAL_CLIENTS_FACTORY = "mesos.cassandra.ClientCertificates"
SEED_PROVIDER = "org.apache.cassandra.locator.SimpleSeedProvider"

# Keys that the executor alone sets; the same key among the operator's options would have no effect or break the node.
OWN_KEYS = frozenset(
    {
        "cluster_name", "listen_address", "listen_interface", "broadcast_address", "rpc_address", "rpc_interface",
        "broadcast_rpc_address", "storage_port", "ssl_storage_port", "native_transport_port", "seed_provider",
        "endpoint_snitch", "data_file_directories", "commitlog_directory", "saved_caches_directory",
        "hints_directory", "cdc_raw_directory", "local_system_data_file_directory",
    }
)  # fmt: skip

# Keys that the executor sets if the launch asks for encryption.
TLS_KEYS = frozenset({"server_encryption_options", "client_encryption_options"})

# Cassandra has no default for the first three; `options` can override each of these.
_DEFAULTS: Mapping[str, Any] = {
    "partitioner": "org.apache.cassandra.dht.Murmur3Partitioner",
    "commitlog_sync": "periodic",
    "commitlog_sync_period": "10000ms",
    "num_tokens": 16,
    "auto_snapshot": True,
    "disk_failure_policy": "stop",
    "commit_failure_policy": "stop",
}

_NO_FILES = TlsFiles(Path())

# Words that YAML 1.1 does not read as text.
_YAML_WORDS = frozenset({"y", "n", "yes", "no", "true", "false", "on", "off", "null"})
_PLAIN = re.compile(r"[A-Za-z/][A-Za-z0-9_./$-]*")


class OptionsError(ValueError):
    """Options from which no cassandra.yaml can be made; the text names the key."""


def settings(launch: NodeLaunch, address: str, volume: str, tls: TlsFiles = _NO_FILES) -> dict[str, Any]:
    """Return all keys of cassandra.yaml.

    Args:
        launch: The node's launch.
        address: The node's IP address.
        volume: The absolute path of the persistent volume.
        tls: The files of keys and certificates, which are used if the launch asks for encryption.

    Raises:
        OptionsError: A key is the executor's, or there are no seeds.
    """
    own = OWN_KEYS if launch.encryption == OFF else OWN_KEYS | TLS_KEYS
    if taken := sorted(own & launch.options.keys()):
        raise OptionsError(f"cassandra.yaml: the executor sets {', '.join(taken)}; remove it from the options")
    return {
        "cluster_name": launch.cluster_name,
        "listen_address": address,
        "broadcast_address": address,
        "rpc_address": address,
        "storage_port": launch.ports.storage,
        "ssl_storage_port": launch.ports.ssl_storage,
        "native_transport_port": launch.ports.native_transport,
        "endpoint_snitch": "GossipingPropertyFileSnitch",
        "seed_provider": [
            {"class_name": SEED_PROVIDER, "parameters": [{"seeds": ",".join(seeds(launch, address))}]},
        ],
        "data_file_directories": [f"{volume}/data"],
        "commitlog_directory": f"{volume}/commitlog",
        "saved_caches_directory": f"{volume}/saved_caches",
        "hints_directory": f"{volume}/hints",
        "cdc_raw_directory": f"{volume}/cdc_raw",
        **_options(launch),
        **_transport(launch, tls),
    }


def _transport(launch: NodeLaunch, tls: TlsFiles) -> dict[str, Any]:
    """Return the encryption of both transports: peers show certificates to one another, clients if the launch asks."""
    if launch.encryption == OFF:
        return {}
    common = {
        "optional": launch.encryption == OPTIONAL,
        "ssl_context_factory": {"class_name": PEM_FACTORY},
        "keystore": str(tls.keystore),
        "truststore": str(tls.truststore),
        "accepted_protocols": ["TLSv1.3", "TLSv1.2"],
    }
    return {
        # While it is optional, Cassandra connects in plain text to a peer that has no TLS.
        "server_encryption_options": {"internode_encryption": "all", "require_client_auth": True, **common},
        "client_encryption_options": {"enabled": True, **common, **_client_certificates(launch, tls)},
    }


def _client_certificates(launch: NodeLaunch, tls: TlsFiles) -> dict[str, Any]:
    if launch.client_certificates == OFF:
        return {"require_client_auth": False}
    factory = OPTIONAL_CLIENTS_FACTORY if launch.client_certificates == OPTIONAL else PEM_FACTORY
    return {
        # The class for optional certificates needs it too: Cassandra reads the truststore only then.
        "require_client_auth": True,
        "ssl_context_factory": {"class_name": factory},
        "truststore": str(tls.client_truststore),
    }


def _options(launch: NodeLaunch) -> dict[str, Any]:
    found = {**_DEFAULTS, **launch.options}
    if found["commitlog_sync"] != "periodic":
        # The default period is for "periodic" alone; Cassandra refuses to start with it otherwise.
        found.pop("commitlog_sync_period", None)
    return found


def seeds(launch: NodeLaunch, address: str) -> list[str]:
    """Return the seeds in order, each once; the node's own address only if it seeds itself or is listed."""
    given = [*launch.seeds, *([address] if launch.self_seed else [])]
    if not given:
        raise OptionsError("no seeds: a node that does not seed itself needs at least one")
    return list(dict.fromkeys(given))


def rackdc(launch: NodeLaunch) -> str:
    """Return the text of cassandra-rackdc.properties."""
    return f"dc={_property(launch.data_center)}\nrack={_property(launch.rack)}\n"


def _property(value: str) -> str:
    if not value or not value.isprintable() or value != value.strip():
        raise OptionsError(f"data center and rack need a printable name, not {value!r}")
    return value.replace("\\", "\\\\")


def render(document: Mapping[str, Any]) -> str:
    """Return YAML of maps, lists, texts, numbers, booleans and nulls. Raises OptionsError for any other value."""
    return "".join(f"{line}\n" for line in _mapping(document, ""))


def _mapping(document: Mapping[str, Any], indent: str) -> list[str]:
    lines = []
    for key, value in document.items():
        lines += _entry(f"{indent}{_scalar(key, str(key))}:", value, f"{indent}  ", str(key))
    return lines


def _sequence(items: Sequence[Any], indent: str, key: str) -> list[str]:
    lines = []
    for item in items:
        if isinstance(item, Mapping) and item:
            first, *rest = _mapping(item, f"{indent}  ")
            lines += [f"{indent}- {first.lstrip()}", *rest]
        else:
            lines += _entry(f"{indent}-", item, f"{indent}  ", key)
    return lines


def _entry(head: str, value: Any, indent: str, key: str) -> list[str]:
    if isinstance(value, Mapping):
        return [head, *_mapping(value, indent)] if value else [f"{head} {{}}"]
    if isinstance(value, list | tuple):
        return [head, *_sequence(value, indent, key)] if value else [f"{head} []"]
    return [f"{head} {_scalar(value, key)}"]


def _scalar(value: Any, key: str) -> str:
    match value:
        case None | bool():
            return json.dumps(value)
        case int():
            return str(value)
        case float() if math.isfinite(value):
            # YAML 1.1 reads 1e-05 as text: the exponent needs a point before it.
            text = repr(value)
            return text if "." in text else text.replace("e", ".0e")
        case str() if _PLAIN.fullmatch(value) and value.lower() not in _YAML_WORDS:
            return value
        case str():
            return f'"{"".join(map(_character, value))}"'
    raise OptionsError(f"cassandra.yaml: {key} has the value {value!r}; it must be a text, number, boolean or null")


def _character(character: str) -> str:
    if character in '"\\':
        return f"\\{character}"
    return character if character.isprintable() else f"\\U{ord(character):08x}"
