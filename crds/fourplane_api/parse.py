"""Documents into resources: what comes out is valid."""

from collections.abc import Mapping
from typing import Any, TypeAlias, TypeVar

from pydantic import ValidationError

from fourplane_api.meta import API_VERSION, GROUP, Resource
from fourplane_api.problems import InvalidResourceError, Problem, did_you_mean, problems_of, wrong_type
from fourplane_api.published import ConfigShard, ConfigSnapshot, RuntimeActivation
from fourplane_api.report import WorkerReport
from fourplane_api.route import RUNTIME_IS_FIXED, RUNTIME_NAMESPACE_IS_FIXED, ModelRoute
from fourplane_api.runtime import RuntimeDeployment

KINDS: Mapping[str, type[RuntimeDeployment] | type[ModelRoute]] = {
    "RuntimeDeployment": RuntimeDeployment,
    "ModelRoute": ModelRoute,
}
"""What users write."""

MachineResource: TypeAlias = ConfigShard | ConfigSnapshot | RuntimeActivation | WorkerReport

MACHINE_KINDS: Mapping[str, type[MachineResource]] = {
    "ConfigShard": ConfigShard,
    "ConfigSnapshot": ConfigSnapshot,
    "RuntimeActivation": RuntimeActivation,
    "WorkerReport": WorkerReport,
}
"""What the operator and the workers write; in a folder of users' resources, none of them is one."""

R = TypeVar("R", bound=Resource)


def parse(document: Mapping[str, Any]) -> RuntimeDeployment | ModelRoute:
    """Return the resource that a document describes, or raise InvalidResourceError with all its problems."""
    return _parse(document, KINDS)


def parse_machine(document: Mapping[str, Any]) -> MachineResource:
    """Return the machine-written resource that a document describes, or raise InvalidResourceError."""
    return _parse(document, MACHINE_KINDS)


def _parse(document: Mapping[str, Any], kinds: Mapping[str, type[R]]) -> R:
    kind, name = _text(document, "kind"), _name(document)
    if problems := _header_problems(document, list(kinds)):
        raise InvalidResourceError(kind, name, problems)
    model = kinds[kind]
    body = {key: value for key, value in document.items() if key not in ("apiVersion", "kind")}
    try:
        return model.model_validate(body, by_alias=True, by_name=False)
    except ValidationError as error:
        raise InvalidResourceError(kind, name, problems_of(model, error)) from error


def check_update(new: RuntimeDeployment | ModelRoute, old: RuntimeDeployment | ModelRoute) -> None:
    """Raise InvalidResourceError where a resource may not replace the one of the same name."""
    if not isinstance(new, ModelRoute) or not isinstance(old, ModelRoute):
        return
    here, there = new.spec.runtime_ref, old.spec.runtime_ref
    if not RUNTIME_IS_FIXED.holds(here.name, there.name):
        problem = Problem("spec.runtimeRef.name", RUNTIME_IS_FIXED.message)
        raise InvalidResourceError("ModelRoute", new.metadata.name, (problem,))
    if not RUNTIME_NAMESPACE_IS_FIXED.holds(here, there):
        problem = Problem("spec.runtimeRef", RUNTIME_NAMESPACE_IS_FIXED.message)
        raise InvalidResourceError("ModelRoute", new.metadata.name, (problem,))


def check_machine_update(new: MachineResource, old: MachineResource) -> None:
    """Raise InvalidResourceError where a machine-written resource may not replace the one of the same name."""
    broken = (rule for rule in type(new.spec).transitions if not rule.holds(new.spec, old.spec))
    if problems := tuple(Problem("spec", rule.message) for rule in broken):
        raise InvalidResourceError(type(new).__name__, new.metadata.name, problems)


def is_ours(document: Mapping[str, Any]) -> bool:
    """Tell whether a document claims to be of this group, whatever its version and kind."""
    return _text(document, "apiVersion").partition("/")[0] == GROUP


def _text(document: Mapping[str, Any], key: str) -> str:
    value = document.get(key)
    return value if isinstance(value, str) else ""


def _name(document: Mapping[str, Any]) -> str:
    metadata = document.get("metadata")
    return _text(metadata, "name") if isinstance(metadata, Mapping) else ""


def _header_problems(document: Mapping[str, Any], kinds: list[str]) -> tuple[Problem, ...]:
    return tuple(
        problem
        for field, known in (("apiVersion", [API_VERSION]), ("kind", kinds))
        if (problem := _header_problem(field, document.get(field), known)) is not None
    )


def _header_problem(field: str, value: object, known: list[str]) -> Problem | None:
    if value in known:
        return None
    choices = " or ".join(known)
    hint = did_you_mean(str(value), known) if len(known) > 1 else ""
    if value is None:
        return Problem(field, "Required value", f"write {field}: {choices}")
    if not isinstance(value, str):
        return Problem(field, *wrong_type("string", value))
    return Problem(field, f'Unsupported value: "{value}": must be {choices}', hint)
