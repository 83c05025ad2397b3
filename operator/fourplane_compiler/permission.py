"""From which namespaces a runtime takes routes, and what is said to a route that it does not take."""

from dataclasses import dataclass

from fourplane_api import RuntimeDeployment
from fourplane_api.allowed import RouteNamespaces
from fourplane_compiler.diagnostics import Diagnostic, Reason, Severity, SourceRef
from fourplane_compiler.sources import ROUTE


@dataclass(frozen=True, slots=True, kw_only=True)
class Permission:
    """The namespaces whose routes may attach, beside the runtime's own."""

    namespaces: frozenset[str] = frozenset()
    every: bool = False
    is_known: bool = True
    """False where the RuntimeDeployment can't be read: what the last snapshot holds goes on, and nothing new comes."""

    def holds(self, namespace: str) -> bool:
        """Tell whether routes of another namespace may attach."""
        return self.every or namespace in self.namespaces


UNKNOWN = Permission(is_known=False)


def permission_of(runtime: RuntimeDeployment) -> Permission:
    """Read a runtime's `allowedRoutes`."""
    allowed = runtime.spec.allowed_routes.namespaces
    return Permission(namespaces=frozenset(allowed.names), every=allowed.origin is RouteNamespaces.ALL)


def refused(name: str, runtime: str, permission: Permission) -> Diagnostic:
    """Tell a route of another namespace that its runtime does not take it."""
    namespace = name.partition("/")[0]
    message = f"RuntimeDeployment {runtime} takes no routes of namespace {namespace}; this route is left out"
    remedy = (
        f"let the owner of RuntimeDeployment {runtime} add {namespace} to its spec.allowedRoutes.namespaces.names"
        " (with from: Names), or move the route to a namespace that it permits"
    )
    if not permission.is_known:
        message = f"RuntimeDeployment {runtime} is not valid, so that nobody can tell whether it takes this route"
        remedy = f"correct RuntimeDeployment {runtime}"
    return Diagnostic(
        source=SourceRef(ROUTE, name),
        severity=Severity.ERROR,
        reason=Reason.REF_NOT_PERMITTED,
        field="spec.runtimeRef",
        message=message,
        remedy=remedy,
    )
