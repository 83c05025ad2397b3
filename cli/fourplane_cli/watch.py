"""Waiting for edits of a folder of resources."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

from watchfiles import Change, awatch

_SETTLE_MS = 50
"""An edit is read when nothing else has happened for this long: editors write in several steps."""
_LONGEST_MS = 400
_FIRST_MS = 1000


class Sources:
    """Tells paths that may matter from those that don't."""

    def __init__(self, root: Path, state: Path) -> None:
        """Watch below `root`, and pass over the state folder."""
        self._root = root.resolve()
        self._state = state.resolve()

    def __call__(self, change: Change, path: str) -> bool:
        """Tell whether a change may concern resources: hidden files, state and what Python compiles don't."""
        del change
        place = Path(path)
        if place.is_relative_to(self._state):
            return False
        inside = place.relative_to(self._root).parts if place.is_relative_to(self._root) else place.parts[-1:]
        return not any(part.startswith(".") or part == "__pycache__" for part in inside)


async def edits(root: Path, state: Path) -> AsyncIterator[None]:
    """Yield whenever something below a folder, or a file, was changed; and once soon, for edits before the watch."""
    is_folder = await asyncio.to_thread(root.is_dir)
    folder = root if is_folder else root.parent
    watching = awatch(
        folder,
        watch_filter=Sources(folder, state),
        step=_SETTLE_MS,
        debounce=_LONGEST_MS,
        rust_timeout=_FIRST_MS,
        yield_on_timeout=True,
        recursive=is_folder,
        ignore_permission_denied=True,
    )
    is_first = True
    async for changes in watching:
        if changes or is_first:
            yield
        is_first = False
