"""What a node cannot be launched with has a sentence, and ends the task."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from executor.node.launch_rules import job_problem, problem
from executor.protocol import JobLaunch, Ports
from tests.unit.executor.sandbox import make_launch

BAD = ("a\0b", "a\nb", "a\rb", "a\x1b[31m", "\udce9", "\x7f", "\u2028")


def deep(levels: int) -> Any:
    return [deep(levels - 1)] if levels else "x"


PEM = "-----BEGIN CERTIFICATE-----\nYQ==\n-----END CERTIFICATE-----\n"
KEY = "-----BEGIN PRIVATE KEY-----\nYQ==\n-----END PRIVATE KEY-----\n"


def test_a_launch_of_a_scheduler() -> None:
    tls = replace(make_launch(), encryption="optional", client_certificates="required", client_authorities=PEM * 2)
    assert problem(tls) is None
    assert problem(make_launch("-Xss512k")) is None
    assert problem(make_launch(options={"a": [{"b": "two\nlines"}], "c": None, "d": 1.5})) is None


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize(
    "name", ["node", "cluster_name", "data_center", "rack", "volume", "bundle", "java_home", "replace_address", "gc"]
)
def test_control_characters(name: str, bad: str) -> None:
    changes: dict[str, Any] = {name: bad}
    found = problem(replace(make_launch(), **changes))
    assert found is not None
    assert found.startswith(f"{name} must not hold control characters")
    assert found.isprintable()


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("name", ["seeds", "jvm_options"])
def test_control_characters_in_lists(name: str, bad: str) -> None:
    changes: dict[str, Any] = {name: ("fine", bad)}
    found = problem(replace(make_launch(), **changes))
    assert found is not None
    assert found.startswith(f"{name}[1] must not hold control characters")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"volume": "../volume"}, "volume must be a path in the sandbox"),
        ({"bundle": "/opt/cassandra"}, "bundle must be a path in the sandbox"),
        ({"seeds": "10.0.0.1"}, "seeds must be a list of texts"),
        ({"jvm_options": (1,)}, r"jvm_options\[0\] must be a text"),
        ({"rack": None}, "rack must be a text"),
        ({"heap_mb": "1G"}, "heap_mb must be a whole number"),
        ({"heap_mb": True}, "heap_mb must be a whole number"),
        ({"heap_mb": 10**400}, "heap_mb must be a whole number"),
        ({"heap_new_mb": 0}, "heap_new_mb must be a whole number"),
        ({"drain_seconds": float("nan")}, "drain_seconds must be a number"),
        ({"ports": Ports(storage=0)}, "ports.storage must be from 1 to 65535"),
        ({"ports": Ports(jolokia="7199")}, "ports.jolokia must be from 1 to 65535"),  # type: ignore[arg-type]
        ({"options": []}, "options must be an object"),
        ({"options": {"a": "\0"}}, "options.a must not hold NUL"),
        ({"options": {"a": [{"b": "\udce9"}]}}, r"options.a\[0\].b must not hold NUL"),
        ({"options": {"a\n": 1}}, "a key of options must not hold control"),
        ({"options": {"a": deep(40)}}, "is nested too deep"),
        ({"encryption": "on"}, "encryption must be one of off, optional, required"),
        ({"client_certificates": True}, "client_certificates must be one of off, optional, required"),
        ({"client_authorities": "no certificate"}, "client_authorities must be certificates in PEM"),
        ({"client_authorities": f"{PEM}{KEY}"}, "client_authorities must be certificates in PEM"),
        ({"client_certificates": "optional", "encryption": "required"}, "client_certificates must be off without"),
        ({"client_certificates": "required", "client_authorities": PEM}, "client_certificates must be off without"),
    ],
)
def test_rules(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(AssertionError, match=words):
        raise AssertionError(problem(replace(make_launch(), **changes)))


JOB = JobLaunch("load", "4ba8f43c-d9f9-4c15-87d9-4a2d5f467d85", "node-0", "node-0__1")


def test_a_job_of_a_scheduler() -> None:
    assert job_problem(JOB) is None
    assert job_problem(replace(JOB, parameters={"operation": JOB.operation, "tag": f"backup-{JOB.operation}"})) is None


@pytest.mark.parametrize("bad", ["", "..", "../x", "/x", "a/b", "a\0", "a\nb", "x" * 129, None, 1])
def test_names_that_become_files(bad: Any) -> None:
    rule = "must be 1 to 128 letters, digits"
    for changes in ({"operation": bad}, {"job": bad}):
        assert rule in str(job_problem(replace(JOB, **changes)))
    for name in ("operation", "tag") if bad else ():
        assert f"parameters.{name} {rule}" in str(job_problem(replace(JOB, parameters={name: bad})))


def test_parameters_are_an_object() -> None:
    changes: dict[str, Any] = {"parameters": []}
    assert job_problem(replace(JOB, **changes)) == "parameters and tuning must be objects"
