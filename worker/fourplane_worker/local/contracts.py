"""Whether an engine's model is what its owner declares: a pure comparison, in words."""

from collections.abc import Iterator

from fourplane_core.control.snapshot import Model, Tensor
from fourplane_wire.inference import ReportedModel, ReportedTensor

_ANY = -1


def mismatches(declared: Model, reported: ReportedModel) -> tuple[str, ...]:
    """Return what an engine's model lacks of its contract; nothing where callers can rely on the contract.

    A side without declared tensors says nothing about them. Outputs and optional inputs beyond the contract do no harm.
    """
    return (
        *_decoupled(declared, reported),
        *(_inputs(declared.inputs, reported.inputs) if declared.inputs else ()),
        *(_outputs(declared.outputs, reported.outputs) if declared.outputs else ()),
    )


def _decoupled(declared: Model, reported: ReportedModel) -> Iterator[str]:
    if reported.decoupled is not None and declared.decoupled != reported.decoupled:
        said = ("not decoupled", "decoupled")
        yield f"it is declared as {said[declared.decoupled]}, and the engine's is {said[reported.decoupled]}"


def _inputs(declared: tuple[Tensor, ...], reported: tuple[ReportedTensor, ...]) -> Iterator[str]:
    """Name inputs that callers send and the engine does not take, or the other way round."""
    known = {tensor.name: tensor for tensor in reported}
    for tensor in declared:
        found = known.get(tensor.name)
        if found is None:
            yield f"input {tensor.name!r} is declared, and the engine's model has none of that name"
        elif not _agree(tensor, found, wider=found.shape, narrower=tensor.shape):
            yield _differ("input", tensor, found)
    names = {tensor.name for tensor in declared}
    for other in reported:
        if not other.optional and other.name not in names:
            yield f"the engine's model requires input {other.name!r}, which is not declared"


def _outputs(declared: tuple[Tensor, ...], reported: tuple[ReportedTensor, ...]) -> Iterator[str]:
    """Name outputs that callers expect and the engine does not give."""
    known = {tensor.name: tensor for tensor in reported}
    for tensor in declared:
        found = known.get(tensor.name)
        if found is None:
            yield f"output {tensor.name!r} is declared, and the engine's model has none of that name"
        elif not _agree(tensor, found, wider=tensor.shape, narrower=found.shape, unknown=_ANY):
            yield _differ("output", tensor, found)


def _agree(
    declared: Tensor,
    found: ReportedTensor,
    *,
    wider: tuple[int, ...],
    narrower: tuple[int, ...],
    unknown: int | None = None,
) -> bool:
    """Tell whether types are equal and every narrower extent is one that the wider side has.

    An engine that gives -1 for an output does not say what it will be, so there `unknown` agrees with everything.
    """
    return (
        declared.datatype.value == found.datatype
        and len(wider) == len(narrower)
        and all(mine in (_ANY, theirs) or theirs == unknown for mine, theirs in zip(wider, narrower, strict=True))
    )


def _differ(side: str, declared: Tensor, found: ReportedTensor) -> str:
    return (
        f"{side} {declared.name!r} is declared as {declared.datatype} {list(declared.shape)}, "
        f"and the engine's is {found.datatype} {list(found.shape)}"
    )
