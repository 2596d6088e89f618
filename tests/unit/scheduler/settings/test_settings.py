"""Settings: defaults, every rule, and all problems at once."""

from __future__ import annotations

import dataclasses
import json
import os
import pwd
from collections.abc import Mapping
from pathlib import Path

import pytest

from executor.protocol import Ports
from scheduler.core.state.spec import Resources, Uri
from scheduler.settings import InvalidSettings, Settings, check_access, parse, render
from scheduler.settings.__main__ import main
from scheduler.settings.rendering import configuration
from scheduler.settings.retired import RETIRED
from scheduler.settings.setting import Setting
from scheduler.settings.table import TABLE

ROOT = Path(__file__).parents[4]
ELSEWHERE = {
    "EXECUTOR_LOCATION": "https://files.example/executor.tar.gz",
    "EXECUTOR_CASSANDRA_LOCATION": "https://files.example/cassandra.tar.gz",
}


def settings(**environ: str) -> Settings:
    return parse({**ELSEWHERE, **environ})


def problems(environ: Mapping[str, str]) -> tuple[str, ...]:
    with pytest.raises(InvalidSettings) as caught:
        parse({**ELSEWHERE, **environ})
    return caught.value.problems


def test_defaults() -> None:
    found = settings()
    assert found.service_name == "cassandra"
    assert found.service_role == "cassandra-role"
    assert found.service_principal == "cassandra-principal"
    assert found.service_user == pwd.getpwuid(os.geteuid()).pw_name
    assert found.mesos_master == "zk://master.mesos:2181/mesos"
    assert (found.api_host, found.api_port) == ("0.0.0.0", 9000)
    assert found.artifacts_url == "http://cassandra.marathon.mesos:9000/v1/artifacts/"
    assert found.dc_url == "http://cassandra.marathon.mesos:9000/v1/datacenter"
    assert found.zookeeper_root == "/dcos-service-cassandra"
    assert (found.nodes, found.seed_nodes) == (3, 2)
    assert found.warnings == ()


def test_default_options_of_cassandra() -> None:
    assert settings().cassandra_options == {
        "authenticator": "AllowAllAuthenticator",
        "authorizer": "AllowAllAuthorizer",
        "auto_snapshot": True,
        "num_tokens": 16,
        "hinted_handoff_enabled": True,
        "partitioner": "org.apache.cassandra.dht.Murmur3Partitioner",
        "disk_failure_policy": "stop",
        "commit_failure_policy": "stop",
        "commitlog_sync": "periodic",
        "commitlog_sync_period": "10000ms",
    }


def test_every_row_of_the_table_is_a_field_of_settings_and_the_reverse() -> None:
    fields = {item.name for item in dataclasses.fields(Settings)} - {
        "cassandra_options", "client_authorities", "warnings", "given",
    }  # fmt: skip
    assert {setting.field for setting in TABLE} == fields


@pytest.mark.parametrize("setting", TABLE, ids=lambda setting: str(setting.name))
def test_every_default_keeps_its_own_rule(setting: Setting) -> None:
    given = {setting.name: setting.default} if setting.default else {}
    assert settings(**given) == settings()


def test_empty_and_blank_values_are_unset() -> None:
    assert dataclasses.asdict(settings(NODES="", SERVICE_NAME="  ", PLACEMENT_CONSTRAINT="")) == dataclasses.asdict(
        settings()
    )


def test_the_rest_of_an_environment_is_not_ours() -> None:
    ignored = {
        "PATH": "/bin",
        "HOST": "10.0.0.1",
        "PORT0": "9000",
        "MARATHON_APP_ID": "/cassandra",
        "MESOS_SANDBOX": "/mnt/mesos/sandbox",
        "MESOS_TASK_ID": "x",
        "MESOS_CONTAINER_NAME": "x",
        "MESOS_EXECUTOR_ID": "x",
        "MESOS_DIRECTORY": "/x",
        "MESOS_SLAVE_PID": "x",
        "LIBPROCESS_IP": "10.0.0.1",
        "JAVA_HOME": "/usr/lib/jvm",
        "CASSANDRA_HOME": "/opt/cassandra",
    }
    assert dataclasses.asdict(settings(**ignored)) == dataclasses.asdict(settings())


