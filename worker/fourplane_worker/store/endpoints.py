"""Where managed pools listen now: the one-node stand-in for EndpointSlices."""

import json
from collections.abc import Mapping

from fourplane_worker.store import files
from fourplane_worker.store.errors import DamagedError
from fourplane_worker.store.layout import StateFolder


def write(state: StateFolder, pools: Mapping[str, tuple[str, ...]]) -> None:
    """Write the addresses of each managed pool."""
    content = {"pools": {name: list(addresses) for name, addresses in sorted(pools.items())}}
    files.write(state.endpoints, json.dumps(content, indent=2).encode() + b"\n")


def read(state: StateFolder) -> dict[str, tuple[str, ...]]:
    """Return the addresses of each managed pool; nothing where there is no file."""
    if not state.endpoints.exists():
        return {}
    data = files.read(state.endpoints, "")
    try:
        return {
            str(name): tuple(_address(address) for address in addresses)
            for name, addresses in json.loads(data)["pools"].items()
        }
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DamagedError(
            state.endpoints,
            f"it is not {{'pools': {{NAME: [HOST:PORT, ...]}}}}: {error}",
            "`fourplane up` writes it anew",
        ) from error


def _address(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no HOST:PORT")
    host, _, port = value.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise ValueError(f"{value!r} is no HOST:PORT")
    return value
