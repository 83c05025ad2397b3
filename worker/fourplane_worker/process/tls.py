"""TLS for clients, as gRPC wants it: HTTP/2 negotiated, TLS 1.2 at least."""

import ssl
from pathlib import Path

from fourplane_worker.process.errors import SetupError


def server_context(certificate: str, key: str) -> ssl.SSLContext | None:
    """Return the context of a certificate chain and its key in PEM files; None where none is named."""
    if not certificate and not key:
        return None
    if not certificate or not key:
        raise SetupError("TLS needs both --tls-cert and --tls-key")
    for path in (certificate, key):
        if not Path(path).is_file():
            raise SetupError(f"{path}: the file is not there")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["h2"])
    try:
        context.load_cert_chain(certificate, key)
    except (ssl.SSLError, OSError) as error:
        raise SetupError(f"{certificate} and {key} are no certificate in PEM form with its key: {error}") from error
    return context
