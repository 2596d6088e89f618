"""Certificates over the API: who has which, renewal and rotation."""

from __future__ import annotations

import re
import time
from dataclasses import replace

import pytest

from api import create_app
from executor.certificate_messages import CertificateFacts, fingerprints
from scheduler.core.events.certificates import certificate_entries
from scheduler.core.nodes.certificates import wanted_of
from scheduler.core.nodes.expiry import expiry_state
from scheduler.core.state.authority import Authority, AuthorityRecord, RotationPhase
from scheduler.core.state.cluster import ClusterState, Sighting
from scheduler.core.state.configuration import Configuration
from scheduler.metrics import Metrics
from scheduler.security.authority import AUTHORITY_DAYS, new_authority, validity
from scheduler.security.issuer import Issuer
from scheduler.security.sealing import Sealer
from tests.unit.api.cluster import NOW, CoreGateway, make_node, make_settings, make_state, make_status
from tests.unit.sealing_keys import new_key

DAY = 86_400.0
BEGAN = time.time()
KEY = new_key()
ISSUER = Issuer("cassandra", Sealer([KEY]))


def facts(state: ClusterState, **changes: object) -> CertificateFacts:
    assert state.authority is not None
    wanted = wanted_of(state.authority)
    (authority,) = wanted.authorities
    base = CertificateFacts("a1", BEGAN, BEGAN + 30 * DAY, authority, tuple(wanted.trusted), (7000, 9042))
    return replace(base, **changes)  # type: ignore[arg-type]


def encrypted(**changes: object) -> ClusterState:
    """Three members with TLS and certificates."""
    state = make_state(make_settings(), *(make_node(index) for index in range(3)))
    spec = state.target.spec
    changed = replace(spec, cassandra=replace(spec.cassandra, encryption="required"))
    target = Configuration(state.target.id, 0.0, changed)
    state = replace(state, target=target, configurations={target.id: target}, authority=ISSUER.first(time.time()))
    shown = facts(state, **changes)
    sightings = {
        name: Sighting(node.task.id, replace(make_status(node.index), certificate=shown), NOW)
        for name, node in state.nodes.items()
        if node.task is not None
    }
    return replace(state, sightings=sightings)


@pytest.fixture
def gateway() -> CoreGateway:
    return CoreGateway(encrypted())


def test_who_has_what(gateway: CoreGateway) -> None:
    client = create_app(gateway, make_settings(SECRETS_KEY=KEY)).test_client()
    found = client.get("/v1/certificates").get_json()
    assert found["encryption"] == "required"
    assert [item["signs"] for item in found["authorities"]] == [True]
    assert "PRIVATE" not in str(found)
    assert "sealed" not in str(found)
    assert [(node["node"], node["serial"], node["ports"], node["message"]) for node in found["nodes"]] == [
        (f"node-{index}", "a1", [7000, 9042], "") for index in range(3)
    ]


def test_times_have_the_form_of_all_others(gateway: CoreGateway) -> None:
    pem = new_authority("clients", NOW).certificate
    asking = replace(gateway.state.target.spec.cassandra, client_certificates="optional", client_authorities=pem)
    target = Configuration("next", 0.0, replace(gateway.state.target.spec, cassandra=asking))
    gateway.state = replace(gateway.state, target=target)
    found = create_app(gateway, make_settings(SECRETS_KEY=KEY)).test_client().get("/v1/certificates").get_json()
    items = [*found["authorities"], *found["nodes"], *found["clients"]["authorities"]]
    times = [item[name] for item in items for name in ("not_before", "not_after")]
    assert len(times) == 10
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", at) for at in times), times


def test_an_authority_that_was_stored_as_its_file_was(gateway: CoreGateway) -> None:
    """An earlier version stored a whole chain, and text without a newline at its end."""
    first, root, second = (new_authority(name, BEGAN).certificate for name in ("first", "root", "second"))
    record = AuthorityRecord(Authority(f"{first}{root}".strip()), Authority(second), RotationPhase.TRUST_BOTH)
    gateway.state = replace(gateway.state, authority=record)
    client = create_app(gateway, make_settings(SECRETS_KEY=KEY)).test_client()
    found = client.get("/v1/certificates").get_json()["authorities"]
    assert [item["fingerprint"] for item in found] == [fingerprints(pem)[0] for pem in (first, second)]
    assert "".join(item["certificate"] for item in found) == f"{first}{root}{second}"
    assert client.get("/v1/certificates/authorities").text == f"{first}{root}{second}"


