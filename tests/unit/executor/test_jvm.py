from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from executor.jvm import MAIN_CLASS, Files, command, jolokia_properties
from executor.protocol import Ports
from tests.unit.executor.sandbox import make_launch

FILES = Files(**{item.name: Path("/s") / item.name for item in fields(Files)})


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
    arguments = command(make_launch("-Xss512k"), FILES)
    assert arguments[:2] == ["/s/java", "@/s/bundle_conf/jvm17.options"]
    assert arguments[-4:] == ["-Xss512k", "-cp", "/s/conf:/s/bundle_conf:/s/library/*", MAIN_CLASS]


def test_no_replacement_without_an_address() -> None:
    assert not [item for item in command(make_launch(), FILES) if "replace_address" in item]


def test_the_password_is_in_the_file_and_not_on_the_command_line() -> None:
    text = jolokia_properties("10.0.0.1", Ports(), "executor", "s3cret")
    assert "password=s3cret\n" in text
    assert "host=10.0.0.1\n" in text
    assert "-javaagent:/s/jolokia=config=/s/conf/jolokia.properties" in command(make_launch(), FILES)
