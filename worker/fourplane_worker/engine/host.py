"""Which machines the Triton wheel runs on."""

import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fourplane_worker.engine.errors import ProvisionError

OLDEST_GLIBC = (2, 35)
"""The wheel is tagged manylinux_2_35."""

_ELSEWHERE = "Run Triton elsewhere and name it under `endpoints` of the pool."


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """What matters about this machine."""

    system: str
    machine: str
    libc: str
    """As in "glibc 2.36"; empty when the C library is another one."""


def this_host() -> Host:
    """Describe the machine that this process runs on."""
    try:
        libc = os.confstr("CS_GNU_LIBC_VERSION") or ""
    except (ValueError, OSError):
        libc = ""
    return Host(system=platform.system(), machine=platform.machine(), libc=libc)


def check_host(host: Host) -> None:
    """Refuse a machine that the wheel cannot run on."""
    if (host.system, host.machine) != ("Linux", "x86_64"):
        found = f"{host.system} on {host.machine}"
        raise ProvisionError(f"Triton's wheel needs Linux on x86_64, this is {found}.", _ELSEWHERE)
    name, _, version = host.libc.partition(" ")
    if name != "glibc" or _numbers(version) < OLDEST_GLIBC:
        needed = ".".join(map(str, OLDEST_GLIBC))
        found = host.libc or "another one"
        raise ProvisionError(
            f"Triton's wheel needs the C library glibc {needed} or newer, this machine has {found}.",
            _ELSEWHERE,
        )


def missing_libraries(traces: Sequence[str]) -> tuple[str, ...]:
    """Return the shared libraries that the loader's traces call "not found"."""
    lines = [line.strip() for trace in traces for line in trace.splitlines()]
    return tuple(sorted({line.split(" ")[0] for line in lines if line.endswith("=> not found")}))


def check_libraries(binaries: Sequence[Path], traces: Sequence[str]) -> None:
    """Refuse a machine that lacks a library which the binaries link."""
    if missing := missing_libraries(traces):
        names = ", ".join(path.name for path in binaries)
        raise ProvisionError(
            f"{names} need shared libraries that are not installed: {', '.join(missing)}.",
            "Install them, for instance on Debian: apt-get install libstdc++6 zlib1g",
        )


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdigit())
