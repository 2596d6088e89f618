"""What of two configurations differs for a launch, and how it is told."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from executor.protocol import Ports
from scheduler.core.configuration.differences import ABSENT, Difference, describe_changes, launch_differences
from scheduler.core.state.spec import ClusterSpec, Resources, Uri
from tests.simulation.engine.samples import spec

OLD = spec()
BUNDLES = ("http://a/executor.tgz", "http://a/cassandra-5.0.8.tgz")


def cassandra(**changes: Any) -> ClusterSpec:
    return replace(OLD, cassandra=replace(OLD.cassandra, **changes))


def executor(**changes: Any) -> ClusterSpec:
    return replace(OLD, executor=replace(OLD.executor, **changes))


def fetched(*addresses: str) -> ClusterSpec:
    return executor(uris=tuple(Uri(address) for address in addresses))


AUTHORITY = "-----BEGIN CERTIFICATE-----\nYQ==\n-----END CERTIFICATE-----\n"


@pytest.mark.parametrize(
    ("new", "names"),
    [
        (OLD, []),
        (replace(OLD, nodes=5, seeds=1, placement="hostname:UNIQUE"), []),
        (executor(command="./other", shutdown_grace_seconds=1.0), []),
        (replace(OLD, user="other"), ["user"]),
        (replace(OLD, resources=Resources(1.0, 512)), ["cpus"]),
        (replace(OLD, resources=Resources(0.5, 513)), ["memory"]),
        (replace(OLD, task=Resources(0.2, 64)), ["task cpus"]),
        (executor(resources=Resources(0.2, 65)), ["executor cpus", "executor memory"]),
        (executor(environment={"A": "b"}), ["A"]),
        (executor(image="registry.example/executor:1.0"), ["image"]),
        (cassandra(heap_mb=300), ["heap_mb"]),
        (cassandra(heap_new_mb=100), ["heap_new_mb"]),
        (cassandra(gc="SERIAL"), ["gc"]),
        (cassandra(jvm_options=("-Xss1m",)), ["jvm_options"]),
        (cassandra(java_home="/java"), ["java_home"]),
        (cassandra(version="5.0.9"), []),
        (cassandra(ports=Ports(storage=7777)), ["ports"]),
        (cassandra(options={"b": 1, "a": 2}), ["a", "b"]),
        (cassandra(encryption="optional"), ["transport encryption"]),
        (cassandra(client_certificates="optional"), ["client certificates"]),
        (cassandra(client_authorities=AUTHORITY), ["client authorities"]),
    ],
)
def test_differences(new: ClusterSpec, names: list[str]) -> None:
    assert [name for name, _, _ in launch_differences(OLD, new)] == names
    assert [name for name, _, _ in launch_differences(new, OLD)] == names


@pytest.mark.parametrize(
    ("addresses", "differ"),
    [
        (("http://b/2/executor.tgz", "http://b/2/cassandra-5.0.8.tgz"), False),
        (("http://a/executor-2.tgz", "http://a/cassandra-5.0.8.tgz"), False),
        (("http://a/executor.tgz", "http://a/cassandra-5.0.9.tgz"), True),
        ((*BUNDLES, "http://a/jre.tgz"), True),
    ],
)
def test_bundles_are_told_by_name_but_the_executors_own(addresses: tuple[str, ...], differ: bool) -> None:
    assert bool(launch_differences(fetched(*BUNDLES), fetched(*addresses))) is differ


@pytest.mark.parametrize(
    ("differences", "text"),
    [
        ([("heap_mb", 384, 512)], "heap_mb 384 -> 512"),
        ([("heap_new_mb", None, 100)], "heap_new_mb unset -> 100"),
        ([("jvm_options", ("-Xss1m", "-ea"), ())], "jvm_options -Xss1m, -ea -> unset"),
        ([("keystore_password", "abc", "def")], "keystore_password (not shown) -> (not shown)"),
        ([("jvm_options", (), ("-Dpassword=abc",))], "jvm_options unset -> (not shown)"),
        (
            [("authenticator", "AllowAllAuthenticator", {"class_name": "PasswordAuthenticator"})],
            "authenticator AllowAllAuthenticator -> {'class_name': 'PasswordAuthenticator'}",
        ),
        ([("authenticator", ABSENT, "PasswordAuthenticator")], "authenticator unset -> PasswordAuthenticator"),
        ([("credentials_validity", "2s", "4s")], "credentials_validity 2s -> 4s"),
        ([("num_tokens", 16, 8)], "num_tokens 16 -> 8"),
        ([("key_cache_size", ABSENT, "10MiB")], "key_cache_size unset -> 10MiB"),
        ([("jvm_options", (), ("-Dcassandra.initial_token=5",))], "jvm_options unset -> -Dcassandra.initial_token=5"),
        ([("jvm_options", (), ("-Djavax.net.ssl.keyStorePassword=abc",))], "jvm_options unset -> (not shown)"),
        ([("jvm_options", (), ("-Daws.secretKey=abc",))], "jvm_options unset -> (not shown)"),
        ([("jvm_options", (), ("-javaagent:a.jar=http://me:abc@host",))], "jvm_options unset -> (not shown)"),
        ([("CASSANDRA_YAML", ABSENT, 'a: {"keystore_password": abc}')], "CASSANDRA_YAML unset -> (not shown)"),
        ([("crypto_provider", ABSENT, {"parameters": {"secret": "abc"}})], "crypto_provider unset -> (not shown)"),
        ([(name, 1, 2) for name in "abcde"], "a 1 -> 2, b 1 -> 2, c 1 -> 2 and 2 more"),
    ],
)
def test_sentence(differences: list[Difference], text: str) -> None:
    assert describe_changes(tuple(differences)) == f"settings changed: {text}"
