"""A request message on its way through: read until its model is known, then passed on as it comes."""

from collections.abc import Callable

from fourplane_core.control.plan import Facts
from fourplane_core.outcomes import Outcome
from fourplane_wire.oip import MalformedError, RequestScan
from fourplane_worker.front.exchange import draw
from fourplane_worker.front.messages import PREFIX_BYTES, SCAN_BYTES, BadMessageError, inflate, prefix, read_prefix


class Incoming:
    """One ModelInferRequest from its prefix to its last byte."""

    __slots__ = ("_encoding", "_first", "_left", "_most", "body", "complete", "compressed", "scan", "size", "waiting")

    def __init__(self, most: int, encoding: bytes) -> None:
        """Begin before the prefix; `most` bounds the message's size in bytes."""
        self.scan = RequestScan()
        self.body: list[bytes] = []
        self.waiting = 0
        """Bytes in `body`."""
        self.size = -1
        """Size of the uncompressed message in bytes; -1 until the prefix is there (or the message inflated)."""
        self.compressed = False
        self.complete = False
        """Whether every byte has come."""
        self._left = PREFIX_BYTES
        self._first = b""
        self._most = most
        self._encoding = encoding

    @property
    def begun(self) -> bool:
        """Whether any byte has come."""
        return self.size >= 0 or self.compressed or bool(self._first)

    @property
    def is_held(self) -> bool:
        """Whether it has bytes that could be passed on."""
        return self.complete or (self.ready and self.waiting > 0)

    @property
    def ready(self) -> bool:
        """Whether enough is known to plan it."""
        return self.complete or (self.scan.ready and not self.compressed)

    def feed(self, data: bytes, pos: int) -> int:
        """Take this message's bytes from data[pos:] and return the place behind them; BadMessageError ends the call."""
        end = len(data)
        if self.size < 0 and not self.compressed:
            pos = self._read_prefix(data, pos)
            if pos < 0:
                return end
        take = self._left
        if take > end - pos:
            take = end - pos
            if not take:
                return pos
        chunk = data[pos : pos + take]
        self._left -= take
        self.complete = not self._left
        self.body.append(chunk)
        self.waiting += take
        try:
            self._look(chunk)
        except MalformedError as error:
            raise BadMessageError(
                Outcome.MESSAGE_MALFORMED, f"the message is not a ModelInferRequest: {error}"
            ) from error
        return pos + take

    def _read_prefix(self, data: bytes, pos: int) -> int:
        before = len(self._first)
        first = self._first = self._first + data[pos : pos + PREFIX_BYTES - before]
        if len(first) < PREFIX_BYTES:
            return -1
        pos += PREFIX_BYTES - before
        size, self.compressed = read_prefix(first, self._most, self._encoding)
        self._left = size
        if not self.compressed:
            self.size = size
        return pos

    def _look(self, chunk: bytes) -> None:
        if self.compressed:
            if self._left:
                return
            chunk = inflate(b"".join(self.body), self._encoding, self._most)
            self.body = [chunk]
            self.size = self.waiting = len(chunk)
        scan = self.scan
        scan.feed(chunk, 0, len(chunk))
        if not self._left:
            if not scan.aligned:
                raise MalformedError("its last field is cut off")
        elif self.waiting > SCAN_BYTES and not scan.ready:
            raise MalformedError(f"model_name must stand in its first {SCAN_BYTES} bytes, before the tensors")

    def take(self, suffix: bytes, begin: bool) -> list[bytes]:
        """Return what can be passed on now: with the new prefix at the beginning and the suffix at the end."""
        pieces, self.body, self.waiting = self.body, [], 0
        if begin:
            pieces.insert(0, prefix(self.size + len(suffix)))
        if not self._left:
            pieces.append(suffix)
        return pieces

    def facts(self, metadata: Callable[[str], bytes | None]) -> Facts:
        """Return what planning needs to know."""
        scan = self.scan
        try:
            return Facts(
                model=(scan.model or b"").decode(),
                version=scan.version.decode(),
                draw=draw(),
                sequence=scan.sequence,
                metadata=metadata,
            )
        except UnicodeDecodeError as error:
            raise BadMessageError(Outcome.MESSAGE_MALFORMED, "model_name and model_version must be UTF-8") from error
