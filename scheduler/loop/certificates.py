"""Certificates of nodes: signing requests answered, to the executor of the node only."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from ipaddress import ip_address
from urllib.parse import urlsplit

from executor.certificate_messages import OFF, CertificateQuery, CertificateReply
from executor.protocol import encode_message
from scheduler.core.commands.command import RotateAuthority
from scheduler.core.configuration.client_certificates import node_identity
from scheduler.core.cycle.decision import Ask
from scheduler.core.state.authority import Authority, RotationPhase
from scheduler.core.state.cluster import ClusterState
from scheduler.core.state.event import EntryKind
from scheduler.core.state.lifecycle import is_running, may_live
from scheduler.core.state.node import Agent, NodeRecord
from scheduler.core.state.operation import SCHEDULER
from scheduler.errors import NotConnectedError
from scheduler.loop.dispatch import Sender
from scheduler.loop.messages import Message, Noted
from scheduler.security.authority import AuthorityError, Names, RequestRefused, sign_node
from scheduler.security.authority_end import authority_end, client_authority_ends, is_useless
from scheduler.security.issuer import Issuer

logger = logging.getLogger(__name__)


class Certificates:
    """Signs requests of nodes by the authority of the state."""

    def __init__(self, sender: Sender, issuer: Issuer | None, note: Callable[[Noted], object] = lambda _: None) -> None:
        self._sender = sender
        self._issuer = issuer
        self._note = note
        self._problem = ""
        self._told: Mapping[str, int] = {}  # by authority how near the end was

    def with_authority(self, state: ClusterState, now: float) -> ClusterState:
        """Return the state with an authority, which is made when the target needs one for the first time.

        A rotation does not wait for proofs of an authority that is not valid now: no peer accepts its certificates.
        """
        self._tell_ends(state, now)
        if state.authority is not None:
            if not is_useless(state.authority, now):
                return state
            self._tell("the old authority is not valid any more: the new one signs certificates from now on")
            return replace(state, authority=replace(state.authority, phase=RotationPhase.NEW_CERTIFICATES))
        if self._issuer is None:
            return state
        if state.target.spec.cassandra.encryption == OFF and not self._issuer.serves_api:
            return state
        try:
            return replace(state, authority=self._issuer.first(now))
        except AuthorityError as error:
            if str(error) != self._problem:
                logger.error("no authority for certificates: %s", error)
            self._problem = str(error)
            return state

    def due_rotation(self, state: ClusterState, now: float) -> RotateAuthority | None:
        """Return the rotation to the authority that was put into the files of the present one."""
        record, issuer = state.authority, self._issuer
        if record is None or issuer is None or record.following is not None or record.current.sealed:
            return None
        try:
            if not issuer.uses_files or issuer.holds(record.current):
                return None
            following = issuer.new(now)
        except AuthorityError as error:
            # Programs replace certificate and key one after the other, so this may pass.
            if str(error) != self._problem:
                logger.warning("the files of the authority begin no rotation: %s", error)
            self._problem = str(error)
            return None
        logger.info("the files of the authority hold another one: the nodes begin to trust it")
        return RotateAuthority(following.certificate, following.sealed, SCHEDULER, waits=True)

    def _tell_ends(self, state: ClusterState, now: float) -> None:
        """Report the approaching ends of the authorities of nodes and clients, each time that one is much nearer."""
        ends: dict[str, tuple[int, str]] = {}
        if state.authority is not None:
            ends[state.authority.signing.certificate] = authority_end(state.authority, now)
        for found in client_authority_ends(state.target.spec.cassandra.client_authorities, now):
            ends[found.fingerprint] = (found.level, found.sentence)
        for name, (level, sentence) in ends.items():
            if sentence and self._told.get(name) != level:
                self._tell(sentence)
        self._told = {name: level for name, (level, _) in ends.items()}

    def _tell(self, sentence: str) -> None:
        logger.warning("%s", sentence)
        self._note(Noted(sentence, EntryKind.CERTIFICATE))

    def answer(self, query: CertificateQuery, message: Message, state: ClusterState, now: float) -> None:
        """Send the certificate, or why there is none. A query that is not of a node's own executor gets no reply."""
        node = next((node for node in state.nodes.values() if node.task and node.task.id == query.task_id), None)
        if node is None or node.task is None or node.agent is None or not may_live(node):
            logger.warning("certificate not sent: %s is no task of a node", query.task_id)
            return
        if message.executor_id not in ("", node.task.executor_id) or message.agent_id not in ("", node.agent.id):
            logger.error(
                "certificate not sent: the executor %s of the agent %s asked for one of %s, which is not there",
                message.executor_id,
                message.agent_id,
                node.name,
            )
            return
        reply = self._reply(query, node, state, now)
        if reply.problem:
            logger.error("certificate not sent to %s: %s", node.name, reply.problem)
        else:
            logger.info("certificate signed for %s, task %s", node.name, node.task.id)
        ask = Ask(node.name, node.task.executor_id, node.agent.id, node.task.id)
        try:
            self._sender.message(ask, encode_message(reply))
        except NotConnectedError as error:  # the executor asks again
            logger.warning("%s", error)

    def _reply(self, query: CertificateQuery, node: NodeRecord, state: ClusterState, now: float) -> CertificateReply:
        record = state.authority
        if record is None or self._issuer is None:
            why = self._problem or "the authority is made in a moment; ask again"
            return CertificateReply(query.task_id, problem=f"the scheduler has no authority: {why}")
        foreign = {*self._issuer.api_places, *_addresses_beside(node, state)}
        names = names_of(node, state.target.spec.service_name, foreign)
        try:
            chain = self._sign(query.request, names, record.signing, state, now)
        except RequestRefused as error:
            return CertificateReply(query.task_id, problem=str(error))
        except AuthorityError as error:
            if record.phase is not RotationPhase.TRUST_BOTH or record.following is None:
                return CertificateReply(query.task_id, problem=str(error))
            try:
                # The old authority's key can be gone, as when its files hold the new one. A node that is launched gets
                # a certificate of the new authority; others have one, and only need to trust the new one.
                chain = "" if is_running(node) else self._sign(query.request, names, record.following, state, now)
            except AuthorityError as both:
                return CertificateReply(query.task_id, problem=str(both))
        return CertificateReply(query.task_id, chain, record.trusted_pem)

    def _sign(self, request: str, names: Names, authority: Authority, state: ClusterState, now: float) -> str:
        """Return the certificate. Raises RequestRefused and AuthorityError."""
        assert self._issuer is not None
        return sign_node(request, names, self._issuer.pair(authority), state.policy.certificate_days, now)