def test_what_is_asked_of_clients_and_by_which_nodes(gateway: CoreGateway) -> None:
    state, pem = gateway.state, new_authority("clients", NOW).certificate
    asking = replace(state.target.spec.cassandra, client_certificates="optional", client_authorities=pem)
    target = Configuration("next", 0.0, replace(state.target.spec, cassandra=asking))
    gateway.state = replace(state, target=target, configurations={**state.configurations, "next": target})
    found = create_app(gateway, make_settings(SECRETS_KEY=KEY)).test_client().get("/v1/certificates").get_json()
    assert found["clients"]["certificates"] == "optional"
    (authority,) = found["clients"]["authorities"]
    assert (authority["fingerprint"], authority["certificate"]) == (fingerprints(pem)[0], pem)
    assert authority["not_before"] < authority["not_after"]
    assert {node["client_certificates"] for node in found["nodes"]} == {"off"}, "they did not restart yet"


def test_without_tls_there_is_nothing(gateway: CoreGateway) -> None:
    gateway.state = make_state(make_settings(), make_node(0))
    client = create_app(gateway, make_settings(SECRETS_KEY=KEY)).test_client()
    found = client.get("/v1/certificates").get_json()
    assert (found["authorities"], found["nodes"][0]["state"], found["nodes"][0]["serial"]) == ([], "none", None)
    for path in ("renew", "rotate"):
        answer = client.put(f"/v1/certificates/{path}")
        assert answer.status_code == 409
        assert "SECURITY_TRANSPORT_ENCRYPTION is off" in answer.get_json()["message"]


def test_a_renewal_is_stored_with_the_serials_to_replace(gateway: CoreGateway) -> None:
    client = create_app(gateway, make_settings(SECRETS_KEY=KEY)).test_client()
    assert client.put("/v1/certificates/renew?node=1").get_json() == ["node-1"]
    assert gateway.state.authority is not None
    assert gateway.state.authority.renewals == {"node-1": "a1"}
    assert client.put("/v1/certificates/renew").get_json() == ["node-0", "node-1", "node-2"]
    assert client.put("/v1/certificates/renew?node=9").status_code == 404


def test_a_rotation_waits_for_clients_unless_told_otherwise(gateway: CoreGateway) -> None:
    client = create_app(gateway, make_settings(SECRETS_KEY=KEY)).test_client()
    assert "continue that plan" in client.put("/v1/certificates/rotate").get_json()["message"]
    assert gateway.state.plans["certificates"].interrupted
    assert client.get("/v1/certificates").get_json()["rotation"] == "TRUST_BOTH"
    answer = client.put("/v1/certificates/rotate?wait=false")
    assert (answer.status_code, "is rotated already" in answer.get_json()["message"]) == (409, True)


def test_a_rotation_needs_a_key_for_secrets(gateway: CoreGateway) -> None:
    client = create_app(gateway, make_settings()).test_client()
    answer = client.put("/v1/certificates/rotate")
    assert answer.status_code == 409
    assert "There is no new authority: there is no key to seal an authority with" in answer.get_json()["message"]


@pytest.mark.parametrize(
    ("days", "state", "says"),
    [
        (0.0, "valid", ""),
        (22.0, "valid", ""),
        (23.0, "overdue", "was not renewed (no answer): mend the cause"),
        (31.0, "expired", "UTC (no answer): new connections fail"),
    ],
)
def test_the_age_of_a_certificate(days: float, state: str, says: str) -> None:
    found = encrypted(problem="no answer" if says else "")
    now = BEGAN + days * DAY
    assert expiry_state(facts(found), now) == state
    before = replace(found, memory=replace(found.memory, at=now - 1.5 * DAY))
    entries = certificate_entries(before, found, now)
    if says:
        assert [entry.node for entry in entries] == ["node-0", "node-1", "node-2"]
        assert says in entries[0].sentence
    else:
        assert entries == []


