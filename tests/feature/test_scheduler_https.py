"""The scheduler's process over HTTPS, with real curl: certificates of server and clients, and their changes."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from devcluster.layout import Address
from devcluster.processes import ProcessTable
from localmesos.agent.fetcher.fetcher import Fetcher
from scheduler.errors import Exit
from tests.certificates import Authority, Issued
from tests.contract.test_driver import Mesos
from tests.feature.scheduler_process import Make, Scheduler
from tests.ports import free_port
from tests.unit.sealing_keys import new_key
from tests.waiting import wait_for

pytestmark = [pytest.mark.feature, pytest.mark.zookeeper, pytest.mark.timeout(180)]


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "authority")


@pytest.fixture
def files(tmp_path: Path, authority: Authority) -> dict[str, str]:
    """Return the settings of HTTPS, with a role for alice and for watcher."""
    (tmp_path / "roles").write_text("alice:operate\nwatcher:read\n")
    settings = {
        "API_CERTIFICATE_FILE": str(tmp_path / "cert.pem"),
        "API_KEY_FILE": str(tmp_path / "key.pem"),
        "API_CLIENT_CA_FILE": str(authority.ca),
        "API_CLIENT_ROLES_FILE": str(tmp_path / "roles"),
    }
    put(settings, authority.issue("api"))
    return settings


def put(settings: dict[str, str], issued: Issued) -> None:
    """Replace the files of the certificate, each at once."""
    for setting, source in (("API_CERTIFICATE_FILE", issued.certificate), ("API_KEY_FILE", issued.key)):
        path = Path(settings[setting])
        partial = path.with_suffix(".new")
        partial.touch(0o600)
        partial.write_bytes(source.read_bytes())
        partial.replace(path)


def curl(scheduler: Scheduler, path: str, *options: str, ca: Path | None = None) -> tuple[int, str]:
    """Return curl's exit code and output."""
    trust = ["--cacert", str(ca)] if ca is not None else []
    command = ["curl", "-sS", "--max-time", "20", *trust, *options, f"https://{scheduler.api}{path}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def own(issued: Issued) -> tuple[str, ...]:
    return "--cert", str(issued.certificate), "--key", str(issued.key)


def start(make: Make, authority: Authority, **settings: str) -> Scheduler:
    scheduler = make(**settings).start()
    wait_for("it serves", lambda: curl(scheduler, "/admin/ping", ca=authority.ca) == (0, "pong\n"), seconds=60)
    return scheduler


def test_https_with_curl_and_client_certificates(make: Make, authority: Authority, files: dict[str, str]) -> None:
    scheduler = start(make, authority, **files)
    alice, watcher, mallory = (own(authority.issue(name)) for name in ("alice", "watcher", "mallory"))
    wait_for("there is a plan", lambda: '"phases"' in curl(scheduler, "/v1/plan", *alice, ca=authority.ca)[1])
    code, said = curl(scheduler, "/v1/health")
    assert (code, "self-signed certificate" in said or "issuer certificate" in said) == (60, True)
    assert "A client certificate is needed" in curl(scheduler, "/v1/plan", ca=authority.ca)[1]
    interrupt = ("-X", "POST")
    assert (
        "the certificate of watcher has read"
        in curl(scheduler, "/v1/plan/interrupt", *interrupt, *watcher, ca=authority.ca)[1]
    )
    assert "The client certificate of mallory has no role" in curl(scheduler, "/v1/plan", *mallory, ca=authority.ca)[1]
    assert curl(scheduler, "/v1/plan/interrupt", *interrupt, *alice, ca=authority.ca)[0] == 0
    events = json.loads(curl(scheduler, "/v1/events", *watcher, ca=authority.ca)[1])["events"]
    assert [event["principal"] for event in events if event["kind"] == "COMMAND"] == ["alice"]
    plain = subprocess.run(["curl", "-sS", f"http://{scheduler.api}/v1/health"], capture_output=True, check=False)
    assert json.loads(plain.stdout) == {"message": "This port speaks HTTPS: write https:// instead of http://."}
    metrics = curl(scheduler, "/metrics", *watcher, ca=authority.ca)[1]
    assert "cassandra_scheduler_api_certificate_seconds_left 8" in metrics

    roles = Path(files["API_CLIENT_ROLES_FILE"])
    roles.write_text("watcher:read\n")
    wait_for("alice is refused", lambda: "alice has no role" in curl(scheduler, "/v1/plan", *alice, ca=authority.ca)[1])


def test_a_certificate_that_changes_while_it_runs(
    make: Make, authority: Authority, files: dict[str, str], tmp_path: Path
) -> None:
    scheduler = start(make, authority, **files)
    watcher = own(authority.issue("watcher"))
    other = Authority(tmp_path / "other")
    put(files, other.issue("api"))
    wait_for("the new one is used", lambda: curl(scheduler, "/admin/ping", ca=other.ca) == (0, "pong\n"))
    Path(files["API_KEY_FILE"]).write_bytes(authority.issue("wrong").key.read_bytes())

    def warned() -> bool:
        found = curl(scheduler, "/v1/health", ca=other.ca)[1]
        return "API_KEY_FILE" in found and "is not the key of the certificate" in found

    wait_for("health has the reason", warned, seconds=30)
    kinds = [event["kind"] for event in json.loads(curl(scheduler, "/v1/events", *watcher, ca=other.ca)[1])["events"]]
    assert kinds.count("CERTIFICATE") >= 2
    put(files, authority.issue("again"))
    wait_for("the repaired one is used", lambda: curl(scheduler, "/admin/ping", ca=authority.ca) == (0, "pong\n"))


def test_a_certificate_of_the_own_authority(make: Make, tmp_path: Path) -> None:
    settings = {"API_CERTIFICATE": "own", "SECRETS_KEY": new_key()}
    scheduler = make(**settings).start()
    ca = tmp_path / "ca.pem"

    def get_authority() -> bool:
        code, said = curl(scheduler, "/v1/certificates/authorities", "--insecure")
        ca.write_text(said)
        return code == 0 and said.startswith("-----BEGIN CERTIFICATE-----")

    wait_for("anybody can read the authority", get_authority, seconds=60)
    shown = subprocess.run(
        ["openssl", "x509", "-in", str(ca), "-noout", "-fingerprint", "-sha256"],
        capture_output=True, text=True, check=True,
    ).stdout.strip().partition("=")[2]  # fmt: skip
    wait_for("the certificate is of it", lambda: curl(scheduler, "/admin/ping", ca=ca) == (0, "pong\n"))
    assert f"the API's certificate is of the authority with the SHA-256 {shown}" in scheduler.said()
    document = json.loads(curl(scheduler, "/v1/certificates", ca=ca)[1])
    (authority,) = document["authorities"]
    assert (document["encryption"], document["api"]["source"]) == ("off", "own")
    assert document["api"]["authority"] == authority["fingerprint"]

    scheduler.stop()
    again = make(**settings).start()
    wait_for("the next one is trusted too", lambda: curl(again, "/admin/ping", ca=ca) == (0, "pong\n"), seconds=60)
    found = json.loads(curl(again, "/v1/certificates", ca=ca)[1])
    assert found["authorities"] == document["authorities"]
    assert found["api"]["serial"] != document["api"]["serial"]


def put_authority(folder: Path, name: str) -> Path:
    """Replace the files of the authority, each at once; return its certificate."""
    made = Authority(folder / name, name)
    for file, content in (("key.pem", made.key_pem()), ("ca.pem", made.ca.read_bytes())):
        partial = folder / f"{file}.new"
        partial.write_bytes(content)
        partial.replace(folder / file)
    return made.ca


@pytest.fixture
def master(tmp_path: Path) -> Iterator[Address]:
    """Return the address of a master without agents."""
    address = Address("127.0.0.1", free_port())
    mesos = Mesos(ProcessTable(tmp_path / "mesos"), address, Address("127.0.0.7", free_port("127.0.0.7")))
    mesos.start_master()
    yield address
    mesos.stop()


def test_the_own_certificate_follows_a_rotation_of_files_through_a_crash(
    make: Make, master: Address, tmp_path: Path
) -> None:
    old = put_authority(tmp_path, "old")
    files = {
        "SECURITY_CA_CERTIFICATE_FILE": str(tmp_path / "ca.pem"),
        "SECURITY_CA_KEY_FILE": str(tmp_path / "key.pem"),
    }
    scheduler = make(API_CERTIFICATE="own", MESOS_MASTER=str(master), **files).start()
    wait_for("the old one signs", lambda: curl(scheduler, "/admin/ping", ca=old) == (0, "pong\n"), seconds=60)
    new = put_authority(tmp_path, "new")

    def phase(ca: Path) -> object:
        code, said = curl(scheduler, "/v1/certificates", ca=ca)
        return json.loads(said)["rotation"] if code == 0 else said

    wait_for("the rotation has begun", lambda: phase(old) == "TRUST_BOTH", seconds=30)
    scheduler.stop()
    scheduler.start()
    # The key of the old one is gone with its files.
    wait_for("the new one signs", lambda: phase(new) == "TRUST_BOTH", seconds=60)
    code, said = curl(scheduler, "/v1/plans/certificates/continue", "-X", "PUT", "--fail-with-body", ca=new)
    assert code == 0, said
    wait_for("the rotation is complete", lambda: phase(new) is None, seconds=60)
    found = json.loads(curl(scheduler, "/v1/certificates", ca=new)[1])
    assert [authority["certificate"] for authority in found["authorities"]] == [new.read_text()]
    assert found["api"]["authority"] == found["authorities"][0]["fingerprint"]
    assert curl(scheduler, "/admin/ping", ca=old)[0] != 0


def test_agents_and_the_command_line(make: Make, authority: Authority, files: dict[str, str], tmp_path: Path) -> None:
    scheduler = start(make, authority, **files)
    sandbox = tmp_path / "sandbox"
    sandbox.mkdir()
    address = f"https://{scheduler.api}/v1/artifacts/executor.tar.gz"

    async def fetch() -> None:
        fetcher = Fetcher(tmp_path / "cache", authority.ca)
        try:
            await fetcher.fetch([{"value": address, "extract": False}], sandbox, lambda line: None)
        finally:
            await fetcher.close()

    (tmp_path / "executor.tar.gz").write_bytes(b"bundle" * 100_000)
    asyncio.run(fetch())
    assert (sandbox / "executor.tar.gz").read_bytes() == b"bundle" * 100_000

    alice = authority.issue("alice")
    trust = {"CASSANDRA_MESOS_URL": f"https://{scheduler.api}", "CASSANDRA_MESOS_CA": str(authority.ca)}
    certificate = {"CASSANDRA_MESOS_CERT": str(alice.certificate), "CASSANDRA_MESOS_KEY": str(alice.key)}
    wait_for("there is a plan", lambda: command_line({**trust, **certificate}, "plan", "list")[0] == 0)
    assert command_line({**trust, **certificate}, "plan", "interrupt", "deploy")[0] == 0
    code, said = command_line(trust, "plan", "list")
    assert (code, said) == (7, "A client certificate is needed, of an authority in API_CLIENT_CA_FILE.\n")
    code, said = command_line({"CASSANDRA_MESOS_URL": trust["CASSANDRA_MESOS_URL"]}, "plan", "list")
    assert code == 8
    assert said.endswith("the authority of its certificate is not trusted: give its file with --ca.\n")


def command_line(environment: dict[str, str], *arguments: str) -> tuple[int, str]:
    """Return the exit code and the error output of the command line."""
    done = subprocess.run(
        [sys.executable, "-m", "cli", *arguments],
        env={**os.environ, "CASSANDRA_MESOS_CONFIG": "/nonexistent/config", **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stderr


def test_all_problems_at_the_start(make: Make, authority: Authority, files: dict[str, str]) -> None:
    Path(files["API_KEY_FILE"]).chmod(0o644)
    Path(files["API_CLIENT_ROLES_FILE"]).write_text("alice\n")
    scheduler = make(**files, NODES="0").start()
    assert scheduler.exit_code() == Exit.SETTINGS
    said = scheduler.said()
    assert all(setting in said for setting in ("API_KEY_FILE", "API_CLIENT_ROLES_FILE", "NODES"))
