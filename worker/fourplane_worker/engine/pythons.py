"""Find a Python that Triton's Python backend can run models with.

The backend starts each model in a stub, a binary that embeds one minor version of Python and reads
numpy's structures at fixed places. What was found by running the stubs of the wheel:

- 3.11 and 3.12 work with numpy 1.26, provided that libpython3.X.so exists: the wheel does not carry it,
  and one of another patch release than the standard library is asking for trouble, so that the stub
  gets the library that belongs to the interpreter.
- 3.13 does not work. There is no numpy 1 for it, and with numpy 2 (2.1 to 2.5 tried) the stub reads an
  item size of 0: a BYTES input kills the stub, and every number that a model returns arrives empty.
- The wheel has no stub for 3.14 and later.
"""

import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fourplane_worker.engine.errors import ProvisionError

USABLE = ((3, 11), (3, 12))
"""Of the versions that this product runs on, those whose stub works."""

_HINT = (
    "Put Python 3.12 or 3.11 on PATH, with its shared library and venv module: for instance `uv python install 3.12`, "
    "or on Debian 12 `apt-get install python3.11-venv libpython3.11`. "
    "Or run Triton elsewhere and name it under `endpoints` of the pool."
)

_PROBE = """
import importlib.util, json, os, sys, sysconfig
name = sysconfig.get_config_var("INSTSONAME") or ""
# A relocated Python still names the folder that it was built for.
folders = (sysconfig.get_config_var("LIBDIR") or "", os.path.join(sys.base_prefix, "lib"))
found = [path for folder in folders if ".so" in name and os.path.isfile(path := os.path.join(folder, name))]
print(json.dumps({
    "path": getattr(sys, "_base_executable", sys.executable),
    "version": sys.version_info[:2],
    "library": found[0] if found else None,
    "venv": all(map(importlib.util.find_spec, ("venv", "ensurepip"))),
}))
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Python:
    """An interpreter that was asked about itself."""

    path: Path
    """The interpreter itself rather than that of a virtual environment, which may go away."""
    version: tuple[int, int]
    library: Path | None
    """Its libpython, when it was built with a shared one that is there."""
    venv: bool
    """Whether it can make an environment with pip."""

    @property
    def name(self) -> str:
        """Write the version as in "3.11"."""
        return ".".join(map(str, self.version))


def find_python() -> Python:
    """Return the first usable interpreter: this one, then those on PATH."""
    names = (sys.executable, *(f"python{a}.{b}" for a, b in USABLE), "python3")
    paths = [Path(found) for name in names if name and (found := shutil.which(name))]
    return choose([examine(path) for path in dict.fromkeys(paths)])


def choose(pythons: Sequence[Python | None]) -> Python:
    """Return the first interpreter that has all that models need; say why not if none has."""
    found = [python for python in dict.fromkeys(pythons) if python is not None]
    for python in found:
        if not lacks(python):
            return python
    reasons = "".join(f"\n  {python.path}: {lacks(python)}" for python in found)
    raise ProvisionError(f"No Python here can run Triton's models.{reasons}", _HINT)


def lacks(python: Python) -> str:
    """Say what the interpreter lacks; empty when it will do."""
    if python.version not in USABLE:
        return f"is Python {python.name}; Triton's Python backend works with 3.11 and 3.12"
    if python.library is None:
        return f"has no shared library libpython{python.name}.so.1.0"
    if not python.venv:
        return "has no venv module with pip (ensurepip)"
    return ""


def examine(path: Path) -> Python | None:
    """Ask an interpreter about itself; None if it does not run."""
    command = [str(path), "-I", "-c", _PROBE]
    try:
        answer = subprocess.run(command, capture_output=True, timeout=20, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    facts = json.loads(answer)
    major, minor = facts["version"]
    library = Path(facts["library"]) if facts["library"] else None
    return Python(path=Path(facts["path"]).resolve(), version=(major, minor), library=library, venv=facts["venv"])
