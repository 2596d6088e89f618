from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from executor.cassandra.jvm import MAIN_CLASS, Files, command, jolokia_properties
from executor.jmx.jolokia import Jolokia
from tests.unit.executor.sandbox import make_launch

_PATHS: dict[str, Any] = {item.name: Path("/s") / item.name for item in fields(Files)}
FILES = Files(
    **_PATHS
    | {"sandbox": Path("/s"), "jars": (Path("/s/lib/a.jar"), Path("/s/lib/b.jar")), "own_jars": (Path("/s/o.jar"),)}
)


@pytest.mark.parametrize(
    ("changes", "there", "absent"),
    [
        ({}, {"-Xms384M", "-Xmx384M", "-XX:+UseG1GC"}, {"-XX:+UseSerialGC", "-Xmn64M"}),
        ({"gc": "SERIAL", "heap_new_mb": 64}, {"-XX:+UseSerialGC", "-Xmn64M"}, {"-XX:+UseG1GC"}),
        ({"heap_new_mb": 64}, {"-XX:+UseG1GC"}, {"-Xmn64M"}),
        ({"replace_address": "10.0.0.9"}, {"-Dcassandra.replace_address_first_boot=10.0.0.9"}, set()),
    ],
)
def test_arguments(changes: dict[str, object], there: set[str], absent: set[str]) -> None:
    arguments = set(command(make_launch(**changes), FILES))
    assert there <= arguments
    assert not absent & arguments


def test_order_lets_the_user_have_the_last_word() -> None:
    arguments = command(make_launch("-Xss512k"), FILES, ["-Dkept=1"])
    assert arguments[:2] == ["/s/java", "@/s/bundle_conf/jvm17.options"]
    assert arguments[-5:-2] == ["-Dkept=1", "-Xss512k", "-cp"]


def test_a_join_after_an_interrupted_one_streams_all_ranges_again() -> None:
    assert "-Dcassandra.reset_bootstrap_progress=true" in command(make_launch(), FILES)


def test_class_path_begins_with_what_is_the_same_in_any_sandbox() -> None:
    assert command(make_launch(), FILES)[-2:] == ["lib/a.jar:lib/b.jar:/s/o.jar:/s/conf:/s/bundle_conf", MAIN_CLASS]


def test_no_replacement_without_an_address() -> None:
    assert not [item for item in command(make_launch(), FILES) if "replace_address" in item]


def test_the_password_is_in_the_file_and_not_on_the_command_line() -> None:
    text = jolokia_properties(Jolokia("127.0.0.1", 7199, "executor", "s3cret"), FILES.jolokia_policy)
    assert "password=s3cret\n" in text
    assert "host=127.0.0.1\nport=7199\n" in text
    assert "policyLocation=file:///s/conf/jolokia-access.xml\n" in text
    assert "\ndisabledServices=org.jolokia.service.jsr160.Jsr160RequestHandler\n" in text
    assert "-javaagent:/s/jolokia=config=/s/conf/jolokia.properties" in command(make_launch(), FILES)
