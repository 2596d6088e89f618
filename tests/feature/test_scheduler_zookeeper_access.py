"""The scheduler process with credentials for ZooKeeper: switched on, changed, and without the right."""

from __future__ import annotations

from pathlib import Path

import pytest
from kazoo.client import KazooClient
from kazoo.exceptions import NoAuthError

from scheduler.errors import Exit
from tests.certificates import Authority
from tests.contract.conftest import Server
from tests.feature.scheduler_process import Make, Scheduler
from tests.waiting import patient, wait_for

pytestmark = [pytest.mark.feature, pytest.mark.zookeeper, pytest.mark.timeout(120)]

PASSWORD = "correct-horse-battery"


def write_credentials(path: Path, *lines: str) -> str:
    path.write_text("".join(f"{line}\n" for line in lines))
    path.chmod(0o600)
    return str(path)


def started(scheduler: Scheduler) -> Scheduler:
    wait_for("it serves", lambda: scheduler.status("/v1/plan") == 200)
    return scheduler


def test_credentials_close_an_open_tree_and_the_password_shows_nowhere(
    make: Make, running: Server, zookeeper: KazooClient, tmp_path: Path
) -> None:
    scheduler = make()
    started(scheduler.start()).stop()
    assert zookeeper.get(f"{scheduler.root}/target")[0]
    file = write_credentials(tmp_path / "credentials", f"alice:{PASSWORD}")
    secured = {"ZOOKEEPER_CREDENTIALS_FILE": file, "LOG_LEVEL": "DEBUG"}
    started(scheduler.start(**secured))
    assert scheduler.process is not None
    arguments = Path(f"/proc/{scheduler.process.pid}/cmdline").read_bytes()
    assert "got the ACL of the user alice; no other client can read them" in scheduler.said()
    assert PASSWORD not in scheduler.said()
    assert PASSWORD.encode() not in arguments
    for path in (scheduler.root, f"{scheduler.root}/target", f"{scheduler.root}/lock"):
        with pytest.raises(NoAuthError):
            zookeeper.get(path)
        with pytest.raises(NoAuthError):
            zookeeper.create(f"{path}/x")
    scheduler.stop()
    own = KazooClient(running.hosts, auth_data=[("digest", f"alice:{PASSWORD}")])
    own.start(timeout=patient(15))
    try:
        names = own.get_children(f"{scheduler.root}/configurations")
        for path in (f"{scheduler.root}/target", *(f"{scheduler.root}/configurations/{name}" for name in names)):
            assert PASSWORD.encode() not in own.get(path)[0]
    finally:
        own.stop()
        own.close()


@pytest.mark.parametrize("readers", ["none", "world"])
@pytest.mark.parametrize("other", ["", "alice:another-password"])
def test_without_the_right_it_ends_at_once_with_one_sentence(
    make: Make, tmp_path: Path, readers: str, other: str
) -> None:
    file = write_credentials(tmp_path / "credentials", f"alice:{PASSWORD}")
    scheduler = make(ZOOKEEPER_READERS=readers)
    started(scheduler.start(ZOOKEEPER_CREDENTIALS_FILE=file)).stop()
    before = len(scheduler.said())
    given = {"ZOOKEEPER_CREDENTIALS_FILE": write_credentials(tmp_path / "other", other)} if other else {}
    scheduler.start(**given)
    assert scheduler.exit_code() == Exit.UNAUTHORIZED
    said = scheduler.said()[before:]
    assert f"ends with code 17 (UNAUTHORIZED): ZooKeeper refuses access to {scheduler.root}/lock (NoAuth)" in said
    assert "trying again" not in said
    assert "Traceback" not in said


def test_a_rotated_password_is_taken_over_at_the_next_start(make: Make, tmp_path: Path) -> None:
    scheduler = make()
    file = write_credentials(tmp_path / "credentials", f"alice:{PASSWORD}")
    started(scheduler.start(ZOOKEEPER_CREDENTIALS_FILE=file)).stop()
    write_credentials(tmp_path / "credentials", "alice:the-next-password", f"alice:{PASSWORD}")
    started(scheduler.start(ZOOKEEPER_CREDENTIALS_FILE=file)).stop()
    write_credentials(tmp_path / "credentials", "alice:the-next-password")
    started(scheduler.start(ZOOKEEPER_CREDENTIALS_FILE=file)).stop()
    write_credentials(tmp_path / "credentials", f"alice:{PASSWORD}")
    scheduler.start(ZOOKEEPER_CREDENTIALS_FILE=file)
    assert scheduler.exit_code() == Exit.UNAUTHORIZED


def test_a_plain_port_in_place_of_tls_is_shown_by_the_api(make: Make, running: Server, tmp_path: Path) -> None:
    scheduler = make(ZOOKEEPER_CA_FILE=str(Authority(tmp_path / "pki").ca)).start()
    sentence = "no connection to ZooKeeper after 15 s: "
    wait_for("the log has the cause", lambda: sentence in scheduler.said(), 40.0)
    wait_for("the API has it", lambda: sentence in scheduler.body("/v1/plan"))
    assert running.hosts in scheduler.body("/v1/plan")
    assert scheduler.runs()
