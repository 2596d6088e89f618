"""TLS to the agent, as the agent's own variables describe it."""

from __future__ import annotations

import ssl

from executor.agent.environment import AgentTls, MesosEnvironment
from executor.mesos_http import Peer, TlsError, prepare

_CA, _CERTIFICATE = "LIBPROCESS_SSL_CA_FILE", "LIBPROCESS_SSL_CERT_FILE"


def make_peer(environment: MesosEnvironment) -> Peer | None:
    """Return the agent as the other end of TLS, from the present files; None without TLS.

    Raises:
        TlsError: A file cannot be used.
    """
    tls = environment.tls
    if tls is None:
        return None
    try:
        context = _make_context(tls)
    except OSError as error:
        raise TlsError(f"the files of the agent's LIBPROCESS_SSL_ variables cannot be used: {error}") from error
    host = environment.agent.rpartition(":")[0]
    return Peer(context, host, f"the agent {environment.agent}", _CA, _CERTIFICATE)


def _make_context(tls: AgentTls) -> ssl.SSLContext:
    context = prepare(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
    # The agent is on this machine, and its certificate often has a host name only.
    context.check_hostname = tls.verify and tls.check_address
    if not tls.verify:
        context.verify_mode = ssl.CERT_NONE
    elif tls.ca_file or tls.ca_directory:
        context.load_verify_locations(tls.ca_file or None, tls.ca_directory or None)
    else:
        context.load_default_certs()
    if tls.certificate_file:
        context.load_cert_chain(tls.certificate_file, tls.key_file or None, password="")
    return context
