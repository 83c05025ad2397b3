"""What routes are compiled against: the runtime and its pools, as they are served."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from fourplane_api import RuntimeDeployment
from fourplane_compiler import forms
from fourplane_compiler.diagnostics import Diagnostic, Reason, Severity, SourceRef
from fourplane_compiler.permission import UNKNOWN, Permission, permission_of
from fourplane_compiler.sources import RUNTIME, Broken
from fourplane_core.control.snapshot import Model, Pool, Runtime
from fourplane_wire.entries import Value, encode_entry, entry_key
from fourplane_wire.manifest import MAX_SHARD_BYTES


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Frame:
    """A runtime and its pools, encoded."""

    runtime: Runtime
    pools: Mapping[str, Pool]
    models: Mapping[tuple[str, str], Model]
    """By pool and model."""
    entries: Mapping[str, bytes]
    """Encoded, by key."""
    permission: Permission
    """Whose routes it takes; in no entry."""

    @classmethod
    def of(cls, runtime: Runtime, pools: tuple[Pool, ...], permission: Permission = UNKNOWN) -> "Frame":
        """Index and encode."""
        values: tuple[Value, ...] = (runtime, *pools)
        return cls(
            runtime=runtime,
            pools={pool.name: pool for pool in pools},
            models={(pool.name, model.name): model for pool in pools for model in pool.models},
            entries={entry_key(value): encode_entry(value) for value in values},
            permission=permission,
        )

    def takes(self, route: str) -> bool:
        """Tell whether a route (`NAMESPACE/NAME`) is known to be permitted."""
        namespace = route.partition("/")[0]
        return namespace == self.runtime.name.partition("/")[0] or self.permission.holds(namespace)

    def permitting(self, permission: Permission) -> "Frame":
        """Return this frame with another permission; itself, where it has that one already."""
        return self if permission == self.permission else replace(self, permission=permission)


def frame_of(resource: RuntimeDeployment | Broken, held: Frame | None) -> tuple[Frame | None, tuple[Diagnostic, ...]]:
    """Return the frame to compile against: of this resource, or the last good one with what is wrong."""
    if isinstance(resource, Broken):
        return held and held.permitting(UNKNOWN), _instead(held, invalid(resource))
    permission = permission_of(resource)
    frame = Frame.of(forms.runtime_form(resource), forms.pool_forms(resource), permission)
    large = tuple(
        _too_large(SourceRef(RUNTIME, resource.full_name), index, frame)
        for index, pool in enumerate(resource.spec.pools)
        if len(frame.entries[f"pool/{pool.name}"]) > MAX_SHARD_BYTES
    )
    if large:
        return held and held.permitting(permission), _instead(held, large)
    # The same frame as before, and not only an equal one: then no route has to be judged again.
    return (held.permitting(permission) if held is not None and held.entries == frame.entries else frame), ()


def invalid(resource: Broken) -> tuple[Diagnostic, ...]:
    """Say what is wrong with a resource that did not parse."""
    return tuple(
        Diagnostic(
            source=resource.ref,
            severity=Severity.ERROR,
            reason=Reason.INVALID,
            field=problem.field,
            message=problem.message,
            remedy=problem.remedy or "correct the field",
        )
        for problem in resource.problems
    )


def _instead(held: Frame | None, said: tuple[Diagnostic, ...]) -> tuple[Diagnostic, ...]:
    return tuple(replace(one, last_good=held is not None) for one in said)


def _too_large(ref: SourceRef, index: int, frame: Frame) -> Diagnostic:
    pool = tuple(frame.pools)[index]
    size = len(frame.entries[f"pool/{pool}"])
    return Diagnostic(
        source=ref,
        severity=Severity.ERROR,
        reason=Reason.TOO_LARGE,
        field=f"spec.pools[{index}]",
        message=f"pool {pool} takes {size} bytes in compiled form; at most {MAX_SHARD_BYTES} fit",
        remedy="split its models over several pools",
    )
