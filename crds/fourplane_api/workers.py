"""The fleet of workers that the operator runs for a runtime."""

from enum import StrEnum, unique
from typing import Annotated, ClassVar

from pydantic import Field, StrictInt

from fourplane_api.base import ABSENT, ApiModel, Rule
from fourplane_api.durations import milliseconds
from fourplane_api.placement import BOUNDS_ARE_ORDERED, Bound, Placement, Replicas
from fourplane_api.quantities import Annotations
from fourplane_api.values import DnsSubdomain, Grace


@unique
class ServiceType(StrEnum):
    """How the fleet's Service is reached."""

    CLUSTER_IP = "ClusterIP"
    LOAD_BALANCER = "LoadBalancer"
    NODE_PORT = "NodePort"


class WorkerService(ApiModel):
    """The Service in front of the workers."""

    type: ServiceType = Field(
        default=ServiceType.CLUSTER_IP, description="How it is reached, as for any Service. Default: ClusterIP."
    )
    annotations: Annotations = Field(
        default={}, json_schema_extra=ABSENT, description="Annotations of the Service. Default: none."
    )


class WorkerTls(ApiModel):
    """The certificate that workers serve with."""

    secret_name: DnsSubdomain = Field(
        description="Secret of type kubernetes.io/tls in the runtime's namespace, with tls.crt and tls.key."
    )


NO_TLS = WorkerTls.model_construct(secret_name="")
"""Stands for the absence of `tls`: plain text."""


class WorkerAutoscaling(ApiModel):
    """How many workers there are, by the calls that they have in flight."""

    cel: ClassVar[tuple[Rule, ...]] = (BOUNDS_ARE_ORDERED,)

    min_replicas: Bound = Field(default=2, description="Fewest workers, as a count. Default: 2.")
    max_replicas: Bound = Field(description="Most workers, as a count.")
    in_flight_per_worker: StrictInt = Field(
        default=100,
        ge=1,
        le=1_000_000,
        description="How many calls a worker may have in flight on average before workers are added, as a count."
        " Default: 100.",
    )


NO_WORKER_AUTOSCALING = WorkerAutoscaling.model_construct(min_replicas=0, max_replicas=0, in_flight_per_worker=0)
"""Stands for the absence of `autoscaling`: the number of workers is `replicas`."""


class Workers(Placement):
    """The workers of one runtime, in a cluster."""

    replicas: Replicas = Field(
        default=2, description="How many pods, as a count; has no effect where autoscaling is set. Default: 2."
    )
    processes: Annotated[StrictInt, Field(ge=1, le=256)] = Field(
        default=1, description="Worker processes of each pod, as a count. Default: 1."
    )
    grace: Grace = Field(
        default="20s",
        description="Time that calls in flight get when a worker ends, as a duration such as 20s, from 1s to 10m."
        " Default: 20s.",
    )
    service: WorkerService = Field(
        default=WorkerService(), description="The Service in front of the workers. Default: those of each field."
    )
    tls: WorkerTls = Field(
        default=NO_TLS,
        json_schema_extra=ABSENT,
        description="The certificate that workers serve with. Default: none, they serve plain text.",
    )
    autoscaling: WorkerAutoscaling = Field(
        default=NO_WORKER_AUTOSCALING,
        json_schema_extra=ABSENT,
        description="How the number of workers follows their calls in flight. Default: it does not.",
    )

    @property
    def grace_ms(self) -> int:
        """Return `grace` in milliseconds."""
        return milliseconds(self.grace)

    @property
    def is_autoscaled(self) -> bool:
        """Tell whether the autoscaler chooses the number of workers."""
        return self.autoscaling.max_replicas > 0
