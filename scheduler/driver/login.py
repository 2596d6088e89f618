"""How the framework authenticates to the master: not at all, by principal and secret, or as a service account.

The token of a service account is renewed before it ends, and after the master has refused it. No text of this module
holds a secret, a key or a token.
"""

from __future__ import annotations

import base64
import json
import logging
import ssl
import time
from collections.abc import Callable
from http.client import HTTPException
from typing import Protocol
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, HTTPSHandler, ProxyHandler, Request, build_opener

from executor.mesos_http import Peer
from scheduler.driver.framework_info import FrameworkSettings
from scheduler.security.service_account import ServiceAccount, expiry_of, make_login_token
from scheduler.security.tls import Tls, openssl_words

logger = logging.getLogger(__name__)

SECONDS = 5.0  # for one login
# A token without a time is used for so long.
UNKNOWN_SECONDS = 3600.0
# The part of a token's time after which it is renewed, and the pause after a renewal that failed.
RENEW_AFTER = 0.8
RETRY_SECONDS = 30.0
_MOST_BYTES = 65_536
_REFUSED = (400, 401, 403)


class LoginError(Exception):
    """A login that failed; the text names the account, the endpoint, the cause and what to do.

    `refused`: another attempt would fail alike.
    """

    def __init__(self, text: str, refused: bool = False) -> None:
        super().__init__(text)
        self.refused = refused


class Login(Protocol):
    """The framework's authentication. The driver's thread calls all methods but `header`."""

    hint: str

    def prepare(self) -> None:
        """Get ready for a subscription. Raises LoginError."""

    def header(self) -> str | None:
        """Return the header Authorization; None without authentication."""

    def renew(self) -> None:
        """Renew what is about to end."""

    def refused(self) -> bool:
        """Note that the master answered 401; return whether another attempt can succeed."""


def make_login(settings: FrameworkSettings) -> Login:
    """Return the authentication of these settings."""
    if settings.account is not None:
        return Account(settings.account, settings.tls)
    return Secret(settings.principal, settings.secret)


class Secret:
    """Principal and secret (HTTP's basic authentication), or nothing."""

    hint = "look at SERVICE_PRINCIPAL and SERVICE_SECRET_FILE"

    def __init__(self, principal: str, secret: str | None) -> None:
        self._header = None
        if secret is not None:
            self._header = f"Basic {base64.b64encode(f'{principal}:{secret}'.encode()).decode()}"

    def prepare(self) -> None:
        """Do nothing."""

    def header(self) -> str | None:
        """Return the header; None without a secret."""
        return self._header

    def renew(self) -> None:
        """Do nothing."""

    def refused(self) -> bool:
        """Return False: the same secret would be refused again."""
        return False


class Account:
    """A service account of DC/OS, which logs in for a token. `clock` returns seconds since the epoch."""

    hint = "look whether the master knows the service account of SERVICE_ACCOUNT_FILE, and its permissions"

    def __init__(self, account: ServiceAccount, tls: Tls | None, clock: Callable[[], float] = time.time) -> None:
        self._account = account
        self._tls = tls
        self._clock = clock
        self._token = ""
        self._renew_at = 0.0
        self._is_new = False  # no subscription has used the token yet

    def prepare(self) -> None:
        """Log in unless there is a token. Raises LoginError."""
        if not self._token or self._clock() >= self._renew_at:
            self._log_in()

    def header(self) -> str | None:
        """Return the header with the present token."""
        return f"token={self._token}" if self._token else None

    def renew(self) -> None:
        """Replace a token that is about to end. If that fails, the old one stays and the log has the cause."""
        self._is_new = False
        if self._clock() < self._renew_at:
            return
        try:
            self._log_in()
            self._is_new = False
        except LoginError as error:
            self._renew_at = self._clock() + RETRY_SECONDS
            logger.warning("the token for Mesos could not be renewed: %s", error)

    def refused(self) -> bool:
        """Forget the token; return whether it was an older one, so that a new one can help."""
        was_new, self._token, self._is_new = self._is_new, "", False
        return not was_new

    def _log_in(self) -> None:
        now = self._clock()
        token = self._request(make_login_token(self._account, now))
        ends = expiry_of(token)
        lasts = UNKNOWN_SECONDS if ends is None else max(0.0, ends - now)
        # Where the clocks differ, a new token can seem to have ended: it is not replaced in each turn of the driver.
        self._token, self._renew_at, self._is_new = token, now + max(RETRY_SECONDS, lasts * RENEW_AFTER), True
        logger.info("logged in as service account %s; the token lasts %.0f s", self._account.uid, lasts)

    def _request(self, login_token: str) -> str:
        account = self._account
        body = json.dumps({"uid": account.uid, "token": login_token}).encode()
        request = Request(account.endpoint, body, {"Content-Type": "application/json"})
        try:
            peer = self._peer()
        except OSError as error:
            raise self._error(f"cannot be used: the files of TLS cannot be read: {openssl_words(error)}") from error
        opener = build_opener(ProxyHandler({}), HTTPSHandler(context=peer.context), _NoRedirects)
        try:
            with opener.open(request, timeout=SECONDS) as answer:
                token = json.loads(answer.read(_MOST_BYTES))["token"]
        except HTTPError as error:
            error.close()
            hint = "; look whether the account exists and has the public key of this private key"
            refused = error.code in _REFUSED
            raise self._error(f"answered {error.code} {error.reason}{hint if refused else ''}", refused) from error
        except (OSError, HTTPException) as error:
            raise self._error(self._explain(error, peer)) from error
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise self._error("gave no token") from error
        if not isinstance(token, str) or not token.isascii() or not token.isprintable() or not token:
            raise self._error("gave no token")
        return token

    def _peer(self) -> Peer:
        context = ssl.create_default_context() if self._tls is None else self._tls.context()
        host = urlsplit(self._account.endpoint).hostname or ""
        authorities = "the system; set MESOS_CA_FILE" if self._tls is None else "MESOS_CA_FILE"
        return Peer(context, host, "the login", authorities, "MESOS_CERTIFICATE_FILE")

    def _explain(self, error: Exception, peer: Peer) -> str:
        reason = error.reason if isinstance(error, URLError) else error
        if isinstance(reason, ssl.SSLError):
            return f"cannot be used: {peer.explain(reason)}"
        return f"cannot be reached: {openssl_words(reason) if isinstance(reason, OSError) else reason}"

    def _error(self, words: str, refused: bool = False) -> LoginError:
        account = self._account
        return LoginError(f"login of service account {account.uid}: {account.endpoint} {words}", refused)


class _NoRedirects(HTTPRedirectHandler):
    """A login goes to the configured endpoint alone."""

    def redirect_request(self, *_arguments: object) -> None:
        return None
