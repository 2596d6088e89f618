from __future__ import annotations

from pathlib import Path

import pytest

from executor.memory import free_bytes

MIB = 1 << 20
V2 = {
    "mesos/c1/memory.max": f"{1000 * MIB}\n",
    "mesos/c1/memory.stat": f"anon {700 * MIB}\nfile {290 * MIB}\nshmem {10 * MIB}\n",
    "mesos/memory.max": "max\n",
}
V1 = {
    "memory/mesos/c1/memory.limit_in_bytes": f"{800 * MIB}\n",
    "memory/mesos/c1/memory.stat": f"cache 5\ntotal_rss {500 * MIB}\ntotal_shmem 0\n",
}


@pytest.mark.parametrize(
    ("cgroup", "files", "left"),
    [
        ("0::/mesos/c1\n", V2, 290),  # files that are only cached count as free
        ("0::/mesos/c1/inner\n", V2, 290),  # the limit of a group holds for those in it
        ("5:cpu:/\n4:memory:/mesos/c1\n0::/\n", V1, 300),
        ("4:memory:/\n", {"memory/memory.limit_in_bytes": "9223372036854771712\n"}, 4000),
        ("", {}, 4000),
    ],
)
def test_the_least_of_machine_and_limits(tmp_path: Path, cgroup: str, files: dict[str, str], left: int) -> None:
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/cgroup").write_text(cgroup)
    (tmp_path / "proc/meminfo").write_text(f"MemTotal: 1 kB\nMemAvailable:   {4000 * 1024} kB\n")
    for name, text in files.items():
        (tmp_path / "cgroups" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "cgroups" / name).write_text(text)
    assert free_bytes(tmp_path / "proc", tmp_path / "cgroups") == left * MIB


def test_a_machine_that_does_not_say(tmp_path: Path) -> None:
    assert free_bytes(tmp_path, tmp_path) is None
