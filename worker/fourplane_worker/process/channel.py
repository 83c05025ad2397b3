"""The control channel: a socket pair that ends when either side dies, however that comes."""

import asyncio
import socket
from collections.abc import AsyncIterator

from fourplane_worker.process.messages import Message, decode, encode

_LINE_BYTES = 1 << 24
"""Longest line, in bytes; reports come in pieces far below it."""


class Channel:
    """One end of a control channel."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take an open connection."""
        self._reader = reader
        self._writer = writer

    @classmethod
    async def over(cls, end: socket.socket) -> "Channel":
        """Speak over one end of a socket pair."""
        return cls(*await asyncio.open_unix_connection(sock=end, limit=_LINE_BYTES))

    def send(self, message: Message) -> None:
        """Send a message; a peer that is gone gets none."""
        if not self._writer.is_closing():
            self._writer.write(encode(message))

    async def sent(self) -> None:
        """Wait until the peer has taken most of what was sent."""
        await self._writer.drain()

    async def receive(self) -> AsyncIterator[Message]:
        """Yield what the peer says until it is gone."""
        while True:
            try:
                line = await self._reader.readline()
            except OSError:
                return
            if not line.endswith(b"\n"):
                return
            yield decode(line)

    def close(self) -> None:
        """End the channel."""
        self._writer.close()
