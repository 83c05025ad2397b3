"""Digests as fields, and the names of objects that stand for them."""

import re
from typing import Annotated

from pydantic import Field, StrictStr

from fourplane_api.base import Pattern

SHORT_DIGITS = 12

Sha256 = Annotated[
    StrictStr, Field(max_length=64), Pattern(r"^[0-9a-f]{64}$", "write 64 hexadecimal digits in lower case")
]
Digest = Annotated[
    StrictStr,
    Field(max_length=71),
    Pattern(r"^sha256:[0-9a-f]{64}$", "write sha256: and 64 hexadecimal digits in lower case"),
]
DigestOrNone = Annotated[
    StrictStr,
    Field(max_length=71),
    Pattern(r"^(sha256:[0-9a-f]{64})?$", "write sha256: and 64 hexadecimal digits in lower case, or nothing"),
]
ShortDigest = Annotated[
    StrictStr, Field(max_length=SHORT_DIGITS), Pattern(r"^[0-9a-f]{12}$", "write the first 12 hexadecimal digits")
]

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}", re.ASCII)


def object_name(digest: str) -> str:
    """Return the name of the object that holds what has this digest: `sha256-` and the digits.

    71 characters: a DNS-1123 subdomain, as names of objects are (253), and too long for a label's value (63).
    """
    if not _DIGEST.fullmatch(digest):
        raise ValueError(f"{digest[:80]!r} is no digest: sha256: and 64 hexadecimal digits in lower case")
    return digest.replace(":", "-")


def short_form(digest: str) -> str:
    """Return the first 12 hexadecimal digits of a digest, as tables show it; of none, nothing."""
    return digest.removeprefix("sha256:")[:SHORT_DIGITS]