@pytest.mark.parametrize(
    ("name", "root", "role", "host"),
    [
        pytest.param("a", "/dcos-service-a", "a-role", "a.marathon.mesos", id="plain"),
        pytest.param("/a", "/dcos-service-a", "a-role", "a.marathon.mesos", id="leading slash"),
        pytest.param("prod/db", "/dcos-service-prod__db", "prod__db-role", "db-prod.marathon.mesos", id="folder"),
    ],
)
def test_what_is_made_from_the_name(name: str, root: str, role: str, host: str) -> None:
    found = settings(SERVICE_NAME=name)
    assert found.service_name == name.removeprefix("/")
    assert found.zookeeper_root == root
    assert found.service_role == role
    assert found.artifacts_url == f"http://{host}:9000/v1/artifacts/"


@pytest.mark.parametrize(
    ("environ", "url"),
    [
        pytest.param({"API_HOST": "127.0.0.1"}, "http://127.0.0.1:9000/v1/artifacts/", id="address"),
        pytest.param({"API_HOST": "::1", "API_PORT": "80"}, "http://[::1]:80/v1/artifacts/", id="IPv6"),
        pytest.param({"ARTIFACTS_URL": "https://files.example/c"}, "https://files.example/c/", id="given"),
    ],
)
def test_where_agents_fetch(environ: dict[str, str], url: str) -> None:
    found = parse({**environ, "EXECUTOR_LOCATION": "/e.tar.gz", "EXECUTOR_CASSANDRA_LOCATION": "/c.tar.gz"})
    assert found.artifacts_url == url


@pytest.mark.parametrize(
    "image", ["debian", "debian:bookworm-slim", "a/b_c.d", f"registry.example:5000/a/b:1.0@sha256:{'0a' * 32}", ""]
)
def test_images(image: str) -> None:
    assert settings(EXECUTOR_IMAGE=image).executor_image == image


def test_the_cluster_spec() -> None:
    spec = settings(
        NODES="5",
        SEED_NODES="3",
        SERVICE_USER="nobody",
        RACK_ATTRIBUTE="rack",
        PLACEMENT_CONSTRAINT="hostname:UNIQUE",
        CASSANDRA_CPUS="1.5",
        CASSANDRA_DISK_TYPE="MOUNT",
        CASSANDRA_HEAP_NEW_MB="200",
        CASSANDRA_JVM_OPTIONS="-Dx=1 '-Dy=a b'",
        CASSANDRA_NATIVE_TRANSPORT_PORT="19042",
        EXECUTOR_JAVA_HOME="jdk",
        EXECUTOR_JRE_LOCATION="https://files.example/jdk.tar.gz",
        EXECUTOR_PYTHON_LOCATION="https://files.example/python.tar.gz",
        EXECUTOR_SHUTDOWN_GRACE_S="30",
        EXECUTOR_IMAGE="registry.example:5000/cassandra/executor:1.0",
    ).cluster_spec()
    assert (spec.nodes, spec.seeds, spec.user, spec.rack_attribute) == (5, 3, "nobody", "rack")
    assert spec.resources == Resources(1.5, 4096)
    assert spec.task == Resources(0.1, 32)
    assert (spec.disk_type, spec.disk_mb, spec.placement) == ("MOUNT", 10240, "hostname:UNIQUE")
    assert spec.executor.resources == Resources(0.1, 256)
    assert spec.executor.uris == (
        Uri(ELSEWHERE["EXECUTOR_LOCATION"], cache=False),
        Uri(ELSEWHERE["EXECUTOR_CASSANDRA_LOCATION"]),
        Uri("https://files.example/jdk.tar.gz"),
        Uri("https://files.example/python.tar.gz"),
    )
    assert spec.executor.shutdown_grace_seconds == 30
    assert spec.executor.image == "registry.example:5000/cassandra/executor:1.0"
    assert spec.cassandra.ports == Ports(native_transport=19042)
    assert spec.cassandra.jvm_options == ("-Dx=1", "-Dy=a b")
    assert (spec.cassandra.heap_mb, spec.cassandra.heap_new_mb, spec.cassandra.gc) == (2048, 200, "G1")
    assert spec.cassandra.java_home == "jdk"


