"""What a worker is told at its start."""

from dataclasses import dataclass
from pathlib import Path

LISTEN = "127.0.0.1:8011"
"""Beside Triton's 8000 to 8002, so that both fit on one machine."""
METRICS = "127.0.0.1:8012"


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSettings:
    """One worker: where its state is, where it listens, how many processes serve."""

    state: Path
    """The state folder."""
    listen: str = LISTEN
    """HOST:PORT for clients."""
    processes: int = 1
    """Processes that serve; one for each core that may be used."""
    metrics: str = ""
    """HOST:PORT of /metrics, /healthz and /readyz; empty: none."""
    tls_cert: str = ""
    """Certificate chain in PEM form; empty: no TLS."""
    tls_key: str = ""
    public_keys: tuple[Path, ...] = ()
    """Trusted keys; where there are none, those of the state folder."""
    grace_s: float = 20.0
    """Seconds that calls in flight get at the end; a pod gets 30 in all."""
    silence_s: float = 30.0
    """Seconds without any answer after which a process is killed; far above any pause of a busy machine."""
    log_level: str = "info"
    log_format: str = "json"
