"""Runtimes for the tests: resources as a team would write them, compiled and published as `fourplane up` does it."""

from pathlib import Path
from typing import Any

from fourplane_api import API_VERSION, parse
from fourplane_cli.publishing import Publisher
from fourplane_compiler.compilation import blank, compile_runtime
from fourplane_compiler.sources import Changes
from fourplane_core.control.snapshot import Digest
from fourplane_wire.activation import Activation
from fourplane_wire.signing import Keyring
from fourplane_wire.snapshot import Encoded
from fourplane_worker.store import activations, endpoints, keys
from fourplane_worker.store.layout import StateFolder

RUNTIME = "default/shop"


def a_runtime(pools, *, anonymous="Allow", limits=None, tracing=None):
    """Return a RuntimeDeployment; `pools` is {name: (endpoints, models)}, without endpoints for a managed pool."""
    return {
        "apiVersion": API_VERSION,
        "kind": "RuntimeDeployment",
        "metadata": {"name": "shop"},
        "spec": {
            "callers": {"anonymous": anonymous},
            "limits": limits or {},
            "pools": [
                {
                    "name": name,
                    "triton": {
                        **({"endpoints": list(places)} if places else {"modelRepository": "models"}),
                        "models": [_model(model) for model in models],
                    },
                }
                for name, (places, models) in pools.items()
            ],
            **({"telemetry": {"tracing": tracing}} if tracing else {}),
        },
    }


def _model(said):
    return said if isinstance(said, dict) else {"name": said}


def a_route(model, *backends, name="", **more):
    """Return a ModelRoute; a backend is (pool, engine's model) or (pool, engine's model, weight)."""
    return {
        "apiVersion": API_VERSION,
        "kind": "ModelRoute",
        "metadata": {"name": name or model},
        "spec": {
            "runtimeRef": {"name": "shop"},
            "model": {"name": model},
            "backends": [dict(zip(("pool", "model", "weight"), backend, strict=False)) for backend in backends],
            **more,
        },
    }


class State:
    """A state folder, and who writes into it."""

    def __init__(self, root: Path) -> None:
        """Make the folder and its key."""
        self.folder = StateFolder(root).create()
        self.key = keys.signing_key(self.folder)
        self.keyring = Keyring(keys.trusted_keys(self.folder))
        self._publisher = Publisher(self.folder, self.key, self.keyring)
        self._publisher.begin()

    def publish(self, *documents) -> Activation:
        """Compile all resources of the runtime, and publish what comes of them."""
        activation = self._publisher.publish(RUNTIME, compiled(*documents))
        assert activation is not None, "this is what was published last"
        return activation

    def tidy(self) -> None:
        """Remove what nothing needs any more."""
        self._publisher.tidy()

    def moved(self, **pools: str) -> None:
        """Tell where managed pools listen now."""
        endpoints.write(self.folder, {name: (address,) for name, address in pools.items()})

    def digest(self) -> Digest:
        """Return what the activation on disk decides."""
        return activations.read(self.folder.activation, self.keyring)[0].stable


def compiled(*documents) -> Encoded:
    """Return the snapshot of a runtime's resources; each of them must be good."""
    changes = Changes(upserts=tuple(parse(document) for document in documents))
    compilation = compile_runtime(blank(RUNTIME), changes)
    assert not compilation.has_errors, compilation.diagnostics
    assert compilation.encoded is not None
    return compilation.encoded


def steady(engine: str, model: str = "left") -> tuple[dict[str, Any], ...]:
    """Return a runtime with a route `steady` to a model of the one engine, and a route `held`."""
    return (
        a_runtime({"main": ([engine], ["left", "right", "held"])}),
        a_route("steady", ("main", model)),
        a_route("held", ("main", "held")),
    )