def test_what_expired_while_no_scheduler_was_there_is_reported_once() -> None:
    found = encrypted(problem="no answer")
    now = BEGAN + 31 * DAY
    # The first cycles of a process know nothing of the nodes.
    before = replace(found, sightings={}, memory=replace(found.memory, at=now - 1.0))
    told = [entry.sentence for entry in certificate_entries(before, found, now) if "expired at" in entry.sentence]
    assert len(told) == 3
    after = replace(found, memory=replace(found.memory, at=now))
    assert certificate_entries(after, found, now + 1.0) == []


def test_the_metric(gateway: CoreGateway) -> None:
    text = Metrics().render(gateway.snapshot())
    assert 'cassandra_scheduler_certificate_expiry_timestamp_seconds{node="node-0"}' in text
    assert "client_authority_expiry_timestamp_seconds{" not in text
    assert "cassandra_scheduler_authority_expiry_timestamp_seconds{fingerprint=" in text
    assert "cassandra_scheduler_node_clock_offset_seconds{" not in text
    off = replace(gateway.state.sightings["node-0"], clock_offset=-2 * DAY)
    gateway.state = replace(gateway.state, sightings={"node-0": off})
    text = Metrics().render(gateway.snapshot())
    assert 'cassandra_scheduler_node_clock_offset_seconds{node="node-0"} -172800.0' in text


def test_health_names_what_ends_and_what_was_not_renewed(gateway: CoreGateway) -> None:
    client = create_app(gateway, make_settings(SECRETS_KEY=KEY)).test_client()
    assert client.get("/v1/health").get_json()["warnings"] == []
    off = {name: replace(seen, clock_offset=2 * DAY) for name, seen in gateway.state.sightings.items()}
    gateway.state = replace(gateway.state, sightings=off)
    first, *others = client.get("/v1/health").get_json()["warnings"]
    assert first.startswith("The clock of ")
    assert "is 2 days ahead of the scheduler's" in first
    assert len(others) == 2
    expired = facts(gateway.state, not_before=0.0, not_after=NOW - 1.0, problem="no answer")
    seen = gateway.state.sightings["node-1"]
    shown = replace(seen, clock_offset=0.0, status=replace(seen.status, certificate=expired))
    gateway.state = replace(gateway.state, sightings={"node-1": shown})
    (said,) = client.get("/v1/health").get_json()["warnings"]
    assert said.startswith("The certificate of node-1 expired at ")
    assert said.endswith("(no answer): new connections fail; mend the cause, and restart node-1, which gets a new one.")


def test_health_names_an_authority_of_clients_that_ends(gateway: CoreGateway) -> None:
    pem = new_authority("clients", gateway.snapshot().at - (AUTHORITY_DAYS - 20) * DAY).certificate
    target = gateway.state.target
    asking = replace(target.spec.cassandra, client_certificates="required", client_authorities=pem)
    gateway.state = replace(gateway.state, target=replace(target, spec=replace(target.spec, cassandra=asking)))
    client = create_app(gateway, make_settings(SECRETS_KEY=KEY)).test_client()
    (said,) = client.get("/v1/health").get_json()["warnings"]
    assert said.startswith(
        f"The authority {fingerprints(pem)[0][:16]}… in SECURITY_CLIENT_CA_FILE expires in less than "
    )


def test_the_metric_of_the_authorities_of_clients(gateway: CoreGateway) -> None:
    pem = new_authority("clients", NOW).certificate
    target = gateway.state.target
    asking = replace(target.spec.cassandra, client_certificates="required", client_authorities=pem)
    gateway.state = replace(gateway.state, target=replace(target, spec=replace(target.spec, cassandra=asking)))
    name = f'cassandra_scheduler_client_authority_expiry_timestamp_seconds{{fingerprint="{fingerprints(pem)[0]}"}} '
    (line,) = [one for one in Metrics().render(gateway.snapshot()).splitlines() if one.startswith(name)]
    assert float(line.removeprefix(name)) == validity(pem)[1]
