"""Each command of the page does what the API's does, and its lines say the same."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from html import unescape
from pathlib import Path
from typing import Any

import click
import pytest

from api.page.commands import COMMANDS
from api.page.inputs import BY_KIND, read_inputs
from cli.root import root
from scheduler.core.commands.command import (
    ForceComplete,
    Interrupt,
    PauseNode,
    Proceed,
    ReplaceNode,
    RestartNodes,
    RestartStep,
    SetTarget,
    StartOperation,
    StopOperation,
    TuneOperation,
)
from scheduler.core.state.operation_kinds import KINDS
from tests.unit.api import maintenance
from tests.unit.api.cluster import CoreGateway, make_node, make_settings, make_state
from tests.unit.api.page.browser import Browser, trusted, with_tokens, words

FIELDS = {"plan": "deploy", "phase": "Deploy", "step": "node-0", "node": "node-0", "kind": "repair"}
PLACE = {"external_location": "s3://bucket", "backup_name": "monday"}


@pytest.fixture
def gateway() -> CoreGateway:
    found = CoreGateway(make_state(make_settings(), make_node(0), make_node(1), make_node(2)))
    found.answers |= {"schema": maintenance.SCHEMA, "settings": {"refused": ""}}
    return found


@pytest.fixture
def browser(gateway: CoreGateway) -> Browser:
    return trusted(gateway, BACKUP_LOCATIONS="s3://*")


@pytest.mark.parametrize(
    ("command", "fields", "wanted"),
    [
        ("plan-interrupt", {"plan": "deploy"}, Interrupt("deploy")),
        ("plan-continue", {"plan": "deploy"}, Proceed("deploy")),
        ("step-restart", {"plan": "deploy", "phase": "Deploy", "step": "node-0"},
         RestartStep("deploy", "Deploy", "node-0")),
        ("step-complete", {"plan": "deploy", "phase": "Deploy", "step": "node-0"},
         ForceComplete("deploy", "Deploy", "node-0")),
        ("node-restart", {"node": "node-0"}, RestartNodes(("node-0",), "admin-router", False, False)),
        ("node-restart", {"node": "node-0", "force": "true"}, RestartNodes(("node-0",), "admin-router", True, False)),
        ("node-replace", {"node": "node-1"}, ReplaceNode("node-1", "admin-router", False)),
        ("node-pause", {"node": "node-1"}, PauseNode("node-1", "admin-router", False)),
        ("ring-restart", {"node": "*"},
         RestartNodes(("node-0", "node-1", "node-2"), "admin-router", False, False)),
    ],
)  # fmt: skip
def test_a_command_reaches_the_scheduler(
    browser: Browser, gateway: CoreGateway, command: str, fields: dict[str, str], wanted: object
) -> None:
    assert browser.do(command, **fields).status_code == 200
    assert gateway.submitted == [(wanted, "admin-router")]


def test_an_operation_starts_with_what_was_filled_in(browser: Browser, gateway: CoreGateway) -> None:
    answer = browser.do("start-cleanup", key_spaces="shop", column_families="user, users", parallelism="2")
    assert answer.status_code == 202
    ((command, _),) = gateway.submitted
    assert isinstance(command, StartOperation)
    assert command.request["key_spaces"] == ["shop"]
    assert command.request["column_families"] == ["user", "users"]
    assert command.request["parallelism"] == 2


def test_tables_that_were_ticked_count_as_names(browser: Browser, gateway: CoreGateway) -> None:
    fields: Mapping[str, Any] = {
        "code": browser.code(), "command": "start-flush", "key_spaces": ["", "shop"],
        "column_families": ["", "shop.user", "shop.users"],
    }  # fmt: skip
    assert browser.client.post("/ui/do", data=fields).status_code == 202
    ((command, _),) = gateway.submitted
    assert isinstance(command, StartOperation)
    assert command.request["column_families"] == ["shop.user", "shop.users"]


def test_the_page_refuses_as_the_api_does(browser: Browser, gateway: CoreGateway) -> None:
    answer = browser.do("start-cleanup", key_spaces="nothing", parallelism="many", nodes="node-7")
    wanted = browser.client.put(
        "/v1/cleanup/start", json={"key_spaces": ["nothing"], "parallelism": "many", "nodes": ["node-7"]}
    )
    assert answer.status_code == wanted.status_code == 400
    document = wanted.get_json()
    assert document is not None
    assert document["message"] in words(answer)
    assert 'value="nothing"' in answer.text
    assert gateway.submitted == []


def test_stop_and_tune(browser: Browser, gateway: CoreGateway) -> None:
    maintenance.run(gateway, "backup", tuning={"throttle": 5})
    assert browser.do("tune", kind="backup", throttle="10000000").status_code == 202
    assert browser.do("stop", kind="backup").status_code == 202
    assert [command for command, _ in gateway.submitted] == [
        TuneOperation("backup", {"throttle": 10000000}), StopOperation("backup", "admin-router"),
    ]  # fmt: skip


def test_settings_are_previewed_and_changed(browser: Browser, gateway: CoreGateway) -> None:
    fields = {"settings": "CASSANDRA_HEAP_SIZE_MB=1024\n-NODES", "canary": "true"}
    answer = browser.do("config-change", preview="1", **fields)
    assert answer.status_code == 200
    assert "node-0, node-1, node-2" in words(answer)
    assert gateway.submitted == []
    assert browser.do("config-change", **fields).status_code == 200
    ((command, _),) = gateway.submitted
    assert isinstance(command, SetTarget)


@pytest.mark.parametrize(
    ("command", "fields", "sentence"),
    [
        ("config-change", {"settings": "NODES=4\nCASSANDRA_HEAP_SIZE_MB=1024\n NODES =5"}, "NODES is there twice."),
        ("config-change", {"settings": "NODES=4\n-NODES"}, "NODES is there twice."),
        ("config-change", {"settings": ["NODES=4", "NODES=5"]}, "The field settings must be there once."),
        (
            "config-change",
            {"settings": "NODES=4\nCASSANDRA_HEAP_SIZE_MB"},
            "CASSANDRA_HEAP_SIZE_MB must be NAME=VALUE, or -NAME for the environment's value.",
        ),
        ("start-restore", {**PLACE, "rename": "shop=a, user=b, shop=c"}, "shop is there twice."),
        (
            "start-backup",
            {**PLACE, "cassandra_password": ["a", "b"]},
            "The field cassandra_password must be there once.",
        ),
        ("start-backup", {**PLACE, "throttle": ["1", "2"]}, "The field throttle must be there once."),
        ("node-restart", {"node": ["node-0", "node-1"]}, "The field node must be there once."),
        ("node-restart", {"node": "node-0", "force": ["true", "true"]}, "The field force must be there once."),
    ],
)
def test_a_name_that_is_there_twice(
    browser: Browser, gateway: CoreGateway, command: str, fields: Mapping[str, Any], sentence: str
) -> None:
    for more in ({}, {"preview": "1"}):
        sent = {"code": browser.code(), "command": command, **fields, **more}
        answer = browser.client.post("/ui/do", data=sent)
        assert answer.status_code == 400
        assert sentence in words(answer)
    assert gateway.submitted == []


def test_a_restore_is_tried_without_a_change(browser: Browser, gateway: CoreGateway) -> None:
    gateway.answers["backup"] = maintenance.BACKUP
    answer = browser.do("start-restore", preview="1", **PLACE)
    assert answer.status_code == 200
    assert "does not run" in words(answer)
    assert gateway.submitted == []


def test_secrets_are_not_shown_again(browser: Browser, gateway: CoreGateway) -> None:
    answer = browser.do("start-backup", s3_access_key="the-access-key", s3_secret_key="the-secret-key", **PLACE)
    assert answer.status_code == 409
    assert "the-secret-key" not in answer.text
    assert "the-access-key" not in answer.text


def test_a_password_is_taken_as_it_is() -> None:
    given = {"cassandra_username": " user ", "cassandra_password": " two words "}
    assert read_inputs(BY_KIND["backup"], given) == {"cassandra_username": "user", "cassandra_password": " two words "}
    assert read_inputs(BY_KIND["backup"], {"cassandra_password": ""}) == {}


def test_keys_for_a_list_of_backups_are_never_in_an_address(browser: Browser, gateway: CoreGateway) -> None:
    gateway.answers["backups"] = {"backups": []}
    answer = browser.post("backups", {"code": browser.code(), **PLACE, **maintenance.KEYS})
    assert answer.status_code == 200
    assert gateway.asked[-1][1]["secrets"]["s3_secret_key"] == "the-secret-key"
    assert "the-secret-key" not in answer.text
    assert browser.post("backups", {**PLACE, **maintenance.KEYS}).status_code == 400


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_explains_itself(browser: Browser, name: str) -> None:
    command = COMMANDS[name]
    query = {"command": name, **{field: FIELDS[field] for field in (*command.names, *command.query)}}
    answer = browser.client.get("/ui/do", query_string=query)
    assert answer.status_code == 200
    text = words(answer)
    assert command.effect in text
    (line,) = [found for found in unescape(answer.text).split("<code>") if found.startswith("cassandra-mesos ")]
    assert_is_command(shlex.split(line.partition("</code>")[0])[1:])


def assert_is_command(verbs: list[str]) -> None:
    """Fail unless the first words lead to a command of the command line."""
    found: click.Command = root
    while isinstance(found, click.Group):
        word = verbs.pop(0)
        deeper = found.get_command(click.Context(found), word)
        assert deeper is not None, word
        found = deeper


@pytest.mark.parametrize("name", COMMANDS)
def test_a_role_that_may_not_is_offered_no_button_and_is_refused(
    gateway: CoreGateway, tmp_path: Path, name: str
) -> None:
    browser = with_tokens(gateway, tmp_path)
    browser.log_in("read-token")
    command = COMMANDS[name]
    query = {"command": name, **{field: FIELDS[field] for field in (*command.names, *command.query)}}
    answer = browser.client.get("/ui/do", query_string=query)
    assert "needs the role " in words(answer)
    assert browser.post("do", {"code": "", **query}).status_code == 403
    browser.log_in("operate-token")
    answer = browser.post("do", {"code": browser.code(), **query})
    assert (answer.status_code == 403) == name.startswith("config-")
    assert not name.startswith("config-") or gateway.submitted == []


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"command": "nothing"}, 404),
        ({"command": "node-restart"}, 400),
        ({"command": "stop", "kind": "nothing"}, 404),
        ({"command": "node-restart", "node": "../config"}, 404),
        ({"command": "plan-interrupt", "plan": "../nodes/0/restart?"}, 404),
    ],
)
def test_what_is_no_command(browser: Browser, gateway: CoreGateway, fields: dict[str, str], status: int) -> None:
    assert browser.post("do", {"code": browser.code(), **fields}).status_code == status
    assert gateway.submitted == []


def test_every_kind_but_those_of_nodes_and_users_can_be_started() -> None:
    assert set(BY_KIND) == set(KINDS) - {"decommission", "authentication", "rotation"}


def test_values_of_inputs() -> None:
    found = read_inputs(BY_KIND["restore"], {"rename": "shop=shop2, a = b", "throttle": "5", "compare": "", "x": "y"})
    assert found == {"rename": {"shop": "shop2", "a": "b"}, "throttle": 5}
