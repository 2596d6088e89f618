"""What commands send, and that every request is in the OpenAPI document."""

from __future__ import annotations

import io
import json
import re
import tarfile
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from api import BLUEPRINTS, create_app
from api.http.path_template import path_template
from api.openapi.document import describe
from bench.large import deployed
from cli import nodes
from cli.commands import events, status
from cli.reasons import ADVICE
from scheduler.core.configuration.target import choose_canary
from scheduler.core.events.log import add_entries
from scheduler.core.nodes.certificates import fingerprint
from scheduler.core.plans.build import build_plans
from scheduler.core.state.authority import RotationPhase
from scheduler.core.state.event import Entry, EntryKind
from scheduler.core.state.reason import Code
from scheduler.loop.snapshot import Snapshot
from scheduler.security.api_certificate import CertificateFiles, identify
from tests.certificates import Authority
from tests.unit.api.cluster import NOW, CoreGateway, make_node, make_settings, make_state
from tests.unit.api.endpoints.test_certificates import ISSUER, encrypted
from tests.unit.api.maintenance import run, uploading
from tests.unit.cli.serving import CommandLine, Served, serve
from tests.unit.scheduler.loop.test_last_words import FilesOfAnAgent
from tests.unit.sealing_keys import new_key

AT = "-l s3://bucket/cluster-1"
# Every command that asks the API, as an operator would write it.
LINES = (
    "status", "plan list", "plan status deploy", "plan show recovery", "plan pause deploy", "plan resume deploy",
    "plan interrupt recovery", "plan continue recovery", "plan force-restart deploy Deploy node-0",
    "plan restart deploy node-0", "plan force-complete deploy node-0 -y", "node list", "node show 0", "pod info node-0",
    "node logs 0",
    "node status 0", "node restart 0 -y", "node cancel 0", "node restart all -y --force", "node replace 1 -y --force",
    "node decommission 2 -y --force", "node replace 2 --decommission -y --force", "node pause 1 -y --force",
    "node resume 1", "op list --all", "op show backup", "op retry backup", "op stop backup -y",
    "op continue repair", "op tune backup --throttle 5", "op history backup-verify", "repair start --keyspace shop",
    "repair status", "repair stop -y", "repair continue", "repair history", "cleanup start --node 0,1 --parallelism 2",
    "compact status", "scrub stop -y", "flush continue", "upgradesstables history", "garbagecollect start",
    f"backup start tuesday {AT}", f"backup list {AT}", f"backup show monday {AT}", f"backup verify monday {AT}",
    f"backup delete monday {AT} -y", f"backup delete --keep-last 3 {AT} -y", "backup status", "backup stop -y",
    "backup tune --throttle 0", "backup history", f"restore plan monday {AT}", f"restore start monday {AT} --dry-run",
    f"restore start monday {AT} -y --trust --rename shop=shop2", f"backup verify monday {AT} --trust",
    "restore status", "restore stop -y",
    "restore tune --throttle 1", "op watch repair --timeout 0.1",
    "restore history", "config get", "config get cassandra.heap.size_mb", "config diff CASSANDRA_HEAP_SIZE_MB=1024",
    "config set CASSANDRA_HEAP_SIZE_MB=1024 -y --canary", "config rollback -y", "config history", "connection",
    "canary status", "canary continue", "cert status", "cert status --authorities", "cert renew 0",
    "cert rotate --no-wait", "user list", "user rotate", "user status", "connection --address", "connection --dns",
    "connection --cqlshrc", "connection --driver-snippet", "seeds",
    "events", "events --since 2h --node 0 --kind COMMAND --limit 5", "offers", "offers why 0", "why 0", "why deploy",
    "health", "garbage", "version", "api GET /v1/plan", "api POST /v1/plan?cmd=interrupt", "uninstall cassandra -y",
)  # fmt: skip


