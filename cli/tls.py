"""TLS of the command line: the files of a context, and failures in words."""

from __future__ import annotations

import ssl

from cli.errors import ExitCode, Failure

# OpenSSL's results of a verification.
_NOT_YET_VALID, _EXPIRED = 9, 10
_UNKNOWN_AUTHORITY = (18, 19, 20, 21)
_OTHER_NAME = (62, 64)
# OpenSSL's reasons: alerts of the server, and answers that are no TLS.
_REASONS = {
    "WRONG_VERSION_NUMBER": "it does not speak TLS: write http:// instead of https://",
    "HTTP_REQUEST": "it does not speak TLS: write http:// instead of https://",
    "SSLV3_ALERT_HANDSHAKE_FAILURE": "it refuses the handshake: it may demand a client certificate (--cert)",
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": "it demands a client certificate: give --cert and --key",
    "TLSV1_ALERT_UNKNOWN_CA": "it does not trust the authority of the client certificate (--cert)",
    "SSLV3_ALERT_CERTIFICATE_EXPIRED": "the client certificate (--cert) has expired",
    "SSLV3_ALERT_BAD_CERTIFICATE": "it refuses the client certificate (--cert)",
    "SSLV3_ALERT_CERTIFICATE_UNKNOWN": "it refuses the client certificate (--cert)",
    "TLSV1_ALERT_PROTOCOL_VERSION": "it offers no version of TLS that this program accepts",
}


def make_context(ca: str, cert: str, key: str) -> ssl.SSLContext:
    """Return a context of these files; an empty name stands for the system's authorities, or for no certificate.

    Raises:
        Failure: A file cannot be used.
    """
    if key and not cert:
        raise Failure("--key needs --cert, the certificate of that key.", ExitCode.USAGE)
    try:
        context = ssl.create_default_context(cafile=ca or None)
    except (OSError, ssl.SSLError) as error:
        raise Failure(
            f"The file {ca} with authorities (--ca) cannot be used: {_words(error)}.", ExitCode.USAGE
        ) from error
    # As curl: an authority of --ca can be signed by another one that is not in the file.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    try:
        if cert:
            context.load_cert_chain(cert, key or None)
    except (OSError, ssl.SSLError) as error:
        files = f"{cert} with the key {key}" if key else cert
        raise Failure(f"The client certificate {files} cannot be used: {_words(error)}.", ExitCode.USAGE) from error
    return context


def explain(error: ssl.SSLError) -> str:
    """Return why TLS failed, with what to do where the client can do something."""
    if isinstance(error, ssl.SSLCertVerificationError):
        match error.verify_code:
            case code if code in _UNKNOWN_AUTHORITY:
                return "the authority of its certificate is not trusted: give its file with --ca"
            case code if code in _OTHER_NAME:
                return f"its certificate is for another name: {error.verify_message.rstrip('.')}"
            case code if code == _EXPIRED:
                return "its certificate has expired: it must be renewed, or this machine's clock is wrong"
            case code if code == _NOT_YET_VALID:
                return "its certificate is not valid yet: this machine's clock may be wrong"
        return f"its certificate is not valid: {error.verify_message}"
    if isinstance(error, ssl.SSLEOFError):
        return "it ended the connection during the handshake of TLS"
    reason = error.reason or str(error)
    return _REASONS.get(reason, f"TLS: {reason}")


def _words(error: OSError) -> str:
    if isinstance(error, ssl.SSLError):
        return (error.reason or str(error)).lower().replace("_", " ")
    return error.strerror or str(error)
