"""Open Inference Protocol v2 messages read and extended in place, without decoding their tensors.

A request is walked field by field (https://protobuf.dev/programming-guides/encoding): names are read, everything else
is skipped by its length. What was decided is then *appended*: in protobuf the last value of a field is the one that
counts, so the engine reads what was authorized whatever the caller wrote. That holds only if the appended bytes really
start a field; a message whose last field claims more bytes than there are is malformed and must not reach an engine.
"""

import re
from collections.abc import Iterator

_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5
_MODEL_NAME, _MODEL_VERSION, _ID, _PARAMETERS, _INPUTS = 1, 2, 3, 4, 5
MAX_NAME_BYTES = 4096
"""Longest model name, version or request id that is read, in bytes."""
MAX_PARAMETER_BYTES = 4096
"""Longest parameter that is looked into, in bytes; longer ones can't be a sequence parameter."""
MAX_FIELDS = 16_384
"""Most top-level fields of a message: tensors are nested, so real ones have few, and each costs time to walk over."""
_MAX_VARINT_BYTES = 10


class MalformedError(ValueError):
    """The bytes are not a message, or not one that can be extended safely."""


def varint(value: int) -> bytes:
    """Encode an unsigned integer of base 128."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def read_varint(data: bytes, pos: int, end: int) -> tuple[int, int]:
    """Return the integer at a place and the place behind it; (-1, pos) where the bytes end too soon."""
    value = shift = 0
    for place in range(pos, min(end, pos + _MAX_VARINT_BYTES)):
        byte = data[place]
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, place + 1
        shift += 7
    if end - pos >= _MAX_VARINT_BYTES:
        raise MalformedError("a varint is longer than 10 bytes")
    return -1, pos


class RequestScan:
    """A walk over the top-level fields of one ModelInferRequest, in pieces as they come."""

    __slots__ = (
        "_fields",
        "_skip",
        "_tail",
        "id",
        "model",
        "ready",
        "sequence",
        "sequence_end",
        "sequence_start",
        "version",
    )

    def __init__(self) -> None:
        """Begin before the first field."""
        self.model: bytes | None = None
        self.version = b""
        self.id = b""
        self.sequence = b""
        self.sequence_start = False
        self.sequence_end = False
        self.ready = False
        """Whether the tensors have been reached and the model is known: all that routing needs."""
        self._fields = 0
        self._skip = 0
        self._tail = b""

    @property
    def aligned(self) -> bool:
        """Whether what was fed ends exactly behind a field: only then may fields be appended."""
        return not self._skip and not self._tail

    def feed(self, data: bytes, pos: int, end: int) -> None:
        """Walk over data[pos:end]; raise MalformedError on what can't be a message."""
        if self._skip:
            step = min(self._skip, end - pos)
            self._skip -= step
            pos += step
        if self._tail and pos < end:
            data, pos, end = self._tail + data[pos:end], 0, len(self._tail) + end - pos
            self._tail = b""
        field = self._field
        while pos < end:
            self._fields += 1
            if self._fields > MAX_FIELDS:
                raise MalformedError(f"it has more than {MAX_FIELDS} fields")
            after = field(data, pos, end)
            if after < 0:
                self._tail = data[pos:end]
                return
            pos = after

    def _field(self, data: bytes, pos: int, end: int) -> int:  # noqa: C901 - the hot path: one call for each field
        """Take the field at a place and return the place behind it, or -1 where more bytes are needed."""
        tag, pos = (data[pos], pos + 1) if data[pos] < 0x80 else read_varint(data, pos, end)
        if tag < 0:
            return -1
        number, kind = tag >> 3, tag & 7
        if not 0 < number < 1 << 29:
            raise MalformedError("a field has no valid number")
        if kind != _LENGTH:
            return self._scalar(kind, data, pos, end)
        if pos < end and data[pos] < 0x80:
            size, pos = data[pos], pos + 1
        else:
            size, pos = read_varint(data, pos, end)
            if size < 0:
                return -1
            if size > 0x7FFFFFFF:
                raise MalformedError("a field is longer than 2 GiB")
        if number >= _INPUTS:
            self.ready = self.ready or self.model is not None
        elif number != _PARAMETERS or size <= MAX_PARAMETER_BYTES:
            if size > MAX_NAME_BYTES:
                raise MalformedError(f"model name, version and id may have {MAX_NAME_BYTES} bytes")
            if end - pos < size:
                return -1
            self._take(number, data[pos : pos + size])
        stop = pos + size
        if stop > end:
            self._skip = stop - end
            return end
        return stop

    def _scalar(self, kind: int, data: bytes, pos: int, end: int) -> int:
        if kind == _VARINT:
            value, after = read_varint(data, pos, end)
            return after if value >= 0 else -1
        if kind not in (_FIXED64, _FIXED32):
            raise MalformedError("groups are not part of this protocol")
        size = 8 if kind == _FIXED64 else 4
        return pos + size if end - pos >= size else -1

    def _take(self, number: int, value: bytes) -> None:
        decided = self._decided() if self.ready else None
        if number == _MODEL_NAME:
            self.model = value
        elif number == _MODEL_VERSION:
            self.version = value
        elif number == _ID:
            self.id = value
        elif b"sequence_" in value:
            self._take_parameter(value)
        if decided is not None and decided != self._decided():
            # The plan may have been made already: what it rests on must not depend on how the bytes were cut.
            raise MalformedError("model name, version or sequence changes behind the tensors")

    def _decided(self) -> tuple[bytes | None, bytes, bytes, bool, bool]:
        return self.model, self.version, self.sequence, self.sequence_start, self.sequence_end

    def _take_parameter(self, entry: bytes) -> None:
        key = choice = b""
        for number, value in _fields(entry):
            if isinstance(value, bytes) and number <= 2:
                key, choice = (value, choice) if number == 1 else (key, choice + value)
        if key == b"sequence_id":
            self.sequence = _sequence_id(choice)
        elif key == b"sequence_start":
            self.sequence_start = _is_true(choice)
        elif key == b"sequence_end":
            self.sequence_end = _is_true(choice)


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Walk a short message that is all there: numbers with integers or bytes; fixed-size values count as bytes."""
    pos, end = 0, len(message)
    while pos < end:
        tag, pos = read_varint(message, pos, end)
        kind = tag & 7
        if tag < 0 or kind not in (_VARINT, _FIXED64, _LENGTH, _FIXED32):
            raise MalformedError("a parameter is not a message")
        number = tag >> 3
        if kind == _VARINT:
            value, pos = read_varint(message, pos, end)
            yield number, value
            continue
        size, pos = read_varint(message, pos, end) if kind == _LENGTH else (8 if kind == _FIXED64 else 4, pos)
        if not 0 <= size <= end - pos:
            raise MalformedError("a parameter is cut off")
        yield number, message[pos : pos + size]
        pos += size


_BOOL, _INT64, _STRING = 1, 2, 3


def _sequence_id(choice: bytes) -> bytes:
    """Return a key for the id in an InferParameter; an id of 0 or "" means no sequence."""
    key = b""
    for number, value in _fields(choice):
        if number == _INT64 and isinstance(value, int):
            key = b"i%d" % value if value else b""
        elif number == _STRING and isinstance(value, bytes):
            key = b"s" + value if value else b""
    return key


def _is_true(choice: bytes) -> bool:
    return any([value for number, value in _fields(choice) if number == _BOOL][-1:])


def request_suffix(model: str, version: str) -> bytes:
    """Return the fields that say which engine model runs, to be appended to a ModelInferRequest."""
    return _text(_MODEL_NAME, model) + _text(_MODEL_VERSION, version)


def response_suffix(model: str, version: str) -> bytes:
    """Return the fields that put the public name back, to be appended to a ModelInferResponse.

    The engine's version stays where the route declares none.
    """
    return _text(1, model) + (_text(2, version) if version else b"")


def _text(number: int, value: str) -> bytes:
    raw = value.encode()
    return bytes((number << 3 | _LENGTH,)) + varint(len(raw)) + raw


FINAL_RESPONSE = b"\x22\x1b\x0a\x15triton_final_response\x12\x02\x08\x01"
"""The parameter `triton_final_response: true` of a ModelInferResponse: on a stream, plain models' answers have it."""
STREAM_ERROR, STREAM_RESPONSE = 0x0A, 0x12
"""Tags of ModelStreamInferResponse: error_message (1) and infer_response (2)."""


