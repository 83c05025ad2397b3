"""Change a conversation as what it is: frames, header blocks within them, and the cuts."""

import random
from collections.abc import Callable

from fuzz import cases, wire
from fuzz.wire import (
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    GOAWAY,
    HAS_PRIORITY,
    HEADERS,
    PADDED,
    PING,
    PRIORITY,
    PUSH_PROMISE,
    RST_STREAM,
    SETTINGS,
    WINDOW_UPDATE,
    Frame,
    Pair,
)

Mutate = Callable[[bytes, int], bytes]
"""Changes bytes without knowing what they are; libFuzzer's own, where it drives."""

_NAMES = (
    b":method", b":scheme", b":path", b":authority", b":status", b":protocol", b"te", b"connection", b"content-length",
    b"grpc-status", b"cookie", b"Upper", b"", b"x y", b"a:b", b"host", b"transfer-encoding", b"x-n" * 30,
)  # fmt: skip
_VALUES = (
    b"", b"0", b"5", b"POST", b"CONNECT", b"http", b"/", b"200", b"100", b"trailers", b" x", b"x\t", b"\0", b"a\nb",
    b"v" * 60, b"v" * 700, b"\xff\xfe", b"99999999999999999999", b"here",
)  # fmt: skip
_WORDS = (
    0,
    1,
    2,
    7,
    8,
    99,
    1000,
    16_383,
    16_384,
    65_535,
    65_536,
    100_000,
    2**24 - 1,
    2**24,
    2**31 - 1,
    2**31,
    2**32 - 1,
)
_SIZES = (0, 1, 2, 5, 30, 100, 999, 2001)
_STREAMS = (0, 1, 1, 1, 3, 3, 5, 7, 9, 2, 4, 2**31 - 1)
_BLOCKS = (wire.REQUEST, wire.REQUEST, wire.RESPONSE, wire.TRAILERS)


def pairs(rng: random.Random) -> list[Pair]:
    """Return a field list: usual, or with something changed, left out, doubled or moved."""
    fields = list(rng.choice(_BLOCKS))
    for _ in range(rng.choice((0, 0, 0, 1, 1, 2))):
        place = rng.randrange(len(fields) + 1)
        match rng.randrange(4):
            case 0 if place < len(fields):
                del fields[place]
            case 1 if place < len(fields):
                fields[place] = (fields[place][0], rng.choice(_VALUES))
            case 2 if place < len(fields):
                fields.insert(rng.randrange(len(fields)), fields[place])
            case _:
                fields.insert(place, (rng.choice(_NAMES), rng.choice(_VALUES)))
    return fields


def block(rng: random.Random) -> bytes:
    """Return a header block: all forms, the dynamic table used and resized, now and then broken."""
    result = b""
    if rng.random() < 0.15:
        result += b"".join(
            wire.resize(rng.choice((0, 30, 100, 200, 4096, 4097, 2**31))) for _ in range(rng.randint(1, 3))
        )
    if rng.random() < 0.5:
        result += wire.block(pairs(rng))
    else:
        for pair in pairs(rng):
            index = rng.choice((0, 0, 0, 1, 2, 4, 7, 8, 28, 62, 63, 70))
            result += wire.literal(pair, rng.randrange(3), index if rng.random() < 0.2 else 0, rng.random() < 0.5)
            if rng.random() < 0.1:
                result += wire.indexed(rng.choice((0, 1, 2, 3, 8, 61, 62, 63, 64, 127, 200)))
    if rng.random() < 0.08:
        result = result[: rng.randrange(len(result) + 1)]
    if rng.random() < 0.05:
        result += rng.choice(
            (b"\x7f\xff\xff\xff\xff\xff\x0f", b"\x00\x81\xff", b"\x00\x84\xff\xff\xff\xff\x00", b"\xff\x80")
        )
    return result


def headers(rng: random.Random, stream_id: int) -> list[Frame]:
    """Return a header block as frames: padded, with priority, in pieces."""
    payload, flags = block(rng), END_STREAM if rng.random() < 0.5 else 0
    pieces = [payload]
    for _ in range(rng.choice((0, 0, 0, 1, 2, 5))):
        at = rng.randrange(len(pieces[-1]) + 1)
        pieces[-1:] = [pieces[-1][:at], pieces[-1][at:]]
    first = pieces[0]
    if rng.random() < 0.1:
        flags |= HAS_PRIORITY
        first = wire.word(rng.choice((0, stream_id, 1))) + b"\x10" + first
    if rng.random() < 0.1:
        flags |= PADDED
        count = rng.choice((0, 1, 9, 255))
        first = bytes((count,)) + first + bytes(max(count + rng.choice((0, 0, 0, -1)), 0))
    frames = [(HEADERS, flags, stream_id, first), *((CONTINUATION, 0, stream_id, piece) for piece in pieces[1:])]
    kind, flags, stream_id, last = frames[-1]
    if rng.random() < 0.95:
        flags |= END_HEADERS
    return [*frames[:-1], (kind, flags, stream_id, last)]


