from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from executor.cassandra.cassandra_yaml import OptionsError, rackdc, render, seeds, settings
from executor.tls.files import TlsFiles
from tests.unit.executor.sandbox import make_launch

_SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20)
)
_DOCUMENTS = st.dictionaries(
    st.text(min_size=1, max_size=10),
    st.recursive(
        _SCALARS,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
        max_leaves=8,
    ),
)


@given(_DOCUMENTS)
def test_what_is_rendered_is_read_back(document: dict[str, Any]) -> None:
    assert (yaml.safe_load(render(document)) or {}) == document


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "true"),
        (None, "null"),
        (0.1, "0.1"),
        (1e-05, "1.0e-05"),
        ("yes", '"yes"'),
        ("10000ms", '"10000ms"'),
        ("12:30:45", '"12:30:45"'),
        ("heap_buffers", "heap_buffers"),
        ("/a b", '"/a b"'),
        ("größe", '"größe"'),
        ([], "[]"),
        ({}, "{}"),
    ],
)
def test_values_as_text(value: object, text: str) -> None:
    assert render({"k": value}) == f"k: {text}\n"


def test_nesting_is_readable() -> None:
    document = {"a": [{"class_name": "X", "parameters": [{"seeds": "s"}]}, 2], "b": {"c": [1]}}
    assert render(document).splitlines() == [
        "a:",
        "  - class_name: X",
        "    parameters:",
        "      - seeds: s",
        "  - 2",
        "b:",
        "  c:",
        "    - 1",
    ]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), b"x", object()])
def test_values_of_no_known_kind_name_their_key(value: object) -> None:
    with pytest.raises(OptionsError, match="bad_key"):
        render({"outer": {"bad_key": value}})


def test_everything_that_lasts_is_on_the_volume() -> None:
    found = settings(make_launch(), "10.0.0.1", "/sandbox/volume")
    paths = [*found["data_file_directories"], *(value for key, value in found.items() if key.endswith("_directory"))]
    assert len(paths) == 5
    assert all(path.startswith("/sandbox/volume/") for path in paths)


def test_addresses_and_ports() -> None:
    launch = make_launch()
    found = settings(launch, "10.0.0.1", "/v")
    assert {found[f"{name}_address"] for name in ("listen", "broadcast", "rpc")} == {"10.0.0.1"}
    assert found["native_transport_port"] == launch.ports.native_transport
    assert found["num_tokens"] == 16


def test_options_change_defaults() -> None:
    found = settings(make_launch(options={"num_tokens": 4, "memtable_heap_space": "64MiB"}), "10.0.0.1", "/v")
    assert (found["num_tokens"], found["memtable_heap_space"]) == (4, "64MiB")


@pytest.mark.parametrize("sync", ["batch", "group"])
def test_a_period_is_left_out_where_cassandra_refuses_it(sync: str) -> None:
    given = {"commitlog_sync": sync, "commitlog_sync_period": "10000ms"}
    assert "commitlog_sync_period" not in settings(make_launch(options=given), "10.0.0.1", "/v")
    assert settings(make_launch(), "10.0.0.1", "/v")["commitlog_sync_period"] == "10000ms"


def test_options_cannot_move_a_node() -> None:
    launch = make_launch(options={"rpc_address": "0.0.0.0", "hints_directory": "/tmp", "num_tokens": 1})
    with pytest.raises(OptionsError, match="hints_directory, rpc_address"):
        settings(launch, "10.0.0.1", "/v")


@pytest.mark.parametrize(
    ("given", "self_seed", "wanted"),
    [
        ((), True, ["10.0.0.1"]),
        (("10.0.0.2", "10.0.0.3"), False, ["10.0.0.2", "10.0.0.3"]),
        (("10.0.0.1", "10.0.0.2"), True, ["10.0.0.1", "10.0.0.2"]),
    ],
)
def test_seeds(given: tuple[str, ...], self_seed: bool, wanted: list[str]) -> None:
    assert seeds(make_launch(seeds=given, self_seed=self_seed), "10.0.0.1") == wanted


def test_no_seeds_are_refused() -> None:
    with pytest.raises(OptionsError, match="no seeds"):
        seeds(make_launch(self_seed=False), "10.0.0.1")


def test_rackdc() -> None:
    assert rackdc(make_launch(rack="r1\\a")) == "dc=dc1\nrack=r1\\\\a\n"
    for bad in ("", " r1", "a\nprefer_local=true"):
        with pytest.raises(OptionsError):
            rackdc(make_launch(rack=bad))


@pytest.mark.parametrize(("encryption", "optional"), [("optional", True), ("required", False)])
def test_encryption_of_both_transports(encryption: str, optional: bool) -> None:
    found = settings(make_launch(encryption=encryption), "10.0.0.1", "/volume", TlsFiles(Path("/s")))
    server, client = found["server_encryption_options"], found["client_encryption_options"]
    for options in (server, client):
        assert options["optional"] is optional
        assert (options["keystore"], options["truststore"]) == ("/s/node.pem", "/s/trusted.pem")
        assert options["ssl_context_factory"]["class_name"].endswith(".PEMBasedSslContextFactory")
    assert (server["internode_encryption"], server["require_client_auth"]) == ("all", True)
    assert (client["enabled"], client["require_client_auth"]) == (True, False)
    assert yaml.safe_load(render(found)) == found


@pytest.mark.parametrize(
    ("certificates", "asks", "factory", "trusts"),
    [
        ("off", False, "org.apache.cassandra.security.PEMBasedSslContextFactory", "/s/trusted.pem"),
        ("optional", True, "mesos.cassandra.ClientCertificates", "/s/clients.pem"),
        ("required", True, "org.apache.cassandra.security.PEMBasedSslContextFactory", "/s/clients.pem"),
    ],
)
def test_certificates_of_clients_are_no_certificates_of_peers(
    certificates: str, asks: bool, factory: str, trusts: str
) -> None:
    clients = "" if certificates == "off" else "an authority"
    launch = make_launch(encryption="required", client_certificates=certificates, client_authorities=clients)
    found = settings(launch, "10.0.0.1", "/volume", TlsFiles(Path("/s"), clients))
    client, server = found["client_encryption_options"], found["server_encryption_options"]
    assert (client["require_client_auth"], client["ssl_context_factory"], client["truststore"]) == (
        asks,
        {"class_name": factory},
        trusts,
    )
    assert (server["require_client_auth"], server["truststore"]) == (True, "/s/trusted.pem")
    assert server["ssl_context_factory"]["class_name"].endswith(".PEMBasedSslContextFactory")


def test_without_encryption_the_operator_sets_it_and_with_it_the_executor_alone() -> None:
    own = {"client_encryption_options": {"enabled": True}}
    assert settings(make_launch(options=own), "10.0.0.1", "/volume")["client_encryption_options"] == {"enabled": True}
    with pytest.raises(OptionsError, match="the executor sets client_encryption_options"):
        settings(make_launch(options=own, encryption="required"), "10.0.0.1", "/volume")
