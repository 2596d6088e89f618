"""A scheduler with TLS, credentials and checked bundles, from its settings to a node's failure."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from devcluster.layout import Address
from devcluster.processes import ProcessTable
from scheduler.errors import Exit
from tests.certificates import Authority
from tests.contract.test_driver import Mesos
from tests.feature.scheduler_process import Make
from tests.feature.test_bundle_digests import RESOURCES, failure, make_bundles
from tests.ports import free_port
from tests.waiting import wait_for

pytestmark = [pytest.mark.feature, pytest.mark.zookeeper, pytest.mark.timeout(180)]

PRINCIPAL, SECRET = "cassandra-principal", "correct-horse"


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "authority")


@pytest.fixture
def mesos(tmp_path: Path, authority: Authority) -> Iterator[Mesos]:
    """Return a master and an agent as Mesos has them by default: TLS 1.2 and its old ciphers."""
    issued = authority.issue("mesos", old=True)
    credentials = tmp_path / "credentials.json"
    credentials.write_text(json.dumps({"credentials": [{"principal": PRINCIPAL, "secret": SECRET}]}))
    made = Mesos(
        ProcessTable(tmp_path / "mesos"),
        Address("127.0.0.1", free_port()),
        Address("127.0.0.7", free_port("127.0.0.7")),
        resources=RESOURCES,
        environment={
            "LIBPROCESS_SSL_ENABLED": "true",
            "LIBPROCESS_SSL_CERT_FILE": str(issued.certificate),
            "LIBPROCESS_SSL_KEY_FILE": str(issued.key),
            "LIBPROCESS_SSL_CA_FILE": str(authority.ca),
        },
        options=("--credentials", str(credentials)),
    )
    made.start_master()
    made.start_agent()
    yield made
    made.stop()


def secured(mesos: Mesos, authority: Authority, directory: Path, secret: str) -> dict[str, str]:
    file = directory / "secret"
    file.write_text(f"{secret}\n")
    return {
        "MESOS_MASTER": str(mesos.address), "MESOS_CA_FILE": str(authority.ca), "SERVICE_PRINCIPAL": PRINCIPAL,
        "SERVICE_SECRET_FILE": str(file), "NODES": "1", "SEED_NODES": "1", "CASSANDRA_MEMORY_MB": "1024",
        "CASSANDRA_HEAP_SIZE_MB": "512", "CASSANDRA_DISK_MB": "512",
    }  # fmt: skip


def test_a_node_is_launched_over_tls_and_its_last_words_come_back(
    make: Make, mesos: Mesos, authority: Authority, tmp_path: Path
) -> None:
    make_bundles(tmp_path, "genuine")
    scheduler = make(**secured(mesos, authority, tmp_path, SECRET)).start()
    wait_for("the executor's words", lambda: "genuine" in failure(scheduler), 90.0)
    assert SECRET not in scheduler.said()


def test_a_wrong_secret_ends_the_scheduler_with_one_sentence(
    make: Make, mesos: Mesos, authority: Authority, tmp_path: Path
) -> None:
    scheduler = make(**secured(mesos, authority, tmp_path, "wrong-horse")).start()
    assert scheduler.exit_code(90.0) == Exit.REFUSED
    (line,) = [line for line in scheduler.said().splitlines() if "refuses the subscription with HTTP 401" in line]
    assert "look at SERVICE_PRINCIPAL and SERVICE_SECRET_FILE" in line
    assert "wrong-horse" not in scheduler.said()


def test_another_authority_is_one_sentence_in_the_log(make: Make, mesos: Mesos, tmp_path: Path) -> None:
    other = Authority(tmp_path / "other", "another authority")
    scheduler = make(**secured(mesos, other, tmp_path, SECRET)).start()
    words = f"the certificate of the Mesos master {mesos.address} is not of an authority in MESOS_CA_FILE"
    wait_for("the sentence", lambda: words in scheduler.said(), 60.0)
    assert "Traceback" not in scheduler.said()
