"""Which settings Cassandra itself has to try before a node is stopped for them, and the launch that tries them."""

from __future__ import annotations

from executor.protocol import NodeLaunch
from scheduler.core.differences import bundles, launch_differences
from scheduler.core.spec import ClusterSpec

# What a node's launch has that Cassandra and its JVM never read.
_NOT_CASSANDRAS = frozenset(
    {"user", "cpus", "memory", "executor cpus", "executor memory", "task cpus", "task memory"}
)  # fmt: skip


def is_needed(old: ClusterSpec, new: ClusterSpec) -> bool:
    """Return whether anything differs that Cassandra or its JVM reads at a start."""
    return any(name not in _NOT_CASSANDRAS for name, *_ in launch_differences(old, new))


def hindrance(old: ClusterSpec, new: ClusterSpec) -> str | None:
    """Return why the bundles that the nodes have cannot try these settings; None if they can."""
    if bundles(old) != bundles(new):
        return "the settings name other bundles than the nodes have"
    return None


def trial_launch(spec: ClusterSpec) -> NodeLaunch:
    """Return a launch that has everything of these settings that Cassandra reads at a start."""
    cassandra = spec.cassandra
    return NodeLaunch(
        node="",
        cluster_name=cassandra.cluster_name,
        configuration="",
        data_center=cassandra.data_center,
        rack=cassandra.rack,
        seeds=(),
        self_seed=True,
        heap_mb=cassandra.heap_mb,
        ports=cassandra.ports,
        options=dict(cassandra.options),
        gc=cassandra.gc,
        heap_new_mb=cassandra.heap_new_mb,
        jvm_options=cassandra.jvm_options,
        java_home=cassandra.java_home,
    )