def test_every_request_is_in_the_openapi_document(cli: CommandLine, served: Served, tmp_path: Path) -> None:
    for line in LINES:
        ran = cli(*line.split())
        assert ran.code in (0, 1, 3, 4, 5, 6, 8, 9), (line, ran)
    assert cli("support", "bundle", "--node-status", "--file", str(tmp_path / "bundle.tar.gz")).code == 0
    paths: Mapping[str, Any] = describe(BLUEPRINTS)["paths"]
    asked = {(method.lower(), path_template(rule)) for method, rule in served.rules}
    assert [(method, path) for method, path in sorted(asked) if method not in paths.get(path, {})] == []
    # What is not asked: other names of the same, single values of the target, the artifacts, and what the page draws.
    unasked = {path for path in paths if path not in {path for _, path in asked}}
    assert unasked <= {
        "/v1/plans/{plan}", "/v1/plan/{name}", "/v1/nodes/connect", "/v1/nodes/connect/address",
        "/v1/nodes/connect/dns",
        "/v1/nodes/{node}/restart", "/v1/nodes/replace", "/v1/config/cassandra", "/v1/config/executor",
        "/v1/config/nodes", "/v1/config/seed-nodes", "/v1/state/frameworkId", "/v1/state/properties", "/admin/ping",
        "/v1/artifacts/{name}", "/v1/openapi.json", "/v1/events/stream", "/v1/backup/{work}/stop",
        "/v1/schema", "/v1/certificates/authorities",
        "/v1/backup/{work}/curve",
    }  # fmt: skip


@pytest.mark.parametrize("line", ["plan list", "node list", "op list", "seeds", "connection", "events", "health"])
@pytest.mark.parametrize("form", ["table", "wide", "json", "yaml", "tsv", "name"])
def test_each_output(form: str, line: str, cli: CommandLine, served: Served) -> None:
    before, after = cli("-o", form, *line.split()), cli(*line.split(), "-o", form)
    assert (before.code, before.err) == (0, "")
    assert before.out == after.out
    assert "\x1b" not in before.out
    match form:
        case "json":
            json.loads(before.out)
        case "yaml":
            yaml.safe_load(before.out)
        case "name":
            assert " " not in before.out.replace("plan ", "")


@pytest.mark.parametrize(
    ("line", "path"),
    [
        ("plan status deploy", "/v1/plans/deploy"),
        ("node show 0", "/v1/nodes/node-0/info"),
        ("repair status", "/v1/repair/status"),
        ("config get", "/v1/config"),
        ("events", "/v1/events"),
    ],
)
def test_json_is_the_document_of_the_api(line: str, path: str, cli: CommandLine, served: Served) -> None:
    assert json.loads(cli(*line.split(), "-o", "json").out) == json.loads(cli("api", "GET", path).out)


def test_a_client_of_a_cluster_with_tls_gets_the_authority(
    cli: CommandLine, served: Served, gateway: CoreGateway
) -> None:
    target = gateway.state.target
    cassandra = replace(target.spec.cassandra, encryption="required")
    gateway.state = replace(gateway.state, target=replace(target, spec=replace(target.spec, cassandra=cassandra)))
    assert "[ssl]\ncertfile = cassandra-ca.pem\nvalidate = true\n" in cli("connection", "--cqlshrc").out
    snippet = cli("connection", "--driver-snippet").out
    assert "port=9042, ssl_context=context," in snippet
    compile(snippet, "snippet", "exec")


def test_the_certificate_of_the_api_is_below_those_of_the_nodes(
    cli: CommandLine, gateway: CoreGateway, tmp_path: Path
) -> None:
    issued = Authority(tmp_path).issue("api")
    identity = identify(CertificateFiles(str(issued.certificate), str(issued.key)).read(), time.time())
    with serve(create_app(gateway, make_settings(), identity=lambda: identity)) as served:
        ran = cli("--url", served.url, "cert", "status")
    (line,) = [line for line in ran.out.splitlines() if line.startswith("API")]
    assert line.startswith(f"API: certificate of source file, serial {identity.serial}, valid until 20")


