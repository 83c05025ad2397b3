"""What can be said against a worker's settings before anything is written or started."""

from fourplane_worker.process import addresses
from fourplane_worker.process.settings import WorkerSettings
from fourplane_worker.process.tls import server_context


def check(settings: WorkerSettings) -> None:
    """Raise SetupError for addresses that are none, and for TLS that can't work."""
    addresses.parse(settings.listen)
    if settings.metrics:
        addresses.parse(settings.metrics)
    server_context(settings.tls_cert, settings.tls_key)