def test_equal_settings_give_equal_specs() -> None:
    assert settings(LOG_LEVEL="DEBUG", API_THREADS="4").cluster_spec() == settings().cluster_spec()
    assert settings(CASSANDRA_CPUS="2").cluster_spec() != settings().cluster_spec()


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("REPLACE_AFTER_S", "100", "REPLACE_AFTER_S must be 0, or at least 300, not '100'."),
        ("GARBAGE_GRACE_S", "30", "GARBAGE_GRACE_S must be 0, or at least 60, not '30'."),
        ("NODES", "three", "NODES must be a whole number, not 'three'."),
        ("NODES", "2.5", "NODES must be a whole number, not '2.5'."),
        ("NODES", "1_0", "NODES must be a whole number, not '1_0'."),
        ("NODES", "٣", "NODES must be a whole number, not '٣'."),
        ("NODES", "9" * 4096, f"NODES must be at most {2**53}, not '{'9' * 100}'…."),
        ("CASSANDRA_CPUS", "0_1", "CASSANDRA_CPUS must be a number, not '0_1'."),
        ("CASSANDRA_CPUS", "٠.٥", "CASSANDRA_CPUS must be a number, not '٠.٥'."),
        ("CASSANDRA_CPUS", "1e400", "CASSANDRA_CPUS must be a number, not '1e400'."),
        ("MESOS_MASTER", "h:٥", "MESOS_MASTER must be host:port or zk://host:port,host:port/path, not 'h:٥'."),
        ("NODES", "0", "NODES must be at least 1, not '0'."),
        ("CASSANDRA_CPUS", "nan", "CASSANDRA_CPUS must be a number, not 'nan'."),
        ("CASSANDRA_CPUS", "-1", "CASSANDRA_CPUS must be at least 0.01, not '-1'."),
        ("API_PORT", "0", "API_PORT must be at least 1, not '0'."),
        ("API_PORT", "70000", "API_PORT must be at most 65535, not '70000'."),
        ("EXECUTOR_CACHE_FETCHED_URIS", "yes", "EXECUTOR_CACHE_FETCHED_URIS must be true or false, not 'yes'."),
        ("CASSANDRA_DISK_TYPE", "SSD", "CASSANDRA_DISK_TYPE must be one of ROOT, MOUNT, not 'SSD'."),
        ("CASSANDRA_HEAP_GC", "CMS", "CASSANDRA_HEAP_GC must be one of G1, SERIAL, not 'CMS'."),
        ("CASSANDRA_VERSION", "3.0.10", "CASSANDRA_VERSION must be one of 5.0.8, not '3.0.10'."),
        ("LOG_LEVEL", "verbose", "LOG_LEVEL must be one of DEBUG, INFO, WARNING, ERROR, not 'verbose'."),
        ("MESOS_MASTER", "zk://host:2181", "MESOS_MASTER must be zk://host:port,host:port/path, not 'zk://host:2181'."),
        ("MESOS_MASTER", "h", "MESOS_MASTER must be host:port or zk://host:port,host:port/path, not 'h'."),
        ("MESOS_MASTER", "h:99999", "MESOS_MASTER must be host:port or zk://host:port,host:port/path, not 'h:99999'."),
        ("MESOS_MASTER", "h:0", "MESOS_MASTER must be host:port or zk://host:port,host:port/path, not 'h:0'."),
        ("MESOS_MASTER", "[::1]:1", "MESOS_MASTER must be host:port or zk://host:port,host:port/path, not '[::1]:1'."),
        ("MESOS_MASTER", "h..x:1", "MESOS_MASTER must be host:port or zk://host:port,host:port/path, not 'h..x:1'."),
        ("MESOS_MASTER", "zk://h:65536/m", "MESOS_MASTER must be zk://host:port,host:port/path, not 'zk://h:65536/m'."),
        ("ZOOKEEPER_SERVERS", "h:0", "ZOOKEEPER_SERVERS must be host:port, several separated by commas, not 'h:0'."),
        ("ARTIFACTS_URL", "http://[::1/", "ARTIFACTS_URL must be an http:// or https:// URL, not 'http://[::1/'."),
        ("ARTIFACTS_URL", "http://h:99999/", "ARTIFACTS_URL must be an http:// or https:// URL, not 'http://h:99999/'."),
        ("MESOS_PATH", "mesos", "MESOS_PATH must begin with / and name a znode, not 'mesos'."),
        ("ZOOKEEPER_SERVERS", "a:1,,b", None),
        ("ARTIFACTS_URL", "files", "ARTIFACTS_URL must be an http:// or https:// URL, not 'files'."),
        ("SERVICE_ROLE", "*", None),
        ("SERVICE_ROLE", "a b", None),
        ("SERVICE_ROLE", "-a", None),
        ("SERVICE_ROLE", "a//b", None),
        ("SERVICE_NAME", "Cassandra", None),
        ("SERVICE_NAME", "a/../b", None),
        ("SERVICE_NAME", "v1", "SERVICE_NAME must not begin with v1, which is a path of the API, not 'v1'."),
        ("SERVICE_USER", "a b", "SERVICE_USER must be the name of a user, not 'a b'."),
        ("API_HOST", "a b", "API_HOST must be an address or a host name, not 'a b'."),
        ("CASSANDRA_JVM_OPTIONS", "-Xmx1g", "CASSANDRA_JVM_OPTIONS must not hold -Xmx1g: use CASSANDRA_HEAP_SIZE_MB."),
        ("CASSANDRA_JVM_OPTIONS", "-XX:+UseG1GC", None),
        ("CASSANDRA_JVM_OPTIONS", "-XX:MaxHeapSize=64g", None),
        ("CASSANDRA_JVM_OPTIONS", "-XX:MaxNewSize=64g", None),
        (
            "CASSANDRA_JVM_OPTIONS",
            "-Dcassandra.join_ring=false",
            "CASSANDRA_JVM_OPTIONS must not hold -Dcassandra.join_ring: a node with it is never ready.",
        ),
        (
            "CASSANDRA_JVM_OPTIONS",
            "-Dcassandra.storage_port=7001",
            "CASSANDRA_JVM_OPTIONS must not hold -Dcassandra.storage_port: it is set by this service: use "
            "CASSANDRA_STORAGE_PORT.",
        ),
        ("CASSANDRA_JVM_OPTIONS", "-Dcassandra.initial_token=5", None),
        ("CASSANDRA_JVM_OPTIONS", "-Dcassandra.start_native_transport", None),
        ("CASSANDRA_JVM_OPTIONS", "-Dcassandra.native_transport_port=1", None),
        ("CASSANDRA_JVM_OPTIONS", "-Dcassandra.replace_node=a", None),
        ("CASSANDRA_JVM_OPTIONS", "-Dcassandra.storagedir=x", None),
        ("CASSANDRA_JVM_OPTIONS", "Xss1m", None),
        ("CASSANDRA_JVM_OPTIONS", "-Da='b", "CASSANDRA_JVM_OPTIONS has a quote that is not closed."),
        ("EXECUTOR_JRE_LOCATION", "jdk.tar.gz", None),
        ("EXECUTOR_PYTHON_LOCATION", "python.tar.gz", None),
        ("EXECUTOR_IMAGE", "https://registry.example/executor", None),
        ("EXECUTOR_IMAGE", "executor 1.0", None),
        ("EXECUTOR_IMAGE", "../executor", None),
        ("PLACEMENT_CONSTRAINT", "hostname:SOMEWHERE", None),
        ("CASSANDRA_CLUSTER_NAME", "a\nb", None),
    ],
)  # fmt: skip
def test_each_rule(name: str, value: str, sentence: str | None) -> None:
    found = problems({name: value})
    assert len(found) == 1
    assert found[0].startswith(f"{name} ")
    if sentence is not None:
        assert found == (sentence,)


