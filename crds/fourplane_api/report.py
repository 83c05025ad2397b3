"""WorkerReport: what one worker says of itself.

It stands in the spec: a report has one writer, which wants nothing and only tells, so that there is no second half
that a status subresource would keep apart.
"""

from enum import StrEnum, unique
from typing import Annotated, ClassVar

from pydantic import Field, StrictInt, StrictStr

from fourplane_api.base import ABSENT, ApiModel, NotEmpty, Pattern, Rule, Unique
from fourplane_api.digests import Digest, ShortDigest, short_form
from fourplane_api.meta import Resource
from fourplane_api.published import Counter
from fourplane_api.values import ContractVersion, DnsLabel, DnsSubdomain, RuntimePath, UtcTime

DIGEST_SHORT = Rule(
    "self.digest.startsWith('sha256:' + self.digestShort)",
    "digestShort must be the first 12 digits of digest",
    lambda acknowledged: acknowledged.digest_short == short_form(acknowledged.digest),
)
SUMMARY_IS_RIGHT = Rule(
    # The other way round, string(self.serving), has no bound that an API server could estimate its cost by.
    "int(self.summary.split('/')[0]) == self.serving && int(self.summary.split('/')[1]) == self.wanted",
    "summary must be SERVING/WANTED",
    lambda processes: processes.summary == f"{processes.serving}/{processes.wanted}",
)

SUMMARY = Pattern(r"^(0|[1-9][0-9]{0,3})/(0|[1-9][0-9]{0,3})$", "write SERVING/WANTED")
Count = Annotated[StrictInt, Field(ge=0, le=1024)]


class Acknowledged(ApiModel):
    """The activation that every process serves."""

    cel: ClassVar[tuple[Rule, ...]] = (DIGEST_SHORT,)

    digest: Digest = Field(description="Digest of the snapshot that is served.")
    digest_short: ShortDigest = Field(description="The first 12 hexadecimal digits of `digest`, for tables.")
    epoch: Counter = Field(description="Epoch of the activation that asked for it.")
    sequence: Counter = Field(description="Sequence of the activation that asked for it.")
    at: UtcTime = Field(description="When the last process had taken it (RFC 3339, UTC).")


NOTHING_ACKNOWLEDGED = Acknowledged.model_construct(digest="", digest_short="", epoch=0, sequence=0, at="")
"""Stands for the absence of `acknowledged`: the worker serves nothing yet."""


class ReportedSource(ApiModel):
    """The resource that a rejection is about."""

    kind: Annotated[StrictStr, Field(max_length=63), Pattern(r"^[A-Z][A-Za-z0-9]*$", "write the kind in CamelCase")] = (
        Field(description="Kind of the resource.")
    )
    namespace: DnsLabel = Field(description="Namespace of the resource.")
    name: DnsSubdomain = Field(description="Name of the resource.")


NO_SOURCE = ReportedSource.model_construct(kind="", namespace="", name="")
"""Stands for the absence of `source`: the rejection is of the snapshot as a whole."""


class Rejection(ApiModel):
    """A snapshot that the worker does not take."""

    digest: Digest = Field(description="Digest of the snapshot that was rejected.")
    reason: Annotated[
        StrictStr, Field(max_length=128), Pattern(r"^[A-Z][A-Za-z0-9]*$", "write the reason in CamelCase")
    ] = Field(description="Why, as one CamelCase word.")
    message: StrictStr = Field(max_length=4096, description="Why, for people, and what to do next; may be empty.")
    source: ReportedSource = Field(
        default=NO_SOURCE,
        json_schema_extra=ABSENT,
        description="The resource at fault. Default: the snapshot as a whole is at fault.",
    )
    field: StrictStr = Field(
        default="",
        max_length=256,
        json_schema_extra=ABSENT,
        description="The field at fault, as a path such as spec.backends[0].pool. Default: empty, the resource as a"
        " whole.",
    )


class Processes(ApiModel):
    """The processes of the worker."""

    cel: ClassVar[tuple[Rule, ...]] = (SUMMARY_IS_RIGHT,)

    wanted: Count = Field(description="How many there shall be, as a count.")
    serving: Count = Field(description="How many of them serve, as a count.")
    summary: Annotated[StrictStr, Field(max_length=9), SUMMARY] = Field(
        description="`serving` of `wanted`, for tables: `3/4`."
    )

    @classmethod
    def of(cls, serving: int, wanted: int) -> "Processes":
        """Count, and sum up."""
        return cls(wanted=wanted, serving=serving, summary=f"{serving}/{wanted}")


@unique
class PoolState(StrEnum):
    """How many engines of a pool answer."""

    UP = "Up"
    DEGRADED = "Degraded"
    DOWN = "Down"


class PoolReport(ApiModel):
    """A pool as the worker sees it."""

    name: DnsLabel = Field(description="Name of the pool.")
    state: PoolState = Field(
        description="Up: every engine answers and serves its models as declared; Degraded: some do; Down: no engine"
        " answers."
    )
    message: StrictStr = Field(
        default="",
        max_length=512,
        json_schema_extra=ABSENT,
        description="What is wrong, in one line. Default: empty, nothing is.",
    )


class WorkerReportSpec(ApiModel):
    """What the worker says."""

    runtime: RuntimePath = Field(description="NAMESPACE/NAME of the RuntimeDeployment that it serves.")
    worker_version: Annotated[
        StrictStr, Field(max_length=64), Pattern(r"^[0-9A-Za-z][0-9A-Za-z.+_-]*$", "write a version such as 0.1.0")
    ] = Field(description="Version of the worker's software.")
    contract_versions: Annotated[tuple[ContractVersion, ...], Field(max_length=16), NotEmpty(), Unique()] = Field(
        description="Contract versions that it reads."
    )
    acknowledged: Acknowledged = Field(
        default=NOTHING_ACKNOWLEDGED,
        json_schema_extra=ABSENT,
        description="The activation that every process serves. Default: none, nothing is served yet.",
    )
    rejections: Annotated[
        tuple[Rejection, ...], Field(max_length=16, json_schema_extra={"x-kubernetes-list-type": "atomic"})
    ] = Field(
        default=(),
        json_schema_extra=ABSENT,
        description="Why it does not take some snapshots; any number of faults of one. Default: none.",
    )
    processes: Processes = Field(description="The processes of the worker.")
    pools: Annotated[tuple[PoolReport, ...], Field(max_length=32), Unique("name")] = Field(
        default=(),
        json_schema_extra=ABSENT,
        description="How its pools of engines are; those that it did not look at yet are left out. Default: none.",
    )


class WorkerReport(Resource):
    """What one worker serves and rejects; it has the name of the worker's pod, which owns it."""

    spec: WorkerReportSpec = Field(description="What the worker says.")
