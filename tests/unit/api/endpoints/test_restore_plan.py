"""The dry run of a restore over the API: nothing begins, whatever is asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jsonschema
import pytest
from flask.testing import FlaskClient

from api import create_app
from scheduler.loop.snapshot import Unavailable
from tests.unit.api.cluster import CoreGateway, document, make_node, make_settings, make_state
from tests.unit.api.maintenance import ALL_NODES, BACKUP, KEYS, NO_BACKUP, run
from tests.unit.scheduler.core.maintenance.test_restore_preview import answer
from tests.unit.sealing_keys import new_key

BODY = {"backup_name": "monday", "external_location": "s3://bucket"}


@pytest.fixture
def gateway() -> CoreGateway:
    made = CoreGateway(make_state(make_settings(), make_node(0), make_node(1), make_node(2)))
    made.answers = {"backup": BACKUP}
    made.answers_each = {node: answer(index) for index, node in enumerate(ALL_NODES)}
    return made


def ask(gateway: CoreGateway, body: Any, **settings: Any) -> tuple[int, Any]:
    client = create_app(gateway, make_settings(**settings)).test_client()
    answered = client.put("/v1/restore/plan", json=body)
    assert gateway.submitted == []
    return answered.status_code, document(answered)


def test_every_node_is_asked_with_its_share(gateway: CoreGateway) -> None:
    code, found = ask(gateway, {**BODY, **KEYS, "rename": {"shop": "shop2"}, "throttle": 10}, SECRETS_KEY=new_key())
    assert (code, found["possible"], found["problems"]) == (200, True, [])
    assert found["seconds_at_throttle"] == 10
    asked = [content for subject, content in gateway.asked if subject == "restore-plan"]
    assert [content["share"] for content in asked] == [["node-0"], [], []]
    assert {content["backup_name"] for content in asked} == {"monday"}
    # With a key of the service, backups are signed: the node checks that.
    assert asked[0]["secrets"].items() > KEYS.items()
    assert set(asked[0]["secrets"]) - set(KEYS) == {"backup_signing_key.0"}
    assert asked[0]["rename"] == {"shop": "shop2"}
    assert asked[0]["location"]["external_location"] == "s3://bucket"


def test_it_may_be_asked_while_an_operation_runs(gateway: CoreGateway) -> None:
    run(gateway)
    assert ask(gateway, BODY)[1]["possible"] is True


def test_a_restore_that_is_not_possible_is_an_answer_like_another(gateway: CoreGateway) -> None:
    gateway.answers_each["node-1"] = Unavailable("node-1 does not run")
    code, found = ask(gateway, BODY)
    assert (code, found["possible"]) == (200, False)
    assert [(problem["where"], problem["why"]) for problem in found["problems"]] == [("node-1", "node-1 does not run")]


def test_problems_name_nodes(gateway: CoreGateway) -> None:
    address = gateway.state.nodes["node-1"].address
    problem = {"kind": "connect", "where": "node-1", "why": f"CQL on {address}:9042: refused", "help": ""}
    gateway.answers_each["node-1"] = {"problems": [problem]}
    (found,) = ask(gateway, BODY)[1]["problems"]
    assert found["why"] == f"CQL on node-1 ({address}:9042): refused"


class _LastFirst(CoreGateway):
    """Nodes that answer in another order than they were asked in."""

    def question_each(
        self, subject: str, contents: Mapping[str, Mapping[str, Any]], seconds: float
    ) -> Mapping[str, Mapping[str, Any] | Unavailable]:
        found = super().question_each(subject, contents, seconds)
        return {node: found[node] for node in reversed(list(found))}


def test_nodes_are_in_the_order_of_their_numbers() -> None:
    made = _LastFirst(make_state(make_settings(), *map(make_node, range(11))))
    problem = {"kind": "space", "where": "", "why": "full", "help": ""}
    made.answers = {"backup": BACKUP}
    made.answers_each = {name: {"problems": [problem]} for name in made.state.nodes}
    (found,) = ask(made, BODY)[1]["problems"]
    assert found["nodes"] == [f"node-{index}" for index in range(11)]


def test_credentials_that_a_start_could_not_keep_are_a_problem(gateway: CoreGateway) -> None:
    code, found = ask(gateway, {**BODY, **KEYS})
    assert (code, found["possible"]) == (200, False)
    assert "Credentials are refused" in found["problems"][0]["why"]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({}, "backup_name must be given"),
        ({**BODY, "names": []}, "The field names is unknown"),
        ({**BODY, "column_families": ["nothing"]}, "there is no table nothing"),
    ],
)
def test_a_request_that_is_wrong(gateway: CoreGateway, body: Any, words: str) -> None:
    code, found = ask(gateway, body)
    assert code == 400
    assert words in found["message"]


def test_a_backup_that_is_not_there(gateway: CoreGateway) -> None:
    gateway.answers["backup"] = NO_BACKUP
    assert ask(gateway, BODY)[0] == 400


def test_the_answer_is_as_described(gateway: CoreGateway, client: FlaskClient) -> None:
    description = document(client.get("/v1/openapi.json"))
    schemas = description["components"]["schemas"]
    closed = {
        name: {**schema, "additionalProperties": False} if name.startswith(("Restore", "Restoring")) else schema
        for name, schema in schemas.items()
    }
    schema = {"$ref": "#/components/schemas/RestorePlan", "components": {"schemas": closed}}
    gateway.answers_each["node-1"] = Unavailable("silent")
    jsonschema.Draft202012Validator(schema).validate(ask(gateway, BODY)[1])
