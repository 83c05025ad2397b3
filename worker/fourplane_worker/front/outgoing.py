"""Response messages on their way back: passed on as they come, with the public name put back."""

from fourplane_core.outcomes import Outcome
from fourplane_wire.oip import STREAM_RESPONSE, MalformedError, read_varint, rewrite_stream_response, varint
from fourplane_worker.front.messages import PREFIX_BYTES, BadMessageError, prefix

_NESTED_HEAD_BYTES = 6
"""A tag and a length of up to five bytes."""


class Outgoing:
    """The messages of one engine stream, in pieces as they come."""

    __slots__ = ("_held", "_left", "_most", "_suffix", "count")

    def __init__(self, most: int, suffix: bytes) -> None:
        """Begin before the first message; `most` bounds a message's size in bytes."""
        self._most = most
        self._suffix = suffix
        self._held = b""
        self._left = 0
        self.count = 0
        """Messages begun."""

    @property
    def between(self) -> bool:
        """Whether no message is half passed on."""
        return not self._left and not self._held

    @property
    def amid(self) -> bool:
        """Whether a message has been passed on in part."""
        return self._left > 0

    def feed(self, data: bytes, out: list[bytes]) -> None:
        """Append to `out` what can be passed on; BadMessageError ends the call."""
        if self._held:
            data, self._held = self._held + data, b""
        pos, end = 0, len(data)
        while pos < end:
            if self._left:
                pos = self._go_on(data, pos, out)
            else:
                after = self._begin(data, pos, end, out)
                if after < 0:
                    self._held = data[pos:]
                    return
                pos = after

    def _go_on(self, data: bytes, pos: int, out: list[bytes]) -> int:
        take = min(self._left, len(data) - pos)
        out.append(data[pos : pos + take])
        self._left -= take
        if not self._left:
            out.append(self._suffix)
        return pos + take

    def _begin(self, data: bytes, pos: int, end: int, out: list[bytes]) -> int:
        if end - pos < PREFIX_BYTES:
            return -1
        size = self._size(data, pos)
        out.append(prefix(size + len(self._suffix)))
        self.count += 1
        pos += PREFIX_BYTES
        if end - pos >= size:
            out += (data[pos : pos + size], self._suffix)
            return pos + size
        self._left = size
        return self._go_on(data, pos, out) if pos < end else pos

    def _size(self, data: bytes, pos: int) -> int:
        size = int.from_bytes(data[pos + 1 : pos + 5], "big")
        if data[pos]:
            raise BadMessageError(Outcome.ENGINE_ERROR, "the engine compressed a response that was not asked for")
        if size > self._most:
            raise BadMessageError(
                Outcome.RESPONSE_TOO_LARGE,
                f"the response has {size} bytes; spec.limits.maxResponseBytes allows {self._most}",
            )
        return size


class AnswerOutgoing(Outgoing):
    """The message of a ModelInfer call that is to go out on a stream: nested one level deeper."""

    __slots__ = ()

    def _begin(self, data: bytes, pos: int, end: int, out: list[bytes]) -> int:
        if end - pos < PREFIX_BYTES:
            return -1
        size = self._size(data, pos)
        nested = size + len(self._suffix)
        head = bytes((STREAM_RESPONSE,)) + varint(nested)
        out.append(prefix(len(head) + nested) + head)
        self.count += 1
        pos += PREFIX_BYTES
        if end - pos >= size:
            out += (data[pos : pos + size], self._suffix)
            return pos + size
        self._left = size
        return self._go_on(data, pos, out) if pos < end else pos


class StreamOutgoing(Outgoing):
    """The messages of an engine's ModelStreamInfer: the response is nested one level deeper.

    The nested length is raised, since some clients replace a nested message that occurs twice in place of merging it.
    """

    __slots__ = ("_mask",)

    def __init__(self, most: int, suffix: bytes, mask: tuple[bytes, bytes]) -> None:
        """Begin before the first message; `mask` is (engine's model name, public name) for error texts."""
        super().__init__(most, suffix)
        self._mask = mask

    def _begin(self, data: bytes, pos: int, end: int, out: list[bytes]) -> int:
        if end - pos < PREFIX_BYTES:
            return -1
        size = self._size(data, pos)
        body = pos + PREFIX_BYTES
        try:
            if end - body >= size:
                whole = rewrite_stream_response(data[body : body + size], self._suffix, self._mask)
                out += (prefix(len(whole)), whole)
                self.count += 1
                return body + size
            return self._begin_nested(data, body, end, size, out)
        except MalformedError as error:
            raise BadMessageError(Outcome.ENGINE_ERROR, str(error)) from error

    def _begin_nested(self, data: bytes, pos: int, end: int, size: int, out: list[bytes]) -> int:
        """Pass a large response on as it comes, where the nested response is all that there is; hold anything else."""
        if end - pos < _NESTED_HEAD_BYTES or data[pos] != STREAM_RESPONSE:
            return -1
        nested, after = read_varint(data, pos + 1, end)
        if nested < 0 or after + nested != pos + size:
            return -1
        inner = bytes((STREAM_RESPONSE,)) + varint(nested + len(self._suffix))
        out += (prefix(len(inner) + nested + len(self._suffix)), inner)
        self.count += 1
        self._left = nested
        return self._go_on(data, after, out) if after < end else after