def stream_error(message: str, request_id: bytes = b"") -> bytes:
    """Return a ModelStreamInferResponse that carries an error and names the request that it answers."""
    raw = message.encode()
    answer = b"" if not request_id else b"\x1a" + varint(len(request_id)) + request_id
    out = b"\x0a" + varint(len(raw)) + raw
    return out + b"\x12" + varint(len(answer)) + answer if answer else out


def rewrite_stream_response(message: bytes, suffix: bytes, mask: tuple[bytes, bytes]) -> bytes:
    """Return a whole ModelStreamInferResponse under its public name; `mask` is (engine's name, public name)."""
    out: list[bytes] = []
    pos, end = 0, len(message)
    while pos < end:
        tag, after = read_varint(message, pos, end)
        if tag not in (STREAM_ERROR, STREAM_RESPONSE):
            raise MalformedError("the engine sent an unknown field")
        size, after = read_varint(message, after, end)
        if size < 0 or after + size > end:
            raise MalformedError("the engine's message is cut off")
        value = message[after : after + size]
        value = mask_name(value, *mask) if tag == STREAM_ERROR else value + suffix
        out += (bytes((tag,)), varint(len(value)), value)
        pos = after + size
    return b"".join(out)


def mask_name(text: bytes, inner: bytes, public: bytes) -> bytes:
    """Replace an engine's model name in a message by the public one, where it stands as a word of its own.

    `NAME_0_1` and `NAME_0_gpu1` are that model's instances, as engines name them in errors.
    """
    if not inner or inner == public or inner not in text:
        return text
    return re.sub(_BEFORE_NAME + re.escape(inner) + _BEHIND_NAME, lambda _: public, text)


_BEFORE_NAME = rb"(?<![0-9A-Za-z_])"
_BEHIND_NAME = rb"(?=(?:_[0-9]+_(?:gpu)?[0-9]+)?(?![0-9A-Za-z_]))"
