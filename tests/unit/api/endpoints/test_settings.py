"""Settings given through the API, taken back, and rolled back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import jsonschema
import pytest
from flask.testing import FlaskClient

from api import BLUEPRINTS, create_app
from api.openapi.document import describe
from scheduler.core.commands.command import Refusal, RefusalKind, SetTarget
from scheduler.core.events.commands import Outcome, command_entry
from scheduler.core.state.configuration import Canary, Configuration, Override
from scheduler.settings import Settings, code
from scheduler.settings.effective import CHANGEABLE, RECORDED
from tests.unit.api.cluster import NOW, CoreGateway, document, make_node, make_settings, make_state

PATH = "/v1/config"
BACK = "/v1/config/rollback"
ALL = ["node-0", "node-1", "node-2"]
HEAP = {"CASSANDRA_HEAP_SIZE_MB": 1024}


@pytest.fixture
def settings() -> Settings:
    return make_settings(CASSANDRA_CPUS="1.5")


def put(client: FlaskClient, body: Any, status: int = 200) -> Any:
    answer = client.put(PATH, json=body)
    assert answer.status_code == status, answer.data
    return document(answer)


def roll_back(client: FlaskClient, body: Any = None, status: int = 200) -> Any:
    answer = client.post(BACK, json=body) if body is not None else client.post(BACK)
    assert answer.status_code == status, answer.data
    return document(answer)


def test_other_settings_become_the_target(client: FlaskClient, gateway: CoreGateway) -> None:
    found = put(client, HEAP)
    state = gateway.state
    assert found == {
        "allowed": True,
        "refusals": [],
        "changes": [{"name": "heap_mb", "old": "2048", "new": "1024", "effect": "restart"}],
        "restarts": ALL,
        "leaves": [],
        "warnings": [],
        "configuration": state.target.id,
        "canary": None,
        "cassandra_check": {"result": "accepted", "message": ""},
    }
    assert (state.target.spec.cassandra.heap_mb, state.previous) == (1024, "c1")
    assert state.overrides == {"CASSANDRA_HEAP_SIZE_MB": Override("1024", "")}
    assert state.target.settings == {
        "CASSANDRA_CPUS": "1.5",
        "CASSANDRA_HEAP_SIZE_MB": "1024",
    } | {"SERVICE_USER": "nobody"}
    shown = document(client.get(PATH))
    assert (shown["previous"], shown["overrides"]) == ("c1", {"CASSANDRA_HEAP_SIZE_MB": "1024"})
    description = describe(BLUEPRINTS)
    schema = description["components"]["schemas"]["Changed"]
    jsonschema.Draft202012Validator({**schema, "components": description["components"]}).validate(found)


def test_with_a_canary(client: FlaskClient, gateway: CoreGateway) -> None:
    found = put(client, {**HEAP, "canary": True})
    assert found["canary"] == "node-0"
    assert gateway.state.plans["deploy"].canary == Canary(found["configuration"])


@pytest.mark.parametrize("body", [{"NODES": 4, "canary": True}, {"canary": True}], ids=str)
def test_a_canary_of_nothing(client: FlaskClient, gateway: CoreGateway, body: Any) -> None:
    assert put(client, body)["canary"] is None
    assert "deploy" not in gateway.state.plans


@pytest.mark.parametrize(
    "body",
    [{}, {"CASSANDRA_CPUS": 1.5}, {"CASSANDRA_HEAP_SIZE_MB": None}, {"CASSANDRA_HEAP_SIZE_MB": ""}],
    ids=str,
)
def test_where_nothing_differs_nothing_is_done(client: FlaskClient, gateway: CoreGateway, body: Any) -> None:
    found = put(client, body)
    assert (found["configuration"], found["changes"]) == ("c1", [])
    assert gateway.submitted == []


def test_one_is_added_to_another_and_taken_back(client: FlaskClient, gateway: CoreGateway) -> None:
    put(client, HEAP)
    put(client, {"CASSANDRA_CPUS": ""})
    assert gateway.state.target.spec.resources.cpus == 0.5
    assert gateway.state.overrides == {
        "CASSANDRA_HEAP_SIZE_MB": Override("1024", ""),
        "CASSANDRA_CPUS": Override("", "1.5"),
    }
    assert document(client.get(PATH))["overrides"]["CASSANDRA_CPUS"] == "unset"
    put(client, {"CASSANDRA_HEAP_SIZE_MB": None, "CASSANDRA_CPUS": None})
    assert gateway.state.overrides == {}
    assert gateway.state.target.spec == gateway.state.configurations["c1"].spec


def test_a_policy_holds_at_once_and_is_no_configuration(client: FlaskClient, gateway: CoreGateway) -> None:
    found = put(client, {"REPLACE_AFTER_S": 900, "CLEANUP_AFTER_SCALE": True})
    assert [item["name"] for item in found["changes"]] == ["replace after", "cleanup after scale"]
    assert found["configuration"] == "c1"
    assert gateway.state.policy.replace_after_seconds == 900.0
    assert gateway.state.policy.cleanup_after_scale


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"HEAP": 1}, "HEAP is not a setting."),
        (
            {"CONCURRENT_READS": 64},
            "CONCURRENT_READS is not a setting; did you mean CASSANDRA_CONCURRENT_READS?",
        ),
        ({"heap_size_mb": 64}, "heap_size_mb is not a setting; did you mean CASSANDRA_HEAP_SIZE_MB?"),
        ({"NODS": 4}, "NODS is not a setting; did you mean NODES?"),
        (
            {"SASI_INDEXES_ENABLED": True},
            "SASI_INDEXES_ENABLED is not a setting; write sasi_indexes_enabled into CASSANDRA_YAML.",
        ),
        ({"API_TOKEN": "x"}, "API_TOKEN is not a setting: tokens are read from API_TOKEN_FILE"),
        ({"CASSANDRA_YAML_FILE": "/etc/passwd"}, "CASSANDRA_YAML_FILE is read at the scheduler's start only"),
        ({"SECRETS_KEY": "x"}, "SECRETS_KEY is read at the scheduler's start only"),
        ({"SERVICE_ROLE": "x"}, "SERVICE_ROLE is read at the scheduler's start only"),
        *(
            (
                {name: "x"},
                f"{name} decides which code runs on the agents, and is set in the scheduler's environment alone.",
            )
            for name in sorted(code.NAMES)
        ),
        ({"CASSANDRA_JVM_OPTIONS": "-XX:OnOutOfMemoryError=reboot"}, "must not hold -XX:OnOutOfMemoryError here"),
        ({"CASSANDRA_JVM_OPTIONS": "-javaagent:/tmp/x.jar"}, "must not hold -javaagent here"),
        (
            {"CASSANDRA_YAML": "audit_logging_options: {archive_command: x}"},
            "must not hold audit_logging_options.archive_command here",
        ),
        ({"API_PORT": 1}, "API_PORT is read at the scheduler's start only"),
        ({"NODES": [3]}, "NODES must be a text, a number, true, false or null."),
        ({"canary": 1}, "canary must be true or false."),
        ({"NODES": "many", "CASSANDRA_CPUS": "none"}, "CASSANDRA_CPUS must be a number"),
        ({"CASSANDRA_HEAP_SIZE_MB": 100_000}, "CASSANDRA_HEAP_SIZE_MB must be less than"),
    ],
    ids=str,
)
def test_wrong(client: FlaskClient, gateway: CoreGateway, body: Any, says: str) -> None:
    assert says in put(client, body, 400)["message"]
    assert gateway.submitted == []


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"CASSANDRA_DISK_MB": 20480}, "The configured disk size can not be changed"),
        ({"CASSANDRA_CLUSTER_NAME": "other"}, "The configured cluster can not be changed"),
    ],
    ids=str,
)
def test_refused(client: FlaskClient, gateway: CoreGateway, body: Any, says: str) -> None:
    before = gateway.state
    assert says in put(client, body, 409)["message"]
    assert gateway.state is before


def test_what_the_loop_refuses_is_told(client: FlaskClient, gateway: CoreGateway) -> None:
    gateway.refusal = Refusal(RefusalKind.CONFLICT, "the settings were changed meanwhile")
    assert put(client, HEAP, 409)["message"] == "The settings were changed meanwhile."


def test_a_roll_back_brings_no_code_back(client: FlaskClient, gateway: CoreGateway) -> None:
    target = gateway.state.target
    texts = {"CASSANDRA_JVM_OPTIONS": "-XX:OnError=reboot", "CASSANDRA_CPUS": "1.5", "SERVICE_USER": "nobody"}
    cassandra = replace(target.spec.cassandra, jvm_options=("-XX:OnError=reboot",))
    old = Configuration("c0", NOW, replace(target.spec, cassandra=cassandra), texts)
    gateway.state = replace(gateway.state, configurations={"c0": old, "c1": target}, previous="c0")
    assert "must not hold -XX:OnError here" in roll_back(client, status=409)["message"]
    assert gateway.submitted == []


def test_a_roll_back_beside_a_setting_that_is_not_valid(client: FlaskClient, gateway: CoreGateway) -> None:
    other(gateway, {"CASSANDRA_CPUS": "1.5", "SERVICE_USER": "nobody"})
    gateway.state = replace(gateway.state, overrides={"GARBAGE_GRACE_S": Override("+60", "")})
    found = roll_back(client, status=409)["message"]
    assert "cannot be brought back: GARBAGE_GRACE_S must be a number" in found
    assert found.endswith('PUT /v1/config with {"GARBAGE_GRACE_S": null} removes it.')


def test_code_that_an_earlier_version_took_is_passed_over(client: FlaskClient, gateway: CoreGateway) -> None:
    stored = {"EXECUTOR_COMMAND": Override("evil", ""), "CASSANDRA_JVM_OPTIONS": Override("-agentpath:x", "")}
    gateway.state = replace(gateway.state, overrides=stored)
    put(client, HEAP)
    assert gateway.state.overrides == {"CASSANDRA_HEAP_SIZE_MB": Override("1024", "")}


def test_a_setting_that_an_earlier_version_took_is_taken_back(client: FlaskClient, gateway: CoreGateway) -> None:
    gateway.state = replace(gateway.state, overrides={"NODES": Override("1_0", "")})
    found = put(client, HEAP, 400)["message"]
    assert found == (
        "NODES must be a whole number, not '1_0'. "
        'NODES was set through the API: PUT /v1/config with {"NODES": null} removes it.'
    )
    assert put(client, {"NODES": "2_0"}, 400)["message"] == "NODES must be a whole number, not '2_0'."
    put(client, {"NODES": None, **HEAP})
    assert gateway.state.overrides == {"CASSANDRA_HEAP_SIZE_MB": Override("1024", "")}


def test_settings_that_are_valid_together_are_not_blamed(client: FlaskClient, gateway: CoreGateway) -> None:
    gateway.state = replace(gateway.state, overrides={"NODES": Override("6", ""), "SEED_NODES": Override("5", "")})
    assert put(client, {"CASSANDRA_CPUS": "1_0"}, 400)["message"] == "CASSANDRA_CPUS must be a number, not '1_0'."
    gateway.state = replace(
        gateway.state, overrides={**gateway.state.overrides, "GARBAGE_GRACE_S": Override("+60", "")}
    )
    found = put(client, HEAP, 400)["message"]
    assert found.endswith(
        'GARBAGE_GRACE_S was set through the API: PUT /v1/config with {"GARBAGE_GRACE_S": null} removes it.'
    )


def test_an_error_of_the_start_is_healed(client: FlaskClient, gateway: CoreGateway) -> None:
    """The environment asks for another disk, and was refused: the old size is given over it."""
    spec = gateway.state.target.spec
    old = replace(gateway.state.target, spec=replace(spec, disk_mb=4096))
    gateway.state = replace(gateway.state, target=old, configurations={"c1": old}, configuration_errors=("no",))
    assert "disk size" in put(client, HEAP, 409)["message"]
    put(client, {"CASSANDRA_DISK_MB": 4096})
    assert (gateway.state.configuration_errors, gateway.state.target) == ((), old)


def test_no_value_is_told(client: FlaskClient, gateway: CoreGateway) -> None:
    put(client, {"CASSANDRA_YAML": "audit_logging_options: {included_users: abcde@x}", "canary": True})
    ((command, principal),) = gateway.submitted
    assert "abcde" not in repr(command)
    told = command_entry(Outcome(command, "alice"), NOW).sentence
    assert told == "alice asked to set target (names CASSANDRA_YAML, canary yes)"
    assert "abcde" not in str(document(client.get(PATH))["overrides"])
    assert principal


def test_what_may_be_given() -> None:
    assert {"NODES", "CASSANDRA_YAML", "EXECUTOR_CPUS", "SERVICE_USER", "CASSANDRA_NUM_TOKENS"} <= RECORDED
    own = {"REPLACE_AFTER_S", "CLEANUP_AFTER_SCALE", "GARBAGE_GRACE_S"}
    own |= {"SECURITY_CERTIFICATE_DAYS", "SECURITY_PASSWORD_DAYS"}
    assert own == CHANGEABLE - RECORDED
    assert not [name for name in CHANGEABLE if name.endswith(("_FILE", "_DIR")) or "SECRET" in name]


# The way back


def test_back_and_forth(client: FlaskClient, gateway: CoreGateway) -> None:
    first = Configuration("c1", NOW, gateway.state.target.spec, {"CASSANDRA_CPUS": "1.5", "SERVICE_USER": "nobody"})
    gateway.state = replace(gateway.state, target=first, configurations={"c1": first})
    second = put(client, {**HEAP, "REPLACE_AFTER_S": 900})["configuration"]
    found = roll_back(client)
    assert (found["configuration"], found["canary"]) == ("c1", None)
    assert found["changes"] == [{"name": "heap_mb", "old": "1024", "new": "2048", "effect": "restart"}]
    assert gateway.state.overrides == {"REPLACE_AFTER_S": Override("900", "")}
    assert roll_back(client)["configuration"] == second
    assert gateway.state.target.spec.cassandra.heap_mb == 1024
    assert roll_back(client, {"configuration": "c1"})["configuration"] == "c1"
    command = gateway.submitted[-1][0]
    assert isinstance(command, SetTarget)
    told = command_entry(Outcome(command, "alice"), NOW).sentence
    assert told == "alice asked to set target (names CASSANDRA_HEAP_SIZE_MB, configuration c1)"
    before = gateway.state
    assert roll_back(client, {"configuration": "c1"})["changes"] == []
    assert gateway.state is before


def other(gateway: CoreGateway, settings: dict[str, str] | None, **changes: Any) -> None:
    """There was another configuration before."""
    target = gateway.state.target
    found = Configuration("c0", NOW - 1, replace(target.spec, **changes), settings)
    known = {"c0": found, "c1": target}
    gateway.state = replace(gateway.state, configurations=known, previous="c0")


def test_settings_that_the_environment_changed_are_brought_back(client: FlaskClient, gateway: CoreGateway) -> None:
    resources = replace(gateway.state.target.spec.resources, cpus=0.7)
    other(gateway, {"CASSANDRA_CPUS": "0.7", "SERVICE_USER": "nobody"}, resources=resources)
    assert roll_back(client)["configuration"] == "c0"
    assert gateway.state.overrides == {"CASSANDRA_CPUS": Override("0.7", "1.5")}


@pytest.mark.parametrize(
    ("settings_then", "changes", "says"),
    [
        (None, {}, "recorded no settings"),
        ({"SERVICE_USER": "nobody"}, {"user": "root"}, "nodes would be launched with user root -> nobody"),
        ({"SERVICE_USER": "nobody", "NODES": "many"}, {}, "NODES must be a whole number"),
        ({"SERVICE_USER": "nobody", "CASSANDRA_CPUS": "1.5", "CASSANDRA_DISK_MB": "5000"}, {}, "disk size"),
    ],
)
def test_what_cannot_be_brought_back(
    client: FlaskClient, gateway: CoreGateway, settings_then: dict[str, str] | None, changes: Any, says: str
) -> None:
    if "CASSANDRA_CPUS" not in (settings_then or {}):
        changes = {**changes, "resources": replace(gateway.state.target.spec.resources, cpus=0.5)}
    other(gateway, settings_then, **changes)
    before = gateway.state
    assert says in roll_back(client, status=409)["message"]
    assert gateway.state is before


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        (None, 409, "There is no previous configuration."),
        ({"configuration": "nowhere"}, 404, "There is no configuration nowhere."),
        ({"configuration": 7}, 400, "configuration must be the id of a configuration."),
        ({"canary": True}, 400, "The field canary is unknown"),
    ],
    ids=str,
)
def test_no_way_back(client: FlaskClient, body: Any, status: int, says: str) -> None:
    assert says in roll_back(client, body, status)["message"]


def test_a_preview_is_of_the_present_settings_and_takes_the_same_body(
    client: FlaskClient, gateway: CoreGateway
) -> None:
    put(client, HEAP)
    before = gateway.state
    found = document(client.post("/v1/config/preview", json={"CASSANDRA_CPUS": 2, "canary": True}))
    assert [item["name"] for item in found["changes"]] == ["cpus"]
    found = document(client.post("/v1/config/preview", json={"CASSANDRA_HEAP_SIZE_MB": None}))
    assert found["changes"] == [{"name": "heap_mb", "old": "1024", "new": "2048", "effect": "restart"}]
    assert gateway.state is before


def test_what_lapsed_with_a_refused_start_is_not_given_again(settings: Settings) -> None:
    """The environment was changed, and refused: what the API had given lies over what it said before."""
    state = make_state(settings, make_node(0), overrides={"CASSANDRA_CPUS": Override("2", "1")})
    gateway = CoreGateway(state)
    client = create_app(gateway, settings).test_client()
    put(client, HEAP)
    assert set(gateway.state.overrides) == {"CASSANDRA_HEAP_SIZE_MB"}
