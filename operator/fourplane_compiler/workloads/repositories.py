"""Where a pool's models are, as `modelRepository` says it."""

from dataclasses import dataclass
from typing import TypeAlias

MODELS = "/models"
"""Where a claim's files appear in an engine's pod."""
_CLAIM = "pvc://"
_STORES = ("s3://", "gs://", "as://")


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder beside the applied files, which no pod has."""

    path: str


@dataclass(frozen=True, slots=True)
class Claim:
    """A folder of a PersistentVolumeClaim."""

    name: str
    path: str
    """Where the models appear in the pod."""


@dataclass(frozen=True, slots=True)
class Store:
    """A place in an object store, which Triton reads itself."""

    uri: str


Repository: TypeAlias = Folder | Claim | Store


def read(model_repository: str) -> Repository:
    """Read a `modelRepository` that passed its schema."""
    if model_repository.startswith(_STORES):
        return Store(model_repository)
    if not model_repository.startswith(_CLAIM):
        return Folder(model_repository)
    claim, _, below = model_repository.removeprefix(_CLAIM).partition("/")
    steps = [step for step in below.split("/") if step not in ("", ".")]
    return Claim(claim, "/".join((MODELS, *steps)))
