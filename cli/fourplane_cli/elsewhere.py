"""Pools whose engines only a cluster has: `fourplane up` says so rather than to look for them."""

from collections.abc import Iterator, Mapping

from fourplane_api import RuntimeDeployment
from fourplane_cli.folder import Finding, Folder, Trouble
from fourplane_compiler.diagnostics import Severity
from fourplane_compiler.sources import ref_of
from fourplane_compiler.workloads import repositories


def only_in_a_cluster(folder: Folder, deployment: RuntimeDeployment) -> Iterator[Finding]:
    """Yield a finding for each pool that nothing on this machine serves."""
    for index, pool in enumerate(deployment.spec.pools):
        triton, at = pool.triton, f"spec.pools[{index}].triton"
        if triton.service.name:
            message = f"pool {pool.name} has the engines of Service {triton.service}, which only a cluster finds"
            yield _finding(folder, deployment, f"{at}.service", message, "name their addresses under endpoints")
        elif triton.model_repository and not is_startable(triton.model_repository):
            message = f"pool {pool.name} has its models at {triton.model_repository}, which only a cluster serves"
            yield _finding(
                folder, deployment, f"{at}.modelRepository", message, "name a folder below the applied files"
            )


def is_startable(repository: str) -> bool:
    """Tell whether a server can be started here for a pool's model repository."""
    return bool(repository) and isinstance(repositories.read(repository), repositories.Folder)


def engines_here(deployment: RuntimeDeployment) -> Mapping[str, str]:
    """Return the pools that name no endpoints, each with its model repository; empty where there is none."""
    return {pool.name: pool.triton.model_repository for pool in deployment.spec.pools if not pool.triton.endpoints}


def _finding(folder: Folder, deployment: RuntimeDeployment, field: str, message: str, remedy: str) -> Finding:
    ref = ref_of(deployment)
    document = folder.documents[ref]
    return Finding(
        path=document.path,
        line=document.line_of(field),
        severity=Severity.ERROR,
        reason=Trouble.ONLY_IN_A_CLUSTER,
        message=message,
        remedy=f"for `fourplane up`, {remedy}, or start it with --triton HOST:PORT",
        ref=ref,
        field=field,
    )
