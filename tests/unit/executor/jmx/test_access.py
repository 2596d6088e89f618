"""The policy of Jolokia names what the executor's source calls."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import executor
from executor.jmx.access import ALLOWED, policy
from executor.jmx.jolokia import STORAGE_SERVICE

SOURCES = [path for path in Path(executor.__file__).parent.rglob("*.py") if path.name != "access.py"]


def test_policy_is_what_jolokia_reads() -> None:
    root = ElementTree.fromstring(policy())
    assert [item.tag for item in root] == ["http", "commands", "allow"]
    assert [item.text for item in root.iter("command")] == ["search", "notification"]
    assert [item.text for item in root.iter("name")] == list(ALLOWED)
    assert all(item.get("mode") == "read" for item in root.iter("attribute"))


def test_nothing_is_open_but_our_own() -> None:
    assert [name for name, found in ALLOWED.items() if "*" in (*found.operations, *found.attributes)] == [
        "mesos.cassandra:*"
    ]


def test_all_that_is_called_of_storage_service() -> None:
    """What is called by a name that a variable has is called by the feature tests."""
    allowed = ALLOWED[STORAGE_SERVICE]
    text = "\n".join(path.read_text() for path in SOURCES)
    operations = set(re.findall(r'STORAGE_SERVICE, "(\w+(?:\([^"]*\))?)", \[', text))
    attributes = set(re.findall(r'Attribute\(STORAGE_SERVICE, "(\w+)"\)', text))
    assert operations
    assert operations <= set(allowed.operations)
    assert attributes
    assert attributes <= set(allowed.attributes)
