"""The YAML files of a folder."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path


def yaml_files(root: Path) -> Iterator[tuple[Path, str]]:
    """Yield every *.yaml and *.yml, each once, in the order of their paths; and what it is without links.

    Hidden files and folders are passed over, and so are the models of a model repository.
    """
    if root.is_file():
        yield root, resolved(root)
        return
    entered: set[str] = set()
    waiting = [str(root)]
    while waiting:
        here = waiting.pop()
        place = resolved(Path(here))
        if place in entered:
            continue
        with os.scandir(here) as found:
            entries = sorted(found, key=lambda entry: entry.name)
        if here != str(root) and _is_model(entries):
            continue
        entered.add(place)
        visible = [(entry, _is_folder(entry)) for entry in entries if not entry.name.startswith(".")]
        for entry in (entry for entry, is_folder in visible if not is_folder and entry.name.endswith(_SUFFIXES)):
            real = resolved(Path(entry.path)) if entry.is_symlink() else f"{place.rstrip('/')}/{entry.name}"
            if real not in entered:
                entered.add(real)
                yield Path(entry.path), real
        waiting += [entry.path for entry, is_folder in reversed(visible) if is_folder]


def resolved(path: Path) -> str:
    """Return a path without links, as far as there is anything."""
    try:
        return str(path.resolve())
    except RuntimeError:  # links in a circle
        return str(path.absolute())


def is_below(path: str, folder: str) -> bool:
    """Tell whether a path is a folder, or something in it; both are without links."""
    return path == folder or path.startswith(f"{folder.rstrip('/')}/")


def _is_folder(entry: "os.DirEntry[str]") -> bool:
    if entry.is_symlink():
        return Path(entry.path).is_dir()
    return entry.is_dir(follow_symlinks=False)


def _is_model(entries: Iterable["os.DirEntry[str]"]) -> bool:
    if any(entry.name == "config.pbtxt" for entry in entries):
        return True
    versions = (Path(entry.path) for entry in entries if entry.name.isdecimal() and _is_folder(entry))
    return any(inside.name.startswith("model.") for version in versions for inside in version.iterdir())


_SUFFIXES = (".yaml", ".yml")
