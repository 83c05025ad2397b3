"""Image archives without a registry or a container engine: what `docker save` writes, put together from files."""

import hashlib
import io
import json
import tarfile
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
SKIPPED = frozenset({"tests", "test"})


@dataclass(frozen=True)
class Layer:
    """One layer: a tar, and the hash that names it."""

    path: Path
    digest: str

    @classmethod
    def of(cls, path: Path) -> Self:
        """Hash a tar that is there."""
        with path.open("rb") as file:
            return cls(path, hashlib.file_digest(file, "sha256").hexdigest())


class Tree:
    """Files for a layer, as they are added: all belong to root, and keep their times, which compiled Python goes by."""

    def __init__(self, tar: tarfile.TarFile) -> None:
        self._tar = tar
        self._there = {""}

    def folder(self, place: str, mode: int = 0o755) -> None:
        """Add a folder, and those that it is in."""
        place = place.strip("/")
        if place in self._there:
            return
        self.folder(place.rpartition("/")[0])
        self._there.add(place)
        member = tarfile.TarInfo(place)
        member.type, member.mode = tarfile.DIRTYPE, mode
        self._tar.addfile(member)

    def text(self, place: str, text: str, mode: int = 0o644) -> None:
        """Add a file with that text."""
        member = self._member(place)
        data = text.encode()
        member.size, member.mode = len(data), mode
        self._tar.addfile(member, io.BytesIO(data))

    def link(self, place: str, target: str) -> None:
        """Add a symbolic link."""
        member = self._member(place)
        member.type, member.linkname = tarfile.SYMTYPE, target
        self._tar.addfile(member)

    def file(self, place: str, source: Path) -> None:
        """Add a copy of a file, of what a link leads to."""
        if place.strip("/") in self._there:
            return
        member = self._member(place)
        status = source.stat()
        member.size, member.mtime = status.st_size, int(status.st_mtime)
        member.mode = 0o755 if status.st_mode & 0o100 else 0o644
        with source.open("rb") as data:
            self._tar.addfile(member, data)

    def copy(self, place: str, source: Path, without: Collection[str] = SKIPPED) -> None:
        """Add a folder with all that is in it, except for what has such a name."""
        for entry in sorted(source.iterdir()):
            inside = f"{place}/{entry.name}"
            if entry.name in without or (entry.is_symlink() and not entry.exists()):
                continue
            if entry.is_dir():
                self.copy(inside, entry, without)
            else:
                self.file(inside, entry)

    def _member(self, place: str) -> tarfile.TarInfo:
        place = place.strip("/")
        self.folder(place.rpartition("/")[0])
        self._there.add(place)
        return tarfile.TarInfo(place)


def layer(path: Path, fill: Callable[[Tree], None]) -> Layer:
    """Write a layer; it is there whole or not at all."""
    unfinished = path.with_suffix(".unfinished")
    with tarfile.open(unfinished, "w", format=tarfile.PAX_FORMAT) as tar:
        fill(Tree(tar))
    unfinished.replace(path)
    return Layer.of(path)


def image(path: Path, name: str, layers: tuple[Layer, ...], settings: Mapping[str, object], machine: str) -> Path:
    """Write an image; `settings` are those of a Dockerfile, as Docker's configuration words them."""
    configuration = {
        "architecture": ARCHITECTURES[machine],
        "os": "linux",
        "config": settings,
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{each.digest}" for each in layers]},
        "history": [{"created_by": "images/assemble.py"} for _ in layers],
    }
    data = json.dumps(configuration).encode()
    config = f"{hashlib.sha256(data).hexdigest()}.json"
    files = [f"{each.digest}/layer.tar" for each in layers]
    manifest = [{"Config": config, "RepoTags": [name], "Layers": files}]
    unfinished = path.with_suffix(".unfinished")
    with tarfile.open(unfinished, "w") as tar:
        tree = Tree(tar)
        tree.text("manifest.json", json.dumps(manifest))
        tree.text(config, data.decode())
        for place, each in zip(files, layers, strict=True):
            tree.file(place, each.path)
    unfinished.replace(path)
    return path
