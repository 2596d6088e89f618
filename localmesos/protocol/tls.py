"""TLS by the environment's LIBPROCESS_SSL_ variables, as Mesos' own processes have it. Standard library only.

ENABLED, CERT_FILE, KEY_FILE, CA_FILE, REQUIRE_CERT (or REQUIRE_CLIENT_CERT), CIPHERS and ENABLE_TLS_V1_3 are known.
"""

import ssl
from collections.abc import Mapping

_PREFIX = "LIBPROCESS_SSL_"
# Mesos' own list, without the ciphers that no present OpenSSL has.
CIPHERS = "AES128-SHA:AES256-SHA:DHE-RSA-AES128-SHA:DHE-RSA-AES256-SHA"


def is_enabled(environ: Mapping[str, str]) -> bool:
    """Return whether connections use TLS."""
    return _flag(environ, "ENABLED")


def scheme(environ: Mapping[str, str]) -> str:
    """Return ``https`` or ``http``."""
    return "https" if is_enabled(environ) else "http"


def server_context(environ: Mapping[str, str]) -> ssl.SSLContext | None:
    """Return the context of a server; None without TLS. Raises OSError, also for files that are no PEM."""
    if not is_enabled(environ):
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    _load(context, environ)
    if _flag(environ, "REQUIRE_CERT") or _flag(environ, "REQUIRE_CLIENT_CERT"):
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def client_context(environ: Mapping[str, str]) -> ssl.SSLContext | None:
    """Return the context of a client, which compares no host names; None without TLS. Raises OSError."""
    if not is_enabled(environ):
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    if not environ.get(f"{_PREFIX}CA_FILE"):
        context.verify_mode = ssl.CERT_NONE
    _load(context, environ)
    return context


def _load(context: ssl.SSLContext, environ: Mapping[str, str]) -> None:
    if not _flag(environ, "ENABLE_TLS_V1_3"):
        context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(environ.get(f"{_PREFIX}CIPHERS") or CIPHERS)
    if authority := environ.get(f"{_PREFIX}CA_FILE"):
        context.load_verify_locations(authority)
    if certificate := environ.get(f"{_PREFIX}CERT_FILE"):
        context.load_cert_chain(certificate, environ.get(f"{_PREFIX}KEY_FILE"))


def _flag(environ: Mapping[str, str], name: str) -> bool:
    return environ.get(f"{_PREFIX}{name}", "").lower() in ("1", "true")