def test_tables_without_keyspaces_are_sent(cli: CommandLine, served: Served, gateway: CoreGateway) -> None:
    assert cli("cleanup", "start", "--table", "users", "--node", "1").code == 0
    operation = gateway.state.operations["cleanup"]
    assert operation.request["column_families"] == ["users"]
    assert operation.nodes == ("node-1",)


def test_an_operation_that_starts_reports_its_id(cli: CommandLine, served: Served, gateway: CoreGateway) -> None:
    ran = cli("flush", "start", "-o", "name")
    assert ran.out == f"{gateway.state.operations['flush'].id}\n"


class TestSecrets:
    """They come from files, the environment or a person; no option takes them."""

    @pytest.fixture
    def url(self, gateway: CoreGateway) -> object:
        with serve(create_app(gateway, make_settings(SECRETS_KEY=new_key()))) as found:
            yield found.url

    def test_of_a_file(self, url: str, cli: CommandLine, gateway: CoreGateway, tmp_path: Path) -> None:
        file = tmp_path / "credentials"
        file.write_text("[default]\naws_access_key_id = key\naws_secret_access_key = secret-1\n")
        file.chmod(0o600)
        ran = cli("--url", url, "backup", "list", *AT.split(), "--s3-credentials", str(file))
        assert ran.code == 0, ran
        given = gateway.asked[-1][1]["secrets"]
        assert {name: value for name, value in given.items() if name.startswith("s3_")} == {
            "s3_access_key": "key", "s3_secret_key": "secret-1"
        }  # fmt: skip

    def test_of_the_environment(
        self, url: str, cli: CommandLine, gateway: CoreGateway, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret-1")
        monkeypatch.delenv("AWS_SESSION_TOKEN", raising=False)
        assert cli("--url", url, "backup", "list", *AT.split(), "--s3-credentials", "env").code == 0
        assert gateway.asked[-1][1]["secrets"]["s3_secret_key"] == "secret-1"

    def test_without_a_person(self, url: str, cli: CommandLine) -> None:
        assert cli("--url", url, "backup", "list", *AT.split(), "--s3-credentials", "prompt").code == 2

    @pytest.mark.parametrize("text", ["", "[default]\naws_access_key_id = key\n", "secret-1"])
    def test_a_bad_file(self, text: str, url: str, cli: CommandLine, tmp_path: Path) -> None:
        (tmp_path / "credentials").write_text(text)
        (tmp_path / "credentials").chmod(0o600)
        ran = cli("--url", url, "backup", "list", *AT.split(), "--s3-credentials", str(tmp_path / "credentials"))
        assert ran.code == 2
        assert "secret-1" not in ran.err


class TestConfig:
    """`config`: exit codes of diff, files of settings, and overrides that are removed."""

    def test_diff(self, cli: CommandLine, served: Served) -> None:
        assert cli("config", "diff", "CASSANDRA_HEAP_SIZE_MB=2048").code == 0
        assert cli("config", "diff", "CASSANDRA_HEAP_SIZE_MB=1024").code == 1
        assert cli("config", "diff", "NONSENSE=1").code == 2
        assert cli("--url", "127.0.0.1:1", "config", "diff", "NODES=4").code == 8

    def test_set_and_unset(self, cli: CommandLine, served: Served, gateway: CoreGateway, tmp_path: Path) -> None:
        (tmp_path / "settings.yaml").write_text("CASSANDRA_HEAP_SIZE_MB: 1024\n")
        assert cli("config", "set", "-y", "-f", str(tmp_path / "settings.yaml")).code == 0
        assert gateway.state.target.spec.cassandra.heap_mb == 1024
        assert cli("config", "set", "-y", "--unset", "CASSANDRA_HEAP_SIZE_MB").code == 0
        assert gateway.state.target.spec.cassandra.heap_mb == 2048

    def test_without_yes(self, cli: CommandLine, served: Served, gateway: CoreGateway) -> None:
        ran = cli("config", "set", "CASSANDRA_HEAP_SIZE_MB=1024")
        assert (ran.code, "3 nodes would restart" in ran.err) == (2, True)
        assert gateway.submitted == []

    def test_edit(
        self, cli: CommandLine, served: Served, gateway: CoreGateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        editor = tmp_path / "editor"
        editor.write_text('#!/bin/sh\necho "CASSANDRA_HEAP_SIZE_MB: 1024" >> "$1"\n')
        editor.chmod(0o700)
        monkeypatch.setenv("VISUAL", str(editor))
        assert cli("config", "edit", "-y").code == 0
        assert gateway.state.target.spec.cassandra.heap_mb == 1024
        editor.write_text('#!/bin/sh\nsed -i "/HEAP/d" "$1"\n')
        assert cli("config", "edit", "-y").code == 0
        assert gateway.state.target.spec.cassandra.heap_mb == 2048

    @pytest.mark.parametrize(
        ("line", "code", "words"),
        [("CASSANDRA_HEAP_SIZE_MB: none", 1, "CASSANDRA_HEAP_SIZE_MB must be"), ("not: [yaml", 2, "are not YAML")],
    )
    def test_a_refused_edit_is_kept(
        self, cli: CommandLine, served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, code: int,
        words: str,
    ) -> None:  # fmt: skip
        editor = tmp_path / "editor"
        editor.write_text(f'#!/bin/sh\necho "{line}" >> "$1"\n')
        editor.chmod(0o700)
        monkeypatch.setenv("VISUAL", str(editor))
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
        ran = cli("config", "edit", "-y")
        (kept,) = tmp_path.glob("cassandra-mesos-*.yaml")
        assert (ran.code, words in ran.err) == (code, True)
        assert ran.err.endswith(f"Your text is kept in {kept}.\n")
        assert line in kept.read_text()
        assert kept.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("line", ["op show cleanup", "user list", f"restore start monday {AT} --dry-run"])
def test_nodes_are_in_the_order_of_their_numbers(
    line: str, cli: CommandLine, served: Served, gateway: CoreGateway
) -> None:
    """The API's documents have their fields in the order of their letters."""
    gateway.state = make_state(make_settings(NODES="11"), *(make_node(index) for index in range(11)))
    run(gateway, nodes=tuple(gateway.state.nodes))
    out = cli(*line.split(), "-o", "table").out
    names = [words[0] for text in out.splitlines() if (words := text.split()) and words[0] in gateway.state.nodes]
    assert names == [f"node-{index}" for index in range(11)]


def test_a_canary(cli: CommandLine, served: Served, gateway: CoreGateway) -> None:
    assert cli("config", "set", "CASSANDRA_HEAP_SIZE_MB=1024", "-y", "--canary").code == 0
    first, target = gateway.state.nodes["node-0"], gateway.state.target.id
    assert first.task is not None
    first = replace(first, deployed=target, task=replace(first.task, configuration=target))
    state = replace(gateway.state, nodes={**gateway.state.nodes, "node-0": first})
    plan = choose_canary(state, "node-0")
    assert plan is not None
    gateway.state = replace(state, plans={**state.plans, plan.name: plan})
    rows = [line.split("\t") for line in cli("canary", "status", "-o", "tsv").out.splitlines()]
    assert {row[2] for row in rows if row[4] == "CANARY"}
    assert "node-0" not in {row[2] for row in rows}
    assert cli("why", "deploy").out.endswith("What can be done:\n  cassandra-mesos plan continue deploy\n")
    assert cli("plan", "restart", "deploy", "node-0", "--wait", "--timeout", "5").code == 4
    assert cli("canary", "continue").code == 0
    assert "CANARY" not in cli("canary", "status").out
    cli("canary", "abort", "-y")
    assert served.paths[-1] == "/v1/config/rollback"


def test_contexts(cli: CommandLine, served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CASSANDRA_MESOS_URL")
    assert cli("context", "add", "one", served.url).code == 0
    assert cli("context", "add", "two", "http://127.0.0.1:1", "--format", "json").code == 0
    assert cli("seeds").code == 0
    assert cli("-c", "two", "seeds").code == 8
    assert cli("-c", "three", "seeds").code == 5
    assert cli("context", "list", "-o", "name").out == "one\ntwo\n"
    assert cli("context", "use", "two").code == 0
    assert json.loads(cli("context", "show").out) == {"name": "two", "url": "http://127.0.0.1:1", "output": "json"}
    assert cli("context", "remove", "two").code == 0
    assert cli("context", "show").code == 5
    file = tmp_path / "config" / "cassandra-mesos" / "config.yaml"
    assert file.stat().st_mode & 0o777 == 0o600
    file.chmod(0o644)
    assert cli("context", "list").code == 2


def test_events_of_a_node_that_has_left(cli: CommandLine, served: Served, gateway: CoreGateway) -> None:
    left = Entry(0, NOW, EntryKind.LEFT, "node-7 has left the ring", node="node-7")
    gateway.state = add_entries(replace(gateway.state, journal={}), [left])
    assert json.loads(cli("events", "--node", "7", "-o", "json").out)["events"][0]["node"] == "node-7"
    ran = cli("events", "--node", "7", "--since", "1", "--kind", "left")
    assert (ran.code, ran.err) == (0, "")


def test_the_kinds_of_events_are_those_of_the_api() -> None:
    assert tuple(EntryKind) == events.KINDS


def test_events_that_follow(cli: CommandLine, served: Served, gateway: CoreGateway) -> None:
    from cli.commands.events import read_events
    from cli.rest import Client, Target

    entries = [Entry(0, NOW, EntryKind.UP, f"node-{index} is up", node=f"node-{index}") for index in range(3)]
    gateway.state = add_entries(gateway.state, entries)
    lines = Client(Target(served.url)).stream("/v1/events/stream", {"since": "1"})
    found = read_events(lines)
    assert [next(found)["sequence"], next(found)["sequence"]] == [2, 3]
    lines.close()  # type: ignore[attr-defined]


def test_a_bundle_has_no_secrets(cli: CommandLine, served: Served, gateway: CoreGateway, tmp_path: Path) -> None:
    uploading(gateway)
    file = tmp_path / "support.tar.gz"
    ran = cli("--url", served.url, "support", "bundle", "--redact", "--file", str(file))
    assert ran.code == 0, ran
    with tarfile.open(file) as archive:
        texts = {name: read(archive, name) for name in archive.getnames()}
    manifest = json.loads(texts["support/manifest.json"])
    assert {f"support/{item['name']}" for item in manifest["files"]} == texts.keys() - {"support/manifest.json"}
    # No node of this cluster runs, and none has an agent.
    assert all(re.search(r"/(status|logs\?.*)$", path) for path in manifest["missing"])
    whole = "".join(texts.values())
    assert "host-0.example" not in whole
    assert not re.search(r"\b10\.0\.0\.\d", whole)
    assert "host-" in texts["support/v1/nodes/node-0/info.json"]
    assert file.stat().st_mode & 0o777 == 0o600
    assert cli("support", "bundle", "--file", str(file)).code == 1


def read(archive: tarfile.TarFile, name: str) -> str:
    found = archive.extractfile(name)
    assert found is not None
    with io.TextIOWrapper(found) as text:
        return text.read()


def test_advice_is_about_known_reasons() -> None:
    assert ADVICE.keys() <= {code.value for code in Code}


def test_logs(cli: CommandLine, served: Served, gateway: CoreGateway) -> None:
    files = FilesOfAnAgent()
    files.text = "one\ntwo\x1b[31m\nthree\n"
    record = gateway.state.nodes["node-0"]
    agent = replace(record.known_agent, url=files.url)
    gateway.state = replace(gateway.state, nodes={"node-0": replace(record, agent=agent)})
    try:
        ran = cli("node", "logs", "0", "-n", "2")
    finally:
        files.close()
    assert (ran.code, ran.out, ran.err) == (0, "two\N{REPLACEMENT CHARACTER}[31m\nthree\n", "")
    assert cli("node", "logs", "1").code == 5


def test_all_nodes_are_one_request(cli: CommandLine, served: Served) -> None:
    for words in ("status", "node list"):
        served.paths.clear()
        assert cli(*words.split()).code == 0
        assert [path for path in served.paths if path.startswith("/v1/nodes/")] == ["/v1/nodes/status"]


def test_an_older_scheduler_is_asked_node_by_node(
    cli: CommandLine, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = [cli("status").out, cli("node", "list").out]
    monkeypatch.setattr(nodes, "NODES", "/v1/nodes/not-yet")
    monkeypatch.setattr(status, "NODES", "/v1/nodes/not-yet")
    served.paths.clear()
    older = [cli("status").out, cli("node", "list").out]
    assert older[1] == shown[1]
    # It reports the free space, but neither the load nor the version.
    assert re.search(r"UN  node-2  r3    host-2.example  10.0.0.3  -     1.0 GiB    -     -        NORMAL", older[0])
    assert "/v1/nodes/node-2/info" in served.paths


def test_a_list_of_nodes_that_is_refused_is_no_older_scheduler(
    cli: CommandLine, served: Served, gateway: CoreGateway
) -> None:
    gateway.unavailable = "ZooKeeper does not answer"
    ran = cli("node", "list")
    assert (ran.code, ran.err) == (8, "ZooKeeper does not answer.\n")
    assert not [path for path in served.paths if path.endswith("/info")]


def test_a_thousand_nodes(
    cli: CommandLine, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    state = deployed(1000)
    gateway = CoreGateway(state)
    snapshot = Snapshot(state, build_plans(state, NOW), time.time(), True, ())
    monkeypatch.setattr(gateway, "snapshot", lambda: snapshot)
    with serve(create_app(gateway, make_settings())) as found:
        ran = cli("--url", found.url, "--quiet", "status")
    assert (ran.code, ran.err) == (0, "")
    assert len(re.findall(r"^UN  node-\d+", ran.out, re.MULTILINE)) == 1000
    assert "Nodes 1000 of 1000 up and normal, in 3 racks" in ran.out


@pytest.mark.parametrize(
    ("left", "line"),
    [
        (20, "Certificates: 3 valid; the first ends with node-0 at 20"),
        (2, "Certificate node-2: overdue, the certificate of node-2 expires at 20"),
        (-1, "Certificate node-1: expired, the certificate of node-1 expired at 20"),
    ],
)
def test_the_foot_of_the_status_names_certificates(cli: CommandLine, left: int, line: str) -> None:
    at, day = time.time(), 86_400.0
    gateway = CoreGateway(encrypted(not_before=at - 20 * day, not_after=at + left * day))
    with serve(create_app(gateway, make_settings())) as found:
        ran = cli("--url", found.url, "status")
    assert ran.code == 0
    assert f"\n{line}" in ran.out


def test_authorities_and_their_ends_are_below_the_certificates(cli: CommandLine) -> None:
    state, following = encrypted(), ISSUER.new(time.time())
    record = state.authority
    assert record is not None
    rotated = replace(record, following=following, phase=RotationPhase.TRUST_BOTH)
    with serve(create_app(CoreGateway(replace(state, authority=rotated)), make_settings())) as found:
        ran = cli("--url", found.url, "cert", "status")
    pattern = r"^Authority ([0-9a-f]{12}): (signs|trusted), valid until \d{4}-\d\d-\d\dT"
    named = re.findall(pattern, ran.out, re.MULTILINE)
    assert named == [
        (fingerprint(record.current)[:12], "signs"), (fingerprint(following)[:12], "trusted")
    ]  # fmt: skip


def test_the_state_of_a_cluster_whose_node_does_not_come_back(
    cli: CommandLine, served: Served, gateway: CoreGateway
) -> None:
    run(gateway, interrupted=True)
    nodes = {**gateway.state.nodes, "node-1": replace(gateway.state.nodes["node-1"], mode="ISOLATED")}
    gateway.state = replace(gateway.state, nodes=nodes, sightings={})
    ran = cli("status")
    assert re.search(r"^DI  node-1 ", ran.out, re.MULTILINE), ran.out
    assert "Operation cleanup: WAITING" in ran.out
