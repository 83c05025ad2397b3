"""The strings and numbers that resources are made of."""

from typing import Annotated

from pydantic import Field, StrictInt, StrictStr

from fourplane_api.base import Pattern, Rule
from fourplane_api.durations import DAY_MS, milliseconds

INT32_MAX = 2**31 - 1
EXACT_MAX = 2**53 - 1
"""The largest bound that an API server keeps: it reads bounds as floating-point numbers."""

BASE64 = Pattern(
    r"^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{4}|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{2}==)$",
    "write base64 in one line, with its padding",
)
"""Some bytes, not none."""

DnsLabel = Annotated[
    StrictStr,
    Field(max_length=63),
    Pattern(
        r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$",
        "use lower-case letters, digits and '-', with a letter or digit at both ends",
    ),
]
DnsSubdomain = Annotated[
    StrictStr,
    Field(max_length=253),
    Pattern(
        r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$",
        "use lower-case letters, digits, '-' and '.', with a letter or digit at both ends of each part",
    ),
]
RuntimePath = Annotated[
    StrictStr,
    Field(max_length=317),
    Pattern(
        r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?/[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$",
        "write NAMESPACE/NAME",
    ),
]
ContractVersion = Annotated[
    StrictStr, Field(max_length=9), Pattern(r"^[1-9][0-9]*$", "write the number in quotes, for example '1'")
]
# A pattern, not the format date-time: an API server lets lists pass for a string that has a format.
UtcTime = Annotated[
    StrictStr,
    Field(max_length=30),
    Pattern(
        r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?Z$", "write it as 2026-01-31T12:00:00Z"
    ),
]
PublicModelName = Annotated[
    StrictStr,
    Field(max_length=128),
    Pattern(
        r"^[A-Za-z0-9][A-Za-z0-9._/-]{0,127}$",
        "use letters, digits, '.', '_', '/' and '-', with a letter or digit first",
    ),
]
EngineModelName = Annotated[
    StrictStr,
    Field(max_length=128),
    Pattern(r"^[A-Za-z0-9][A-Za-z0-9._-]*$", "use letters, digits, '.', '_' and '-', with a letter or digit first"),
]
ModelVersion = Annotated[
    StrictStr,
    Field(max_length=63),
    Pattern(r"^[A-Za-z0-9._-]{0,63}$", "use letters, digits, '.', '_' and '-'"),
]
TensorName = Annotated[
    StrictStr,
    Field(max_length=128),
    Pattern(r"^[!-~]{1,128}$", "use printable ASCII characters without spaces"),
]
Extent = Annotated[StrictInt, Field(ge=-1, le=INT32_MAX)]
_GATEWAY_DURATION = Pattern(
    r"^([0-9]{1,5}(h|m|s|ms)){1,4}$", "write a Gateway API duration such as 500ms, 30s or 1h30m"
)
Duration = Annotated[
    StrictStr,
    Field(max_length=24),
    _GATEWAY_DURATION,
    Rule(
        "duration(self) >= duration('1ms') && duration(self) <= duration('24h')",
        "must be at least 1ms and at most 24h",
        lambda duration: 1 <= milliseconds(duration) <= DAY_MS,
    ),
]
Grace = Annotated[
    StrictStr,
    Field(max_length=24),
    _GATEWAY_DURATION,
    Rule(
        "duration(self) >= duration('1s') && duration(self) <= duration('10m')",
        "must be at least 1s and at most 10m",
        lambda duration: 1000 <= milliseconds(duration) <= 10 * 60 * 1000,
    ),
]
Endpoint = Annotated[
    StrictStr,
    Field(max_length=261),
    Pattern(
        r"^([A-Za-z0-9]([A-Za-z0-9._-]{0,251}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]{2,45}\]):[1-9][0-9]{0,4}$",
        "write HOST:PORT, for example triton.models.svc:8001 or [::1]:8001, without a scheme",
    ),
    Rule(
        "int(self.substring(self.lastIndexOf(':') + 1)) <= 65535",
        "the port must be at most 65535",
        lambda endpoint: int(endpoint.rpartition(":")[2]) <= 65535,
    ),
]
ModelRepository = Annotated[
    StrictStr,
    Field(max_length=512),
    Pattern(
        r"^([A-Za-z0-9_.@+ /-]+|pvc://[a-z0-9]([a-z0-9.-]*[a-z0-9])?(/[A-Za-z0-9_.@+ /-]*)?"
        r"|(s3|gs|as)://[A-Za-z0-9][A-Za-z0-9_.@+:/-]*)$",
        "use letters, digits, spaces and any of _ . @ + / -, or write pvc://, s3://, gs:// or as:// and a place",
    ),
    Rule(
        "!self.startsWith('/') && !self.split('/').exists(part, part == '..')",
        "must be a folder below the applied files or a URI: neither absolute nor with '..'",
        lambda place: not place.startswith("/") and ".." not in place.split("/"),
    ),
]
ImageOrNone = Annotated[
    StrictStr,
    Field(max_length=512),
    Pattern(
        r"^([A-Za-z0-9][A-Za-z0-9._:/@-]*)?$", "write an image such as registry.example.com/fourplane/worker:0.1.0"
    ),
]
NameOrNone = Annotated[
    StrictStr,
    Field(max_length=253),
    Pattern(
        r"^([a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*)?$",
        "use lower-case letters, digits, '-' and '.', with a letter or digit at both ends of each part; or nothing",
    ),
]
LabelKeyOrNone = Annotated[
    StrictStr,
    Field(max_length=317),
    Pattern(
        r"^(([a-z0-9][a-z0-9.-]*/)?[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?)?$",
        "write the key of a label, for example nvidia.com/gpu; or nothing",
    ),
]
CollectorUrl = Annotated[
    StrictStr,
    Field(max_length=512),
    Pattern(
        r"^https?://[A-Za-z0-9._:\[\]-]+(/[A-Za-z0-9._~%/-]*)?$",
        "write the base URL of an OTLP/HTTP collector, for example http://collector:4318",
    ),
]
AffinityHeader = Annotated[
    StrictStr,
    Field(max_length=64),
    Pattern(r"^[a-z0-9_.-]{1,64}$", "write the metadata key in lower case, for example session-id"),
    Rule(
        "!self.startsWith('grpc-') && !self.startsWith('x-fourplane-')",
        "keys that start with 'grpc-' or 'x-fourplane-' are reserved",
        lambda header: not header.startswith(("grpc-", "x-fourplane-")),
    ),
]
