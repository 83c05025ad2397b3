"""What engines counted for their models, added up and shown under public names."""

from collections.abc import Iterable
from dataclasses import dataclass

from google.protobuf.message import Message

from fourplane_wire.inference import parse
from inference import grpc_service_pb2 as pb

_UINT64 = (1 << 64) - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """An engine's model, and how it is shown."""

    name: str
    version: str
    """Public version; empty: the engine's is shown."""
    pool: str
    model: str
    model_version: str
    """The engine's version; empty: all of them."""


class Statistics:
    """Engines' answers, by pool and model."""

    def __init__(self) -> None:
        """Start without any."""
        self._found: dict[tuple[str, str], list[pb.ModelStatistics]] = {}

    def take(self, pool: str, reply: bytes) -> None:
        """Take the ModelStatisticsResponse of one engine of a pool."""
        for entry in parse(pb.ModelStatisticsResponse(), reply).model_stats:
            self._found.setdefault((pool, entry.name), []).append(entry)

    def report(self, shown: Iterable[Shown]) -> bytes:
        """Return a ModelStatisticsResponse: for each public name and version the sum over all its engines."""
        totals: dict[tuple[str, str], pb.ModelStatistics] = {}
        counted: set[tuple[str, str, int]] = set()
        for one in shown:
            for part in self._found.get((one.pool, one.model), ()):
                key = one.name, one.version or part.version
                if one.model_version in ("", part.version) and (*key, id(part)) not in counted:
                    counted.add((*key, id(part)))
                    _add_model(totals.setdefault(key, pb.ModelStatistics(name=key[0], version=key[1])), part)
        return pb.ModelStatisticsResponse(model_stats=totals.values()).SerializeToString()


def _add_model(total: pb.ModelStatistics, part: pb.ModelStatistics) -> None:
    total.last_inference = max(total.last_inference, part.last_inference)
    total.inference_count = min(total.inference_count + part.inference_count, _UINT64)
    total.execution_count = min(total.execution_count + part.execution_count, _UINT64)
    _add(total.inference_stats, part.inference_stats)
    _add_batches(total, part)
    for position, response in part.response_stats.items():
        _add(total.response_stats[position], response)
    places = {(memory.type, memory.id): memory for memory in total.memory_usage}
    for held in part.memory_usage:
        memory = places.get((held.type, held.id)) or total.memory_usage.add(type=held.type, id=held.id)
        memory.byte_size = min(memory.byte_size + held.byte_size, _UINT64)


def _add_batches(total: pb.ModelStatistics, part: pb.ModelStatistics) -> None:
    known = {batch.batch_size: batch for batch in total.batch_stats}
    for batch in part.batch_stats:
        into = known.get(batch.batch_size)
        if into is None:
            total.batch_stats.add().CopyFrom(batch)
        else:
            _add(into.compute_input, batch.compute_input)
            _add(into.compute_infer, batch.compute_infer)
            _add(into.compute_output, batch.compute_output)


def _add(total: Message, part: Message) -> None:
    """Add every counter of a message, whatever its depth; what is there stays there, also when it is all zeros."""
    total.SetInParent()
    for field, value in part.ListFields():
        if field.message_type is None:
            setattr(total, field.name, min(getattr(total, field.name) + value, _UINT64))
        else:
            _add(getattr(total, field.name), value)
