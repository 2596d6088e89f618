"""What a node answers in another form than this version reads is no error of the scheduler."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.unit.api.cluster import CoreGateway, document

PLACE = "s3://bucket/prefix"
BACKUP = {"backup_name": "monday", "external_location": PLACE}
REQUESTS: list[tuple[str, str, dict[str, Any] | None]] = [
    ("GET", "/v1/schema", None),
    ("GET", f"/v1/backups?external_location={PLACE}", None),
    ("GET", f"/v1/backups/monday?external_location={PLACE}", None),
    ("PUT", "/v1/backup/start", BACKUP),
    ("PUT", "/v1/restore/start", {**BACKUP, "key_spaces": ["shop"]}),
    ("PUT", "/v1/restore/plan", {**BACKUP, "key_spaces": ["shop"]}),
    ("PUT", "/v1/repair/start", {"nodes": ["*"], "key_spaces": ["shop"]}),
]


@pytest.mark.parametrize(
    "content",
    [
        {"key_spaces": 5, "backups": 5},
        {"key_spaces": {"shop": 5}, "backups": [5]},
        {"key_spaces": {"shop": {"tables": [{}]}}, "backups": {}, "backup_name": "x", "self": 1},
        {"state": "complete", "key_spaces": ["shop"], "nodes": 5, "views": 5},
        {"state": "complete", "key_spaces": {"shop": 5}, "nodes": {}, "finished_at": 1e300},
        {"state": "complete", "key_spaces": {"shop": ["users"]}, "nodes": 5, "refusal": {}},
        {"state": "complete", "key_spaces": {"shop": ["users"]}, "nodes": {}, "views": {"shop": 5}},
    ],
    ids=str,
)
def test_an_answer_of_another_form_is_never_a_500(
    client: FlaskClient, gateway: CoreGateway, content: dict[str, Any]
) -> None:
    gateway.answers = dict.fromkeys(("schema", "backup", "backups"), content)
    gateway.answers_each = dict.fromkeys(gateway.state.nodes, content)
    for method, path, body in REQUESTS:
        answer = client.open(path, method=method, json=body) if body else client.open(path, method=method)
        assert answer.status_code != 500, (method, path)
        if answer.status_code == 503:
            assert "nswer of a node cannot be read" in document(answer)["message"]


@pytest.mark.parametrize(
    "changes",
    [
        {"backup_name": None},
        {"backup_name": 5},
        {"state": {}},
        {"state": None},
        {"finished_at": []},
        {"started_at": {"a": 1}},
        {"bytes": "5"},
        {"bytes": [5]},
        {"bytes": -5, "finished_at": "2024-01-01T00:00:00Z"},
        {"nodes": {"node-0": 1}},
        {"objects": 1.5},
        {"cluster": 5},
        {"message": ["a"]},
    ],
    ids=str,
)
def test_a_list_of_another_form_is_refused_and_the_page_says_so(
    client: FlaskClient, gateway: CoreGateway, changes: dict[str, Any]
) -> None:
    gateway.answers["backups"] = {"backups": [{"backup_name": "monday", "state": "complete", **changes}]}
    query = f"external_location={PLACE}"
    answer = client.get(f"/v1/backups?{query}")
    assert answer.status_code == 503
    assert "nswer of a node cannot be read" in document(answer)["message"]
    page = client.get(f"/ui/backups?{query}")
    assert page.status_code == 200
    assert "nswer of a node cannot be read" in page.get_data(as_text=True)


def test_a_list_of_few_words_is_shown(client: FlaskClient, gateway: CoreGateway) -> None:
    gateway.answers["backups"] = {"backups": [{"backup_name": "monday", "state": "complete"}]}
    page = client.get(f"/ui/backups?external_location={PLACE}")
    assert page.status_code == 200
    assert "monday" in page.get_data(as_text=True)
