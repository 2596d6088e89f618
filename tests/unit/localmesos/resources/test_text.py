"""Durations, resources, attributes, addresses: what is written on the command line."""

import asyncio
from typing import Any

import pytest

from localmesos.election.detector import FixedDetector, ZooKeeperDetector, detector_for, parse_zk_url
from localmesos.protocol.durations import format_duration, parse_duration
from localmesos.resources.text import attribute_values, parse_attributes, parse_resources, totals

Json = dict[str, Any]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("15mins", 900), ("2secs", 2), ("500ms", 0.5), ("5", 5), ("0.5", 0.5), ("1weeks", 604800), ("1.5hrs", 5400)],
)
def test_duration_is_read(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "secs", "5 parsecs", "-1secs", "1min", "1,5secs"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a duration"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(900, "15mins"), (2, "2secs"), (0.5, "500ms"), (90, "90secs"), (3600, "1hrs"), (604800, "1weeks"), (0, "0ns")],
)
def test_duration_is_written_in_its_largest_whole_unit(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


def test_resources_of_a_command_line() -> None:
    ranges = [{"begin": 7000, "end": 7001}, {"begin": 9042, "end": 9042}]
    assert parse_resources("cpus:4; mem(role):0.5;ports:[7000-7001, 9042-9042]") == [
        {"name": "cpus", "type": "SCALAR", "scalar": {"value": 4.0}},
        {
            "name": "mem",
            "type": "SCALAR",
            "scalar": {"value": 0.5},
            "reservations": [{"type": "STATIC", "role": "role"}],
        },
        {"name": "ports", "type": "RANGES", "ranges": {"range": ranges}},
    ]


def test_resources_as_json() -> None:
    text = '[{"name": "disk", "type": "SCALAR", "scalar": {"value": 1}}]'
    assert parse_resources(text) == [{"name": "disk", "type": "SCALAR", "scalar": {"value": 1}}]


@pytest.mark.parametrize("text", ["cpus", "cpus:", ":4", "cpus:many", "ports:[5-1]", "ports:[1-]", "[1]", "[{}]"])
def test_bad_resources_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        parse_resources(text)


def test_attributes() -> None:
    attributes = parse_attributes("rack:r1;weight:2.5;slots:[1-2]")
    assert attributes[0] == {"name": "rack", "type": "TEXT", "text": {"value": "r1"}}
    assert attribute_values(attributes) == {"rack": "r1", "weight": 2.5, "slots": "[1-2]"}
    assert parse_attributes("") == []


def test_totals_sum_by_name() -> None:
    resources = parse_resources("cpus:0.1;cpus:0.2;mem:5;ports:[20-30];ports:[1-2]")
    assert totals(resources) == {"disk": 0.0, "mem": 5.0, "gpus": 0.0, "cpus": 0.3, "ports": "[1-2, 20-30]"}


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        ("zk://a:2181/mesos", ("a:2181", "/mesos")),
        ("zk://user:secret@a:1,b:2/x/y/", ("a:1,b:2", "/x/y")),
    ],
)
def test_zookeeper_address(url: str, parts: tuple[str, str]) -> None:
    assert parse_zk_url(url) == parts
    assert isinstance(detector_for(url), ZooKeeperDetector)


@pytest.mark.parametrize("text", ["host", "host:", ":5050", "host:port", "zk://a:1", "zk://a:1/", "zk:///mesos"])
def test_bad_master_address(text: str) -> None:
    with pytest.raises(ValueError, match="is n"):
        detector_for(text)


async def _leaders(detector: FixedDetector) -> list[str]:
    found = [await detector.leader()]
    detector.redirected("other:1")
    return [*found, await detector.leader(), await detector.leader()]


def test_redirection_is_tried_once_then_the_given_address_again() -> None:
    assert asyncio.run(_leaders(FixedDetector("first:1"))) == ["first:1", "other:1", "first:1"]
