"""Which settings a stored cluster can follow."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from executor.protocol import Ports
from scheduler.core.configuration.overrides import Wanted
from scheduler.core.configuration.target import Adoption, adopt, fingerprint, refused_changes
from scheduler.core.state.cluster import Stored
from scheduler.core.state.configuration import Configuration
from scheduler.core.state.spec import CassandraSpec, ClusterSpec, ExecutorSpec, Resources
from tests.unit.scheduler.core.samples import TARGET, Ids, spec, up


def cassandra(**changes: Any) -> CassandraSpec:
    return replace(spec().cassandra, **changes)


def stored(wanted: ClusterSpec | None = None) -> Stored:
    target = Configuration(TARGET, 1.0, wanted or spec())
    return Stored(TARGET, framework_id="f", configurations={TARGET: target}, nodes={"node-0": up(0)})


def test_a_first_start_stores_its_settings_as_target() -> None:
    adoption = adopt(Stored(), Wanted(spec()), 7.0, Ids())
    assert isinstance(adoption, Adoption)
    assert adoption.new_target == Configuration("id-1", 7.0, spec(), {})
    assert adoption.state.target == adoption.new_target
    assert adoption.state.configurations == {"id-1": adoption.new_target}


def test_a_first_start_that_makes_no_sense_has_nothing_to_keep() -> None:
    reasons = adopt(Stored(), Wanted(spec(3, seeds=4)), 7.0, Ids())
    assert isinstance(reasons, tuple)
    assert reasons == (
        "The number of configured seeds (4) is greater than the current number of configured nodes (3). "
        "Reduce the number of seeds or increase the number of nodes",
    )


def test_the_same_settings_change_nothing() -> None:
    adoption = adopt(stored(), Wanted(spec()), 7.0, Ids())
    assert isinstance(adoption, Adoption)
    assert adoption.new_target is None
    assert adoption.state.target.id == TARGET
    assert adoption.state.framework_id == "f"
    assert adoption.state.nodes == {"node-0": up(0)}


ALLOWED: list[dict[str, Any]] = [
    {"nodes": 4},
    {"seeds": 3},
    {"placement": "rack:UNIQUE"},
    {"user": "nobody"},
    {"resources": Resources(1, 1024)},
    {"task": Resources(0.2, 64)},
    {"executor": ExecutorSpec(Resources(0.2, 64), "./other", ())},
    {"cassandra": cassandra(heap_mb=300)},
    {"cassandra": cassandra(jvm_options=("-Xx",))},
    {"cassandra": cassandra(options={"concurrent_reads": 64})},
    {"cassandra": cassandra(options={"num_tokens": 16})},
]

REFUSED: list[tuple[dict[str, Any], str]] = [
    (
        {"disk_mb": 1023},
        "The configured disk size can not be changed. Persisted disk size is (1024) Mb. "
        "Configured disk size is (1023) Mb",
    ),
    (
        {"disk_type": "MOUNT"},
        "The configured disk type can not be changed. Old disk type is (ROOT). New disk type is (MOUNT)",
    ),
    ({"service_name": "b"}, "The configured name can not be changed. Old name is (cassandra). New name is (b)"),
    ({"role": "r"}, "The configured role can not be changed. Old role is (cassandra-role). New role is (r)"),
    ({"principal": "p"}, "Old principal is (cassandra-principal). New principal is (p)"),
    ({"rack_attribute": "zone"}, "The configured rack attribute can not be changed. Old rack attribute is (rack)."),
    ({"cassandra": cassandra(cluster_name="x")}, "The configured cluster can not be changed. Old cluster is (test)."),
    ({"cassandra": cassandra(data_center="x")}, "The configured data center can not be changed."),
    ({"cassandra": cassandra(rack="x")}, "The configured rack can not be changed."),
    ({"cassandra": cassandra(ports=Ports(native_transport=9999))}, "The configured native_transport port can not be"),
    ({"cassandra": cassandra(ports=Ports(storage=7777))}, "The configured storage port can not be changed."),
    ({"cassandra": cassandra(options={"num_tokens": 4})}, "Old num_tokens is (16). New num_tokens is (4)"),
    ({"cassandra": cassandra(options={"partitioner": "Random"})}, "The configured partitioner can not be changed."),
]


@pytest.mark.parametrize("changes", ALLOWED, ids=lambda changes: "-".join(changes))
def test_an_allowed_change_is_the_new_target_and_the_old_configuration_stays_known(changes: dict[str, Any]) -> None:
    wanted = spec(**changes)
    adoption = adopt(stored(), Wanted(wanted), 7.0, Ids())
    assert isinstance(adoption, Adoption)
    assert adoption.new_target is not None
    assert adoption.state.target.spec == wanted
    assert set(adoption.state.configurations) == {TARGET, adoption.new_target.id}
    assert adoption.state.nodes["node-0"].deployed == TARGET
    assert adoption.state.configuration_errors == ()


@pytest.mark.parametrize(
    ("changes", "text"), REFUSED, ids=lambda value: "-".join(value) if isinstance(value, dict) else ""
)
def test_a_refused_change_keeps_the_target_and_says_why(changes: dict[str, Any], text: str) -> None:
    adoption = adopt(stored(), Wanted(spec(**changes)), 7.0, Ids())
    assert isinstance(adoption, Adoption)
    assert adoption.new_target is None
    assert adoption.state.target.id == TARGET
    (error,) = adoption.state.configuration_errors
    assert text in error


def test_every_refusal_is_named() -> None:
    assert len(refused_changes(spec(), spec(2, disk_mb=1, role="r"))) == 2


def test_more_seeds_than_nodes_are_refused_later_too() -> None:
    adoption = adopt(stored(), Wanted(spec(3, seeds=4)), 7.0, Ids())
    assert isinstance(adoption, Adoption)
    assert "seeds (4) is greater" in adoption.state.configuration_errors[0]


def test_equal_is_what_means_the_same() -> None:
    one = spec(cassandra=cassandra(options={"a": 1, "b": 2}), resources=Resources(1, 512))
    other = spec(cassandra=cassandra(options={"b": 2, "a": 1}), resources=Resources(1.0, 512.0))
    assert fingerprint(one) == fingerprint(other)
    assert fingerprint(one) != fingerprint(replace(one, nodes=4))
