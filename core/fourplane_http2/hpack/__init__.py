"""HPACK, the header compression of HTTP/2 (RFC 7541)."""

from .decoder import HpackDecoder
from .encoder import encode, encode_field

__all__ = ["HpackDecoder", "encode", "encode_field"]
