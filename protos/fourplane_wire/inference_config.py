"""An engine's model configuration as callers may see it: what describes the contract, and nothing of the machine."""

from typing import Any

from google.protobuf.message import Message

from fourplane_wire.inference import parse
from inference import grpc_service_pb2 as pb

_WHOLE: dict[str, Any] = {}
_TENSOR: dict[str, Any] = dict.fromkeys(
    ("name", "data_type", "format", "dims", "reshape", "is_shape_tensor", "allow_ragged_batch", "optional"), _WHOLE
)
_SHOWN: dict[str, Any] = {
    "platform": _WHOLE,
    "backend": _WHOLE,
    "max_batch_size": _WHOLE,
    "input": _TENSOR | {"is_non_linear_format_io": _WHOLE},
    "output": _TENSOR | {"is_non_linear_format_io": _WHOLE},
    "dynamic_batching": _WHOLE,
    "sequence_batching": dict.fromkeys(
        ("direct", "oldest", "max_sequence_idle_microseconds", "control_input", "iterative_sequence"), _WHOLE
    ),
    "ensemble_scheduling": {"max_inflight_requests": _WHOLE},
    "instance_group": {"kind": _WHOLE, "count": _WHOLE},
    "model_transaction_policy": _WHOLE,
    "response_cache": _WHOLE,
}
"""What is passed on, by field; an empty table below a field: all of it.

A list of what is shown, not of what is hidden: a field that a newer engine adds stays inside until it is looked at.
Left out: files and paths (default_model_filename, cc_model_filenames, label_filename, model_warmup, model_operations,
initial states), parameters and agents (paths and credentials), names of other models (the steps of an ensemble), engine
versions (version_policy), and the machine (gpus, host policies, optimization, metrics).
"""


def rename_model_config(reply: bytes, name: str) -> bytes:
    """Return an engine's ModelConfigResponse under a public name, with what callers may see."""
    message = parse(pb.ModelConfigResponse(), reply)
    message.DiscardUnknownFields()
    config = message.config
    _prune(config, _SHOWN)
    config.name = name
    for number, group in enumerate(config.instance_group):
        group.name = f"{name}_{number}"
    return pb.ModelConfigResponse(config=config).SerializeToString()


def _prune(message: Message, shown: dict[str, Any]) -> None:
    """Clear every field that is not shown."""
    for field, value in message.ListFields():
        below = shown.get(field.name)
        if below is None:
            message.ClearField(field.name)
        elif below:
            for part in value if field.is_repeated else (value,):
                _prune(part, below)