def names_of(node: NodeRecord, service: str, foreign: Collection[str] = ()) -> Names:
    """Return the names of a node: its addresses as Mesos and its executor know them, its agent's name and Mesos-DNS'.

    The executor alone can name an address, and an agent chooses its name: neither can be of `foreign`, those of others.
    """
    agent = node.known_agent
    others = {ip_address(host) for host in foreign if _is_address(host)}
    addresses = [host for host in _hosts(agent) if _is_address(host)]
    if node.address and _is_address(node.address) and ip_address(node.address) not in others:
        addresses.append(node.address)
    dashed = "-".join(reversed(service.split("/")))
    given = agent.hostname if agent.hostname.lower().rstrip(".") not in foreign else ""
    dns = tuple(name for name in (given, f"{node.name}.{dashed}.mesos") if _is_dns(name))
    return Names(node.name, tuple(dict.fromkeys(addresses)), dns, node_identity(service, node.name))


def _hosts(agent: Agent) -> tuple[str, str]:
    """Return what Mesos says of an agent's place; each can be a name, an address or empty."""
    return agent.hostname, urlsplit(agent.url).hostname or ""


def _addresses_beside(node: NodeRecord, state: ClusterState) -> set[str]:
    """Return the addresses of the other agents on which nodes of the service are."""
    agents = (other.agent for other in state.nodes.values() if other.agent is not None)
    own = node.known_agent.id
    return {host for agent in agents if agent.id != own for host in _hosts(agent) if _is_address(host)}


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _is_dns(name: str) -> bool:
    return bool(name) and not _is_address(name) and name.isascii() and len(name) < 254
