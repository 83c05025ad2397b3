"""How the operator runs Triton for a pool with a model repository."""

from typing import ClassVar

from pydantic import Field, StrictInt

from fourplane_api.base import ABSENT, ApiModel, Rule
from fourplane_api.durations import milliseconds
from fourplane_api.placement import BOUNDS_ARE_ORDERED, Bound, Placement, Replicas
from fourplane_api.values import Duration, NameOrNone


class ServerAutoscaling(ApiModel):
    """How many servers there are, by how long requests wait in them."""

    cel: ClassVar[tuple[Rule, ...]] = (BOUNDS_ARE_ORDERED,)

    min_replicas: Bound = Field(default=1, description="Fewest servers, as a count. Default: 1.")
    max_replicas: Bound = Field(description="Most servers, as a count.")
    queue_time: Duration = Field(
        default="50ms",
        description="How long a request may wait in a server's queue on average before servers are added, as a duration"
        " from 1ms to 24h. Default: 50ms.",
    )

    @property
    def queue_time_ms(self) -> int:
        """Return `queueTime` in milliseconds."""
        return milliseconds(self.queue_time)


NO_SERVER_AUTOSCALING = ServerAutoscaling.model_construct(min_replicas=0, max_replicas=0, queue_time="")
"""Stands for the absence of `autoscaling`: the number of servers is `replicas`."""


class Server(Placement):
    """The Triton servers of one pool."""

    replicas: Replicas = Field(
        default=1, description="How many servers, as a count; has no effect where autoscaling is set. Default: 1."
    )
    gpus: StrictInt = Field(
        default=0, ge=0, le=64, description="GPUs of each server (its limit of nvidia.com/gpu), as a count. Default: 0."
    )
    credentials_secret_name: NameOrNone = Field(
        default="",
        json_schema_extra=ABSENT,
        description="Secret of the runtime's namespace whose keys become environment variables, for credentials of the"
        " object store. Default: empty, none.",
    )
    autoscaling: ServerAutoscaling = Field(
        default=NO_SERVER_AUTOSCALING,
        json_schema_extra=ABSENT,
        description="How the number of servers follows their queues. Default: it does not.",
    )

    @property
    def is_autoscaled(self) -> bool:
        """Tell whether the autoscaler chooses the number of servers."""
        return self.autoscaling.max_replicas > 0


DEFAULT_SERVER = Server()
"""What holds where `server` is not set."""