@pytest.mark.parametrize(
    ("environ", "sentence"),
    [
        (
            {"SERVICE_UNINSTALL": "other"},
            "SERVICE_UNINSTALL must be cassandra, the name of the service to remove, not other.",
        ),
        ({"NODES": "1"}, "SEED_NODES must be at most NODES, which is 1, not 2."),
        (
            {"CASSANDRA_HEAP_SIZE_MB": "4096"},
            "CASSANDRA_HEAP_SIZE_MB must be less than CASSANDRA_MEMORY_MB, which is 4096, not 4096.",
        ),
        (
            {"CASSANDRA_HEAP_NEW_MB": "2048"},
            "CASSANDRA_HEAP_NEW_MB must be less than CASSANDRA_HEAP_SIZE_MB, which is 2048, not 2048.",
        ),
        (
            {"CASSANDRA_JMX_PORT": "7000"},
            "CASSANDRA_JMX_PORT must not be 7000, which is CASSANDRA_STORAGE_PORT too.",
        ),
        (
            {"CASSANDRA_TOMBSTONE_WARN_THRESHOLD": "9", "CASSANDRA_TOMBSTONE_FAILURE_THRESHOLD": "8"},
            "tombstone_warn_threshold must be at most tombstone_failure_threshold, which is 8, not 9.",
        ),
        (
            {"CASSANDRA_AUTHENTICATOR": "PasswordAuthenticator", "CASSANDRA_ROLES_UPDATE_INTERVAL_IN_MS": "0"},
            "roles_update_interval must be at least 1ms while authenticator is 'PasswordAuthenticator': no node would "
            "start.",
        ),
        (
            {"CASSANDRA_YAML": "{authenticator: {class_name: a.B}, credentials_cache_max_entries: -5}"},
            "credentials_cache_max_entries must be at least 0 while authenticator is 'B', not -5: no node would start.",
        ),
    ],
)
def test_settings_that_do_not_fit_together(environ: dict[str, str], sentence: str) -> None:
    assert problems(environ) == (sentence,)


