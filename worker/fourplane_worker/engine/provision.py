"""Install a real Triton from its wheel, once, into the user's cache.

The installation is built in a folder of its own, marked with the hash of the locks that it was made
from, and renamed into place: what stands under the final name is whole. Needed on the machine: Linux
on x86_64 with glibc 2.35, a Python described in `pythons`, and the network for the first time.
"""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from fourplane_worker.engine.errors import ProvisionError
from fourplane_worker.engine.host import check_host, this_host
from fourplane_worker.engine.install import MODELS_LOCK, TRITON_LOCK, Layout, Progress, install
from fourplane_worker.engine.lock import exclusive
from fourplane_worker.engine.pythons import Python, find_python

Install = Callable[[Layout, Python, Progress], None]

TRITON_VERSION = "2.51.0"
"""What the locked wheel carries."""

MARKER = "installed.json"
_REVISION = 1
"""Raise it when `install` comes to lay things out otherwise."""


@dataclass(frozen=True, slots=True)
class TritonInstall:
    """An installed Triton, with an environment that its models run in."""

    layout: Layout
    version: str = TRITON_VERSION

    @property
    def root(self) -> Path:
        """The folder of the installation."""
        return self.layout.root

    @property
    def python(self) -> Path:
        """The interpreter with the models' packages; also exports models."""
        return self.layout.interpreter

    def environment(self, inherited: Mapping[str, str]) -> dict[str, str]:
        """Return the variables that the server, and through it every model, starts with."""
        dropped = {"PYTHONHOME", "VIRTUAL_ENV", "PYTHONSTARTUP"}
        kept = {name: value for name, value in inherited.items() if name not in dropped}
        path = os.pathsep.join([str(self.python.parent), kept.get("PATH", os.defpath)])
        return kept | {
            "PATH": path,
            "PYTHONPATH": str(self.layout.packages),
            "PYTHONNOUSERSITE": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
        }


def provision(cache: Path, progress: Progress) -> TritonInstall:
    """Return the Triton in the cache; install it first if it is not there whole."""
    check_host(this_host())
    python = find_python()
    layout = Layout(cache.absolute() / folder_name(python), python.name)
    wanted = expected_marker()
    if is_whole(layout, wanted):
        return TritonInstall(layout)
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with exclusive(cache / f".{layout.root.name}.lock", lambda: progress("another process installs")):
            if not is_whole(layout, wanted):
                build(layout, python, progress)
    except OSError as error:
        raise ProvisionError(
            f"Triton cannot be installed under {cache}: {error}",
            "Make room there, or set XDG_CACHE_HOME to a folder that can be written to.",
        ) from error
    return TritonInstall(layout)


def folder_name(python: Python) -> str:
    """Name the installation after Triton's version and the models' Python."""
    return f"triton-{TRITON_VERSION}-py{python.name.replace('.', '')}"


def expected_marker() -> dict[str, object]:
    """Return what the marker of a current installation says."""
    locks = b"\0".join(path.read_bytes() for path in (TRITON_LOCK, MODELS_LOCK))
    return {
        "locks": hashlib.sha256(locks).hexdigest(),
        "revision": _REVISION,
    }


def is_whole(layout: Layout, wanted: Mapping[str, object]) -> bool:
    """Tell whether the installation is there, current and its interpreter still exists."""
    try:
        marker = json.loads((layout.root / MARKER).read_text())
    except (OSError, ValueError):
        return False
    library = layout.libraries / f"libpython{layout.python}.so.1.0"
    return bool(marker == wanted and layout.interpreter.exists() and library.exists())


def build(layout: Layout, python: Python, progress: Progress, install: Install = install) -> None:
    """Make the installation beside its place and put it there whole; the caller holds the lock."""
    root = layout.root
    for leftover in root.parent.glob(f".{root.name}.build-*"):
        shutil.rmtree(leftover, ignore_errors=True)
    progress(f"installing Triton {TRITON_VERSION} into {root}, once (600 MB)")
    work = Path(tempfile.mkdtemp(prefix=f".{root.name}.build-", dir=root.parent))
    try:
        made = work / "new"
        made.mkdir()
        install(Layout(made, layout.python), python, progress)
        (made / MARKER).write_text(json.dumps(expected_marker()))
        if root.exists():
            root.rename(work / "old")
        made.rename(root)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    progress(f"Triton {TRITON_VERSION} is installed")
