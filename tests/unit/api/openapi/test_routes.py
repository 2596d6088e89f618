"""Routes that describe themselves."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from flask import Response

from api.openapi.document import describe
from api.openapi.json_schema import STRINGS, ref
from api.openapi.operation import Answer, parameter
from api.openapi.routes import REASON, Routes
from api.openapi.schemas import any_request

REFUSED = {"401", "403", "429"}


def view(**_: str) -> Response:
    return Response()


def ping() -> Response:
    return Response()


def test_a_choice_in_a_path_is_an_enumeration() -> None:
    routes = Routes("test", __name__)
    routes.read("/v1/<any(cleanup, repair):kind>/status/<node>", "Status", STRINGS)(view)
    ((path, item),) = routes.paths.items()
    assert path == "/v1/{kind}/status/{node}"
    assert [given["schema"].get("enum") for given in item["get"]["parameters"]] == [["cleanup", "repair"], None]
    assert set(item["get"]["responses"]) == {"200", "401", "403", "404", "429", "503"}


def test_a_command_has_both_methods_and_its_failures() -> None:
    routes = Routes("test", __name__)
    force = parameter("force", "query", "meaning", ("true", "false"))
    routes.command("/v1/restart", "Restart", STRINGS, (force,))(view)
    item = routes.paths["/v1/restart"]
    assert item["post"] == item["put"]
    assert item["post"]["parameters"] == [force, REASON]
    assert set(item["post"]["responses"]) == {"200", *REFUSED, "400", "404", "409", "413", "415", "503"}


def test_methods_of_one_path_join_in_the_document_and_a_second_mount_adds_nothing() -> None:
    reads, writes = Routes("reads", __name__), Routes("writes", __name__)
    reads.read("/v1/thing", "Read it", STRINGS)(view)
    writes.submit("/v1/thing", "Change it", STRINGS, body=ref("Settings"), methods=("PUT",))(view)
    assert set(describe([reads, writes, reads])["paths"]["/v1/thing"]) == {"get", "put"}


def test_a_path_without_a_token_says_so() -> None:
    routes = Routes("health", __name__)
    routes.read("/ping", "Ping", Answer(None, "text/plain"))(ping)
    assert routes.paths["/ping"]["get"]["security"] == []
    assert not REFUSED & routes.paths["/ping"]["get"]["responses"].keys()


def test_a_command_that_can_begin_work_has_both_answers() -> None:
    routes = Routes("test", __name__)
    routes.command("/v1/replace", "Replace", STRINGS, can_start=True)(view)
    assert {"200", "202"} <= routes.paths["/v1/replace"]["put"]["responses"].keys()


@pytest.mark.parametrize(
    ("kinds", "names"),
    [
        (["cleanup", "scrub"], ["TablesRequest"]),
        (["a kind without fields of its own"], ["TablesRequest"]),
        (["restore", "repair", "compact"], ["TablesRequest", "RepairRequest", "RestoreRequest"]),
    ],
)
def test_a_start_takes_the_requests_of_its_kinds(kinds: Sequence[str], names: Sequence[str]) -> None:
    assert any_request(kinds) == {"anyOf": [ref(name) for name in names]}