def test_caches_of_users_without_users_and_switched_off() -> None:
    settings(CASSANDRA_ROLES_UPDATE_INTERVAL_IN_MS="0", CASSANDRA_YAML="permissions_cache_max_entries: -1")
    settings(
        CASSANDRA_AUTHENTICATOR="PasswordAuthenticator",
        CASSANDRA_ROLES_UPDATE_INTERVAL_IN_MS="0",
        CASSANDRA_YAML="roles_validity: 0s",
    )


def test_variables_of_the_command_line_are_no_settings() -> None:
    variables = {"CASSANDRA_MESOS_URL": "http://127.0.0.1:9000", "CASSANDRA_MESOS_TOKEN_FILE": "token"}
    assert settings(**variables) == settings()


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("NODS", "NODS is not a setting; did you mean NODES?"),
        ("SEED_NODE", "SEED_NODE is not a setting; did you mean SEED_NODES?"),
        ("EXECUTOR_COMAND", "EXECUTOR_COMAND is not a setting; did you mean EXECUTOR_COMMAND?"),
        ("CASSANDRA_MEMORY", "CASSANDRA_MEMORY is not a setting; did you mean CASSANDRA_MEMORY_MB?"),
        ("SERVICE_ZZZZ", None),
        (
            "CASSANDRA_SASI_INDEXES_ENABLED",
            "CASSANDRA_SASI_INDEXES_ENABLED is not a setting; write sasi_indexes_enabled into CASSANDRA_YAML.",
        ),
        (
            "API_TOKEN",
            "API_TOKEN is not a setting: tokens are read from API_TOKEN_FILE, so that no environment holds a secret.",
        ),
    ],
)
def test_unknown_settings(name: str, sentence: str | None) -> None:
    found = problems({name: "1"})
    assert len(found) == 1
    assert found[0].startswith(f"{name} is not a setting")
    if sentence is not None:
        assert found == (sentence,)


@pytest.mark.parametrize("name", sorted(RETIRED))
def test_retired_settings_warn_or_are_refused(name: str) -> None:
    accepted, reason = RETIRED[name]
    for value in accepted or ():
        if value:
            assert settings(**{name: value}).warnings == (f"{name} has no effect: {reason}.",)
    if accepted is None:
        assert settings(**{name: "whatever"}).warnings == (f"{name} has no effect: {reason}.",)
    else:
        assert problems({name: "whatever"})[0].endswith(f": {reason}.")


def test_all_problems_come_together() -> None:
    found = problems(
        {
            "NODES": "x",
            "EXECUTOR_CPUS": "lots",
            "CASSANDRA_NUM_TOKENS": "many",
            "CASSANDRA_YAML": "no_such_key: 1",
            "CASSANDRA_JMX_PORT": "9042",
            "SERVICE_NAM": "x",
        }
    )
    assert len(found) == 6
    for word in ("NODES", "EXECUTOR_CPUS", "CASSANDRA_NUM_TOKENS", "no_such_key", "CASSANDRA_JMX_PORT", "SERVICE_NAM"):
        assert any(word in sentence for sentence in found)


def test_a_value_with_a_problem_starts_no_other_problem() -> None:
    assert len(problems({"CASSANDRA_MEMORY_MB": "x", "SEED_NODES": "x", "CASSANDRA_STORAGE_PORT": "x"})) == 3


@pytest.mark.parametrize("path", sorted(render()))
def test_rendered_files_are_up_to_date(path: str) -> None:
    assert (ROOT / path).read_text() == render()[path], "run python -m scheduler.settings --write"


def test_the_documentation_names_every_setting() -> None:
    text = configuration()
    for name in [setting.name for setting in TABLE] + sorted(RETIRED):
        assert f"`{name}`" in text


