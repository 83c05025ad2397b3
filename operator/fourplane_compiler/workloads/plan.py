"""Everything that a RuntimeDeployment makes, and what it asks for that can't be made."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum, unique

from fourplane_api import RuntimeDeployment
from fourplane_api.pools import Pool
from fourplane_compiler.workloads import engines, names, repositories, scaling, traffic, workers
from fourplane_compiler.workloads.manifest import Component, Key, Maker, Manifest
from fourplane_compiler.workloads.repositories import Claim, Folder, Store
from fourplane_compiler.workloads.scaling import Fixed, Scale, Scaled
from fourplane_compiler.workloads.settings import ClusterFacts, WorkloadSettings


@unique
class Lack(StrEnum):
    """What is asked for and not made."""

    REPOSITORY = "repository"
    """No pod can have the models."""
    IMAGE = "image"
    """Nobody named an image."""
    SECRET = "secret"  # noqa: S105
    """It is the operator's own."""
    AUTOSCALER = "autoscaler"
    """Nothing serves its metric; all else goes on."""


@dataclass(frozen=True, slots=True)
class Remark:
    """One thing that is asked for and not made."""

    lack: Lack
    field: str
    message: str
    remedy: str

    def __str__(self) -> str:
        """Return one line for people."""
        return f"{self.field}: {self.message}; {self.remedy}"


@dataclass(frozen=True, slots=True)
class Plan:
    """What a RuntimeDeployment makes."""

    manifests: tuple[Manifest, ...]
    """In the order to apply them."""
    at_least: dict[Key, int]
    """How many pods each Deployment must have ready."""
    remarks: tuple[Remark, ...] = ()


@dataclass(frozen=True, slots=True)
class _Part:
    """The pods of one kind, and what goes with them."""

    manifests: tuple[Manifest, ...] = ()
    pods: int = 0
    remarks: tuple[Remark, ...] = ()


def plan(resource: RuntimeDeployment, settings: WorkloadSettings, facts: ClusterFacts) -> Plan:
    """Return what to apply; the same for the same arguments, byte by byte."""
    maker = Maker(resource, settings)
    parts = [_workers(maker, facts), *_pools(maker, facts)]
    return Plan(
        manifests=tuple(manifest for part in parts for manifest in part.manifests),
        at_least={one.key: part.pods for part in parts for one in part.manifests if one.key.kind == "Deployment"},
        remarks=tuple(remark for part in parts for remark in part.remarks),
    )


def autoscaled(resource: RuntimeDeployment) -> tuple[str, ...]:
    """Return the names of the autoscalers that a resource asks for."""
    runtime, spec = resource.metadata.name, resource.spec
    pools = [pool.name for pool in spec.pools if pool.triton.server.is_autoscaled]
    mine = (names.workers(runtime),) if spec.workers.is_autoscaled else ()
    return (*mine, *(names.pool_service(runtime, pool) for pool in pools))


def _workers(maker: Maker, facts: ClusterFacts) -> _Part:
    if _is_own(maker, maker.resource.spec.workers.tls.secret_name):
        return _Part(remarks=(_not_this_secret("there are no workers", "spec.workers.tls.secretName"),))
    name = names.workers(maker.runtime)
    scale = scaling.of_workers(maker.resource.spec.workers, facts, name)
    made = (
        workers.account(maker),
        workers.binding(maker),
        workers.keys(maker),
        traffic.client_service(maker),
        traffic.metrics_service(maker),
        traffic.worker_policy(maker),
        workers.deployment(maker, scale),
        *_guards(maker, name, scale, Component.WORKER),
    )
    return _Part(made, scaling.at_least(scale), _unscaled(scale, "spec.workers.autoscaling", scaling.OPEN_CALLS))


def _pools(maker: Maker, facts: ClusterFacts) -> Iterator[_Part]:
    managed = [(i, pool) for i, pool in enumerate(maker.resource.spec.pools) if pool.triton.model_repository]
    parts = [_pool(maker, facts, pool, f"spec.pools[{i}].triton") for i, pool in managed]
    if any(part.manifests for part in parts):
        yield _Part((engines.account(maker),))
    yield from parts


def _pool(maker: Maker, facts: ClusterFacts, pool: Pool, field: str) -> _Part:
    repository = repositories.read(pool.triton.model_repository)
    if isinstance(repository, Folder):
        return _Part(remarks=(_no_repository(pool, repository, field),))
    if _is_own(maker, pool.triton.server.credentials_secret_name):
        field = f"{field}.server.credentialsSecretName"
        return _Part(remarks=(_not_this_secret(f"pool {pool.name} has no engine", field),))
    if not engines.image(maker, pool.triton.server):
        return _Part(remarks=(_no_image(pool, field),))
    return _served(maker, facts, pool, repository, field)


def _served(maker: Maker, facts: ClusterFacts, pool: Pool, repository: Claim | Store, field: str) -> _Part:
    name = names.pool_service(maker.runtime, pool.name)
    scale = scaling.of_engines(pool.triton.server, facts, name)
    made = (
        traffic.pool_service(maker, pool.name),
        traffic.pool_policy(maker, pool.name),
        engines.deployment(maker, pool, repository, scale),
        *_guards(maker, name, scale, Component.ENGINE, pool.name),
    )
    return _Part(made, scaling.at_least(scale), _unscaled(scale, f"{field}.server.autoscaling", scaling.QUEUE_SECONDS))


def _guards(maker: Maker, name: str, scale: Scale, component: Component, pool: str = "") -> Iterator[Manifest]:
    if scaling.at_least(scale) > 1:
        yield traffic.budget(maker, name, component, pool)
    if isinstance(scale, Scaled):
        yield scaling.autoscaler(maker, name, scale, component, pool)


def _unscaled(scale: Scale, field: str, metric: str) -> tuple[Remark, ...]:
    if not isinstance(scale, Fixed) or not scale.instead:
        return ()
    message = f"no API serves custom metrics, so there is no autoscaler and minReplicas ({scale.replicas}) stands"
    return (Remark(Lack.AUTOSCALER, field, message, f"install a metrics adapter that serves {metric} of pods"),)


def _is_own(maker: Maker, secret: str) -> bool:
    """Tell whether a Secret is the operator's own, which would sign anything for whoever reads it."""
    return (maker.resource.metadata.namespace, secret) in maker.settings.own_secrets


def _not_this_secret(so: str, field: str) -> Remark:
    message = f"{so}: this is the Secret with the operator's signing key, and no pod gets it"
    return Remark(Lack.SECRET, field, message, "name another one")


def _no_repository(pool: Pool, folder: Folder, field: str) -> Remark:
    return Remark(
        Lack.REPOSITORY,
        f"{field}.modelRepository",
        f"pool {pool.name} has no engine here: {folder.path} is a folder beside the applied files",
        "write pvc://CLAIM/PATH, s3://, gs:// or as://, or name endpoints or a service in its place",
    )


def _no_image(pool: Pool, field: str) -> Remark:
    return Remark(
        Lack.IMAGE,
        f"{field}.server.image",
        f"pool {pool.name} has no engine: neither it nor the operator names an image of Triton",
        "name one, or set the operator's",
    )