def frames(rng: random.Random) -> list[Frame]:  # noqa: C901, PLR0911 -- a grammar
    """Return what a peer may say next, legal or not."""
    stream_id = rng.choice(_STREAMS)
    word = wire.word(rng.choice(_WORDS))
    match rng.choice((0, 0, 0, 1, 1, 1, 1, 2, 3, 4, 4, 5, 6, 7, 8, 8, 8, 9, 10)):
        case 0:
            flags = rng.choice((0, 0, END_STREAM, PADDED, PADDED | END_STREAM))
            payload = bytes((rng.randrange(256),)) * rng.choice(_SIZES)
            if flags & PADDED and rng.random() < 0.7:
                payload = bytes((rng.choice((0, 1, 20)),)) + payload + bytes(20)
            return [(DATA, flags, stream_id, payload)]
        case 1:
            return headers(rng, stream_id)
        case 2:
            return [
                (PRIORITY, 0, stream_id, rng.choice((word, wire.word(stream_id))) + b"\0" * rng.choice((1, 1, 1, 0)))
            ]
        case 3:
            return [(RST_STREAM, 0, stream_id, word[: rng.choice((4, 4, 4, 3))])]
        case 4:
            values = [
                wire.setting(rng.choice((1, 2, 3, 4, 4, 5, 6, 9)), rng.choice(_WORDS))
                for _ in range(rng.choice((0, 1, 2, 9)))
            ]
            return [(SETTINGS, rng.choice((0, 0, 0, 1)), rng.choice((0, 0, 0, 0, 1)), b"".join(values))]
        case 5:
            return [(PUSH_PROMISE, END_HEADERS, stream_id, word + block(rng))]
        case 6:
            return [(PING, rng.choice((0, 1)), rng.choice((0, 0, 0, 1)), b"12345678"[: rng.choice((8, 8, 8, 7))])]
        case 7:
            return [(GOAWAY, 0, rng.choice((0, 0, 0, 1)), wire.word(stream_id) + word)]
        case 8:
            return [(WINDOW_UPDATE, 0, stream_id, word)]
        case 9:
            return [(CONTINUATION, rng.choice((0, END_HEADERS)), stream_id, block(rng))]
        case _:
            return [(rng.choice((10, 12, 255)), rng.randrange(256), stream_id, word)]


def _alter(rng: random.Random, chosen: Frame, mutate: Mutate) -> Frame:
    """Change one part of one frame."""
    kind, flags, stream_id, payload = chosen
    match rng.randrange(7):
        case 0:
            flags ^= rng.choice((1, 4, 8, 32))
        case 1 | 2:
            stream_id = rng.choice(_STREAMS)
        case 3:
            kind = rng.randrange(11)
        case 4:
            payload = payload[: rng.randrange(len(payload) + 1)]
        case _:
            payload = mutate(payload, len(payload) + 64) if payload else b"\0"
    return kind, flags, stream_id, payload


def _lie(rng: random.Random) -> bytes:
    """Return the beginning of a frame that says it is large."""
    return rng.choice((16_384, 16_385, 2**20 + 1)).to_bytes(3, "big") + wire.frame(*frames(rng)[0])[3:]


def mutate_wire(data: bytes, rng: random.Random, mutate: Mutate) -> bytes:
    """Change the frames of a conversation, and now and then what is no frame."""
    chosen, rest = wire.split(data)
    for _ in range(rng.choice((1, 1, 2, 4))):
        at = rng.randrange(len(chosen) + 1)
        match rng.randrange(8):
            case 0 if chosen:
                chosen = chosen[:at] + chosen[at + 1 :]
            case 1 if chosen:
                chosen.insert(at, rng.choice(chosen))
            case 2 if chosen:
                here = rng.randrange(len(chosen))
                chosen[here], chosen[-1] = chosen[-1], chosen[here]
            case 3 | 4 if chosen:
                here = rng.randrange(len(chosen))
                chosen[here] = _alter(rng, chosen[here], mutate)
            case _:
                chosen[at:at] = frames(rng)
    if rng.random() < 0.1:
        rest = b"" if rest else rng.choice((wire.frame(*frames(rng)[0])[:-1], _lie(rng)))
    return wire.join(chosen) + rest


def mutate_case(data: bytes, max_size: int, seed: int, mutate: Mutate) -> bytes:
    """Change an input of the fuzzers of connections."""
    rng = random.Random(seed)
    head, rest = bytearray(data[: cases.HEAD_BYTES].ljust(cases.HEAD_BYTES, b"\0")), data[cases.HEAD_BYTES :]
    if rng.random() < 0.3:
        head[rng.choice((0, 1, 2, rng.randrange(3, cases.HEAD_BYTES)))] = rng.choice((0, 1, 2, rng.randrange(256)))
    else:
        rest = mutate_wire(rest, rng, mutate)
    return (bytes(head) + rest)[:max_size]


def mutate_blocks(data: bytes, max_size: int, seed: int, mutate: Mutate) -> bytes:
    """Change an input of the fuzzer of HPACK: two octets, then blocks behind their lengths."""
    rng = random.Random(seed)
    head, blocks = bytearray(data[:2].ljust(2, b"\0")), split_blocks(data[2:])
    for _ in range(rng.choice((1, 1, 2))):
        at = rng.randrange(len(blocks) + 1)
        match rng.randrange(6):
            case 0 if at < len(blocks):
                del blocks[at]
            case 1 if at < len(blocks):
                blocks[at] = mutate(blocks[at], len(blocks[at]) + 32) if blocks[at] else b"\x82"
            case 2 if blocks:
                blocks.insert(at, rng.choice(blocks))
            case 3 if rng.random() < 0.3:
                head[rng.randrange(2)] = rng.randrange(256)
            case _:
                blocks.insert(at, block(rng))
    return (bytes(head) + join_blocks(blocks))[:max_size]


def split_blocks(data: bytes) -> list[bytes]:
    """Read blocks behind lengths of 16 bits."""
    blocks = []
    while len(data) > 2:
        size = int.from_bytes(data[:2], "big")
        blocks.append(data[2 : 2 + size])
        data = data[2 + size :]
    return blocks


def join_blocks(blocks: list[bytes]) -> bytes:
    """Write blocks behind lengths of 16 bits."""
    return b"".join(len(each[:65_535]).to_bytes(2, "big") + each[:65_535] for each in blocks)
