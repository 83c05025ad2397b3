"""What was received for what is sent on: each side's window is given back exactly, whatever became of the bytes."""

from collections import deque


class Ledger:
    """Pieces on their way out, in order, and how many received bytes each of them stands for."""

    __slots__ = ("_pieces",)

    def __init__(self) -> None:
        """Start with nothing under way."""
        self._pieces: deque[tuple[int, int]] = deque()

    def add(self, going: int, owed: int) -> None:
        """Remember a piece that goes out, of at least one byte, and the received bytes that it stands for."""
        self._pieces.append((going, owed))

    def gone(self, count: int) -> int:
        """Hear that as many bytes have left, and return how many received bytes that frees."""
        pieces, freed = self._pieces, 0
        while count and pieces:
            going, owed = pieces[0]
            if count >= going:
                count -= going
                freed += owed
                pieces.popleft()
            else:
                part = min(owed, count)
                freed += part
                pieces[0] = (going - count, owed - part)
                count = 0
        return freed
