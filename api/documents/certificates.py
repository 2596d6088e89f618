"""The authority and the certificates of nodes as the documents that clients read; no key is in them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from api.sentences import sentence
from executor.certificate_messages import OFF, CertificateFacts, fingerprints, split_certificates
from executor.sentences import stamp
from scheduler.core.nodes.certificates import certificate_block, facts_of, fingerprint
from scheduler.core.nodes.expiry import certificates as node_certificates
from scheduler.core.nodes.expiry import expiry_state, expiry_words
from scheduler.core.nodes.gates import certificates_of, encryption_of
from scheduler.core.state.authority import Authority
from scheduler.core.state.cluster import ClusterState
from scheduler.core.state.lifecycle import by_index, may_live
from scheduler.core.state.node import NodeRecord
from scheduler.core.state.spec import CassandraSpec
from scheduler.loop.snapshot import Snapshot
from scheduler.security.api_certificate import Identity
from scheduler.security.authority_end import authority_end, client_authority_ends, times

Json = Mapping[str, Any]
# So many nodes are named in warnings, since there can be a thousand with the same cause.
_MOST_NODES = 5


def certificates(found: Snapshot, identity: Identity | None) -> Json:
    """Return the encryption of the target, authorities, rotation, the certificate of each node and that of the API."""
    state = found.state
    record = state.authority
    launched = [node for node in by_index(state.nodes.values()) if node.task is not None]
    trusted, signing = ((), None) if record is None else (record.trusted, record.signing)
    return {
        "encryption": state.target.spec.cassandra.encryption,
        "authorities": [{**_authority(item.certificate), "signs": item is signing} for item in trusted],
        "rotation": None if record is None or record.phase is None else record.phase.value,
        "rotated": None if record is None or record.rotated_at is None else stamp(record.rotated_at),
        "nodes": [_node(state, node, found.at) for node in launched],
        "clients": _clients(state.target.spec.cassandra),
        "api": None if identity is None else _api(identity),
    }


def warnings(found: Snapshot) -> list[str]:
    """Return sentences for people about the ends of authorities, and about certificates that were not renewed."""
    of_nodes = (expiry_words(node.name, facts, found.at) for node, facts in node_certificates(found.state))
    expiring = [words for words in of_nodes if words]
    shown = [sentence(words) for words in expiring[:_MOST_NODES]]
    if len(expiring) > len(shown):
        shown.append(f"So it is with the certificates of {len(expiring) - len(shown)} other nodes.")
    return [*authority_warnings(found), *shown]


def authority_warnings(found: Snapshot) -> list[str]:
    """Return the sentences about the ends of authorities, of nodes and of clients, that are not far away."""
    record = found.state.authority
    own = "" if record is None else authority_end(record, found.at)[1]
    of_clients = client_authority_ends(found.state.target.spec.cassandra.client_authorities, found.at)
    return [*filter(None, [own, *(item.sentence for item in of_clients)])]


def _clients(cassandra: CassandraSpec) -> Json:
    """Return what the target has nodes ask of clients of CQL."""
    authorities = [_authority(pem) for pem in split_certificates(cassandra.client_authorities)]
    return {"certificates": cassandra.client_certificates, "authorities": authorities}


def _api(identity: Identity) -> Json:
    issuer = identity.material.issuer
    return {
        "source": "own" if identity.material.renews_itself else "file",
        "serial": identity.serial,
        "not_before": stamp(identity.begins_at),
        "not_after": stamp(identity.ends_at),
        "authority": fingerprint(Authority(issuer)) if issuer else None,
    }


def _authority(certificate: str) -> Json:
    begin, end = times(certificate)
    pem = "".join(split_certificates(certificate))
    return {
        "fingerprint": fingerprints(pem)[0],
        "not_before": stamp(begin),
        "not_after": stamp(end),
        "certificate": pem,
    }


def _node(state: ClusterState, node: NodeRecord, now: float) -> Json:
    encryption = encryption_of(state, node)
    facts = facts_of(state, node) if may_live(node) else None
    common = {
        "node": node.name,
        "address": node.address,
        "encryption": encryption,
        "client_certificates": certificates_of(state, node),
    }
    if facts is None or encryption == OFF or not facts.serial:
        known = {"state": "none" if encryption == OFF or not may_live(node) else "unknown", "message": ""}
        return {**common, **known, **_facts(None)}
    block = certificate_block(state, node) if state.authority is not None else None
    message = expiry_words(node.name, facts, now) or ("" if block is None else block.sentence)
    return {**common, "state": expiry_state(facts, now), "message": message, **_facts(facts)}


def _facts(facts: CertificateFacts | None) -> Json:
    if facts is None:
        empty = dict.fromkeys(("serial", "not_before", "not_after", "authority"))
        return {**empty, "trusted": [], "ports": []}
    return {
        "serial": facts.serial,
        "not_before": stamp(facts.not_before),
        "not_after": stamp(facts.not_after),
        "authority": facts.authority,
        "trusted": list(facts.trusted),
        "ports": list(facts.ports),
    }
