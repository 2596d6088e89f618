"""TLS between scheduler, master, agent and executor, as real processes, and one sentence for each way it fails."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator, Mapping
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from devcluster.layout import Address
from devcluster.processes import ProcessTable
from executor.protocol import NodeLaunch, Ports, encode_launch, parse_status
from scheduler.core.cycle.decision import Accept, Purpose
from scheduler.core.mesos.updates import Registered, TaskUpdate
from scheduler.driver.driver import Driver
from scheduler.driver.route import make_context
from scheduler.loop.last_words import read
from scheduler.loop.messages import Offers, Update
from scheduler.loop.sandbox import Sandbox
from scheduler.security.tls import Tls
from tests.certificates import DAY, Authority, Issued
from tests.contract.conftest import ROOT, Server
from tests.contract.test_driver import Listener, Mesos, Start, start
from tests.ports import free_port
from tests.waiting import wait_for

__all__ = ["start"]
pytestmark = [pytest.mark.feature, pytest.mark.timeout(120)]

ENABLED = {"LIBPROCESS_SSL_ENABLED": "true"}
MODERN = {"LIBPROCESS_SSL_CIPHERS": "ECDHE+AESGCM:DHE+AESGCM", "LIBPROCESS_SSL_ENABLE_TLS_V1_3": "true"}


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "authority")


@pytest.fixture
def mesos(tmp_path: Path) -> Iterator[Mesos]:
    address = Address("127.0.0.1", free_port())
    made = Mesos(ProcessTable(tmp_path), address, Address("127.0.5.3", free_port("127.0.5.3")))
    yield made
    made.stop()


def served(authority: Authority, issued: Issued, **more: str) -> dict[str, str]:
    """Return the variables of a master or agent with this certificate."""
    files = {"CERT_FILE": str(issued.certificate), "KEY_FILE": str(issued.key), "CA_FILE": str(authority.ca)}
    return ENABLED | {f"LIBPROCESS_SSL_{name}": value for name, value in (files | more).items()}


def client(authority: Authority, issued: Issued | None = None) -> Tls:
    return Tls(str(authority.ca), *(() if issued is None else (str(issued.certificate), str(issued.key))))


def accept(driver: Driver, listener: Listener, task: Mapping[str, Any]) -> None:
    (offer,) = listener.wait_for(Offers).offers
    role = offer["allocation_info"]["role"]
    resources = [
        {"name": name, "type": "SCALAR", "scalar": {"value": value}, "allocation_info": {"role": role}}
        for name, value in (("cpus", 0.1), ("mem", 32.0))
    ]
    info = {"name": "t", "task_id": {"value": "t1"}, "agent_id": offer["agent_id"], "resources": resources, **task}
    launch = {"type": "LAUNCH", "launch": {"task_infos": [info]}}
    driver.accept(Accept(Purpose.NODE, "node-0", (offer["id"]["value"],), (launch,)))


def until(driver: Driver, listener: Listener, state: str) -> TaskUpdate:
    """Acknowledge updates until one has this state, and return it."""
    while True:
        update = listener.wait_for(Update)
        assert isinstance(update.event, TaskUpdate)
        if update.acknowledgement is not None:
            driver.acknowledge(update.acknowledgement)
        if update.event.state.value == state:
            return update.event


@pytest.mark.parametrize("modern", [False, True], ids=["Mesos' default ciphers", "TLS 1.3 and own certificates"])
def test_a_command_runs_over_tls(mesos: Mesos, start: Start, authority: Authority, modern: bool) -> None:
    more = {"REQUIRE_CERT": "true"} if modern else {}
    mesos.environment = served(authority, authority.issue("mesos", old=not modern), **more) | (MODERN if modern else {})
    executors = mesos.environment | {"LIBPROCESS_SSL_CA_FILE": str(authority.ca)}
    if modern:
        # The agent demands a certificate of its executors too, which localmesos' own command executor has not.
        executors = {}
    mesos.agent_options = ("--executor-environment-variables", json_of(executors))
    mesos.start_master()
    mesos.start_agent()
    driver, listener = start(tls=client(authority, authority.issue("scheduler") if modern else None))
    listener.wait_for(Registered)
    driver.suppress()
    driver.revive()
    if modern:
        assert listener.wait_for(Offers).offers
        return
    accept(driver, listener, {"command": {"value": "exit 0"}})
    until(driver, listener, "TASK_FINISHED")


def json_of(variables: Mapping[str, str]) -> str:
    pairs = ", ".join(f'"{name}": "{value}"' for name, value in variables.items())
    return f"{{{pairs}}}"


def test_our_executor_reaches_an_agent_over_tls_with_its_token(
    mesos: Mesos, start: Start, authority: Authority, tmp_path: Path
) -> None:
    own = authority.issue("executor")
    agent = served(authority, authority.issue("mesos", "127.0.5.3"), REQUIRE_CERT="true") | MODERN
    mesos.environment = agent
    variables = served(authority, own, VERIFY_IPADD="true")
    mesos.agent_options = ("--authenticate-http-executors", "--executor-environment-variables", json_of(variables))
    mesos.start_master()
    mesos.start_agent()
    # Its certificate is for the agent's address; the master's is compared by the agent with the authority alone.
    mesos.kill("master")
    mesos.environment = served(authority, authority.issue("master"), REQUIRE_CERT="true") | MODERN
    mesos.start_master()
    tls = client(authority, authority.issue("scheduler"))
    driver, listener = start(tls=tls)
    launch = NodeLaunch(
        node="node-0", cluster_name="c", configuration="x", data_center="dc1", rack="r1", seeds=(), self_seed=True,
        heap_mb=128, ports=Ports(), paused=True,
    )  # fmt: skip
    command = {
        "value": f"mkdir volume && exec {sys.executable} -m executor",
        "environment": {"variables": [{"name": "PYTHONPATH", "value": str(ROOT)}]},
    }
    executor = {"type": "CUSTOM", "executor_id": {"value": "e1"}, "command": command}
    framework = listener.wait_for(Registered).framework_id
    executor["framework_id"] = {"value": framework}
    accept(driver, listener, {"executor": executor, "data": encode_launch(launch)})
    status = until(driver, listener, "TASK_RUNNING")
    assert parse_status(status.data or "").mode == "PAUSED"
    # The end of an executor's stderr comes from the agent, over TLS as well.
    sandbox = Sandbox("t1", framework, "e1", "127.0.5.3", f"http://{mesos.agent}")
    assert "subscribed at agent" in read(sandbox, partial(make_context, tls))
    assert "could not be read" in read(sandbox)


@pytest.mark.zookeeper
@pytest.mark.parametrize("by_name", [True, False], ids=["its name", "its address"])
def test_a_master_from_zookeeper_has_a_certificate_for(
    mesos: Mesos, start: Start, authority: Authority, running: Server, by_name: bool
) -> None:
    mesos.zookeeper = f"zk://{running.hosts}/mesos-{free_port()}"
    mesos.options = ("--hostname", "mesos.example")
    mesos.environment = served(authority, authority.issue("mesos", hosts=["mesos.example"] if by_name else [])) | MODERN
    mesos.start_master()
    log = mesos.table.directory / "logs" / "master.log"
    wait_for("the election", lambda: "leading as" in log.read_text(), 60.0)
    _, listener = start(tls=client(authority))
    listener.wait_for(Registered, 60.0)


def failing(authority: Authority, tmp_path: Path) -> Mapping[str, tuple[dict[str, str], Tls, str]]:
    """Return the variables of the master, the scheduler's files and its words, by the case."""
    other = Authority(tmp_path / "other", "another authority")
    good, ours = authority.issue("mesos"), client(authority)
    expired = authority.issue("expired", lasts=-DAY)
    later = authority.issue("later", begins=timedelta(hours=1), lasts=2 * DAY)
    named = authority.issue("named", hosts=["mesos.example"])
    return {
        "wrong CA": (served(authority, good), client(other), "is not of an authority in MESOS_CA_FILE"),
        "expired": (served(authority, expired), ours, "has expired: renew it"),
        "not yet": (served(authority, later), ours, "is not valid yet: look at the clocks of both machines"),
        "other name": (served(authority, named), ours, "is not for 127.0.0.1: it needs this as an alternative name"),
        "no TLS": ({}, ours, "does not speak TLS: enable it there, or connect without it"),
        "no certificate": (
            served(authority, good, REQUIRE_CERT="true") | {"LIBPROCESS_SSL_ENABLE_TLS_V1_3": "true"},
            ours,
            "look whether it accepts the certificate of MESOS_CERTIFICATE_FILE",
        ),
        "foreign certificate": (
            served(authority, good, REQUIRE_CERT="true"),
            client(authority, other.issue("foreign")),
            "look whether it accepts the certificate of MESOS_CERTIFICATE_FILE",
        ),
    }


CASES = ("wrong CA", "expired", "not yet", "other name", "no TLS", "no certificate", "foreign certificate")


@pytest.mark.parametrize("case", CASES)
def test_each_failure_is_one_sentence_and_is_tried_again(
    mesos: Mesos, start: Start, authority: Authority, tmp_path: Path, caplog: pytest.LogCaptureFixture, case: str
) -> None:
    caplog.set_level(logging.WARNING)
    variables, tls, words = failing(authority, tmp_path)[case]
    mesos.environment = MODERN | {"LIBPROCESS_SSL_ENABLE_TLS_V1_3": "false"} | variables
    mesos.start_master()
    start(tls=tls)

    def said() -> list[str]:
        return [record.getMessage() for record in caplog.records if words in record.getMessage()]

    wait_for("two attempts", lambda: len(said()) >= 2, 20.0)
    assert f"the Mesos master {mesos.address}" in said()[0]
    assert not [record for record in caplog.records if record.exc_info]
