"""Whether two backends of one route may stand for one another: their declared contracts agree."""

from fourplane_core.control.snapshot import Model, Tensor


def difference(one: Model, other: Model) -> tuple[str, str, str] | None:
    """Return what two contracts disagree on, and how each has it; None where they agree.

    The order of tensors has no meaning. A model that declares no inputs (outputs) leaves them open.
    """
    if one.decoupled is not other.decoupled:
        return "decoupled", str(one.decoupled).lower(), str(other.decoupled).lower()
    return _tensors("input", one.inputs, other.inputs) or _tensors("output", one.outputs, other.outputs)


def _tensors(what: str, mine: tuple[Tensor, ...], theirs: tuple[Tensor, ...]) -> tuple[str, str, str] | None:
    if mine == theirs or not mine or not theirs:
        return None
    left, right = {tensor.name: tensor for tensor in mine}, {tensor.name: tensor for tensor in theirs}
    for name in (*left, *right):
        here, there = left.get(name), right.get(name)
        if here != there:
            return f"{what} {name}", show(here), show(there)
    return None


def show(tensor: Tensor | None) -> str:
    """Write a tensor's type and shape."""
    return f"{tensor.datatype}{list(tensor.shape)}" if tensor else "absent"