@pytest.mark.parametrize("path", ["marathon.json", "deploy/marathon/marathon.json"])
def test_marathons_environment_is_accepted(path: str, tmp_path: Path) -> None:
    application = json.loads(render()[path])
    environ = application["env"]
    assert all(isinstance(value, str) for value in environ.values())
    if "API_TOKEN_FILE" in environ:  # which is on the agents
        (tmp_path / "tokens").write_text("alice:read:a-long-token\n")
        environ["API_TOKEN_FILE"] = str(tmp_path / "tokens")
    found = parse({**ELSEWHERE, **environ})
    assert (found.service_user, check_access(found)) == ("nobody", None)
    assert application["portDefinitions"][0]["port"] == found.api_port
    assert application["id"] == f"/{found.service_name}"
    # Two schedulers must never run, and Marathon asks without a token.
    assert application["upgradeStrategy"] == {"minimumHealthCapacity": 0, "maximumOverCapacity": 0}
    assert (application["instances"], application["labels"]["MARATHON_SINGLE_INSTANCE_APP"]) == (1, "true")
    assert application["healthChecks"][0]["path"] == "/v1/health"


def test_dcos_has_its_router_and_a_plain_marathon_has_tokens() -> None:
    dcos, plain = (json.loads(render()[path]) for path in ("marathon.json", "deploy/marathon/marathon.json"))
    assert dcos["labels"]["DCOS_SERVICE_NAME"] == "cassandra"
    assert dcos["env"]["API_TRUST_ROUTER"] == "true"
    assert plain["labels"].keys() == {"MARATHON_SINGLE_INSTANCE_APP"}
    assert "API_TRUST_ROUTER" not in plain["env"]
    (volume,) = plain["container"]["volumes"]
    assert plain["env"]["API_TOKEN_FILE"].startswith(volume["containerPath"])
    assert "mesos" not in plain["env"]["ZOOKEEPER_SERVERS"] + plain["env"]["ARTIFACTS_URL"]


def test_marathons_definition_for_https_differs_where_it_must() -> None:
    plain, https = (json.loads(render()[f"marathon{ending}.json"]) for ending in ("", "-https"))
    assert https["labels"].pop("DCOS_SERVICE_SCHEME") == "https"
    assert plain["labels"].pop("DCOS_SERVICE_SCHEME") == "http"
    assert [check.pop("protocol") for check in https["healthChecks"]] == ["MESOS_HTTPS"]
    assert [check.pop("protocol") for check in plain["healthChecks"]] == ["MESOS_HTTP"]
    (volume,) = https["container"].pop("volumes")
    files = {name for name in https["env"] if name not in plain["env"]}
    assert files == {"API_CERTIFICATE_FILE", "API_KEY_FILE"}
    assert all(https["env"].pop(name).startswith(f"{volume['containerPath']}/") for name in files)
    assert https == plain


def test_check_reports_and_fails(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for name in list(os.environ):
        if name.startswith(("CASSANDRA_", "EXECUTOR_", "SERVICE_")):
            monkeypatch.delenv(name)
    for name, value in {**ELSEWHERE, "NODES": "0", "EXECUTOR_HEAP_MB": "768"}.items():
        monkeypatch.setenv(name, value)
    assert main(["--check"]) == 1
    assert "NODES must be at least 1" in capsys.readouterr().err
    monkeypatch.setenv("NODES", "3")
    assert main(["--check"]) == 1
    assert "API_TRUST_ROUTER must be true" in capsys.readouterr().err
    monkeypatch.setenv("API_TRUST_ROUTER", "true")
    assert main(["--check"]) == 0
    assert capsys.readouterr().err == "Warning: EXECUTOR_HEAP_MB has no effect: the executor is not a Java program.\n"


@pytest.mark.parametrize("name", ["ZOOKEEPER_SERVERS_PASSWORD", "MESOS_MASTER"])
def test_no_problem_shows_a_password(name: str) -> None:
    value = "zk://user:hunter2@host:2181/mesos" if name == "MESOS_MASTER" else "hunter2"
    assert "hunter2" not in "".join(problems({name: value}))


def test_settings_do_not_show_what_may_be_a_password() -> None:
    assert "hunter2" not in repr(settings(CASSANDRA_YAML="role_manager: hunter2"))


def test_the_texts_that_were_given_are_kept_without_being_shown() -> None:
    found = settings(NODES=" 5 ", SEED_NODES="", CASSANDRA_CONCURRENT_READS="64", HOME="/root")
    assert found.given.items() >= {"NODES": "5", "CASSANDRA_CONCURRENT_READS": "64"}.items()
    assert not {"SEED_NODES", "HOME"} & found.given.keys()
    assert "CONCURRENT_READS" not in repr(found)
    assert settings(**found.given) == found
