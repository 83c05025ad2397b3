"""Lay out Triton and the models' environment in a folder, with pip."""

import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from fourplane_worker.engine.errors import ProvisionError
from fourplane_worker.engine.host import check_libraries
from fourplane_worker.engine.pythons import Python
from fourplane_worker.engine.settings import inherited_variables

Progress = Callable[[str], None]

HERE = Path(__file__).parent
TRITON_LOCK = HERE / "triton.lock"
MODELS_LOCK = HERE / "models-env.lock"

_NO_NETWORK = re.compile(
    r"NewConnectionError|NameResolutionError|Temporary failure in name resolution|ConnectTimeout"
    r"|ProxyError|Network is unreachable|Max retries exceeded|ReadTimeout|Connection refused"
    # All that pip says of it when it is told not to try again.
    r"|\(from versions: none\)"
)
_DOWNLOADING = re.compile(r"Downloading (?:\S*/)?([A-Za-z0-9_.]+?)-(\d\S*?)-\S+\.whl\S* \(([\d.]+ [MG]B)\)")


@dataclass(frozen=True, slots=True)
class Layout:
    """Where things lie in an installation."""

    root: Path
    python: str
    """The models' Python, as in "3.11"."""

    @property
    def wheel(self) -> Path:
        """The folder that the wheel was unpacked into."""
        return self.root / "triton"

    @property
    def triton(self) -> Path:
        """Triton's own folder in the wheel."""
        return self.wheel / "pytriton" / "tritonserver"

    @property
    def libraries(self) -> Path:
        """The shared libraries that came with the wheel."""
        return self.wheel / "nvidia_pytriton.libs"

    @property
    def server(self) -> Path:
        """The server's binary."""
        return self.triton / "bin" / "tritonserver"

    @property
    def backends(self) -> Path:
        """The folder of backends."""
        return self.triton / "backends"

    @property
    def stub(self) -> Path:
        """The binary that runs one Python model."""
        return self.backends / "python" / "triton_python_backend_stub"

    @property
    def environment(self) -> Path:
        """The models' virtual environment."""
        return self.root / "env"

    @property
    def interpreter(self) -> Path:
        """The models' Python."""
        return self.environment / "bin" / "python"

    @property
    def packages(self) -> Path:
        """Where the models' packages are."""
        return self.environment / "lib" / f"python{self.python}" / "site-packages"


def install(layout: Layout, python: Python, progress: Progress) -> None:
    """Fill the layout's folder; needs the network."""
    progress(f"making the models' environment with {python.path} (Python {python.name})")
    _make_environment(layout, python)
    progress("installing Triton, a download of about 55 MB")
    target = ["--no-deps", "--target", str(layout.wheel)]
    _pip(layout, [*target, "-r", str(TRITON_LOCK)], progress)
    progress("installing what the models import (numpy, onnxruntime, scikit-learn), about 90 MB")
    _pip(layout, ["--no-deps", "-r", str(MODELS_LOCK)], progress)
    _place_stub(layout, python)
    _check(layout)


def download_line(line: str) -> str | None:
    """Turn a line of pip's into one for people; None if it is not about a big download."""
    if not (found := _DOWNLOADING.search(line)):
        return None
    name, version, size = found.groups()
    return f"downloading {name} {version}, {size}"


def pip_error(output: str) -> ProvisionError:
    """Say why pip failed."""
    lines = [line for line in output.splitlines() if line.strip()]
    tail = "\n".join(f"  {line}" for line in lines[-5:])
    if _NO_NETWORK.search(output):
        return ProvisionError(
            f"The package index cannot be reached, or lacks the package:\n{tail}",
            "Connect once (later starts need no network), or set PIP_INDEX_URL or PIP_PROXY.",
        )
    if "DO NOT MATCH THE HASHES" in output:
        return ProvisionError(
            f"A package is not the one that was locked:\n{tail}",
            "Use another package index: this one changed the file.",
        )
    if "No space left on device" in output:
        return ProvisionError("The disk is full.", "Free 600 MB, or set XDG_CACHE_HOME elsewhere.")
    return ProvisionError(f"pip failed:\n{tail}", "Fix the cause above and run again.")


def _make_environment(layout: Layout, python: Python) -> None:
    command = [str(python.path), "-I", "-m", "venv", str(layout.environment)]
    made = subprocess.run(command, capture_output=True, text=True, check=False)
    if made.returncode:
        raise ProvisionError(
            f"{python.path} cannot make an environment: {(made.stdout + made.stderr).strip()}",
            f"Install its venv module, for instance: apt-get install python{python.name}-venv",
        )


def _pip(layout: Layout, arguments: list[str], progress: Progress) -> None:
    pip = [str(layout.interpreter), "-I", "-m", "pip", "install", "--require-hashes"]
    options = ["--only-binary=:all:", "--no-input", "--progress-bar=off", "--no-warn-script-location"]
    environment = inherited_variables() | {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PYTHONUNBUFFERED": "1"}
    lines: list[str] = []
    with subprocess.Popen(
        [*pip, *options, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment,
    ) as process:
        for line in process.stdout or ():
            lines.append(line)
            if shown := download_line(line):
                progress(shown)
    if process.returncode:
        raise pip_error("".join(lines))


def _place_stub(layout: Layout, python: Python) -> None:
    stub = layout.triton / "python_backend_stubs" / python.name / layout.stub.name
    if not stub.exists() or python.library is None:
        raise ProvisionError(f"The wheel has no stub for Python {python.name}.", "Use Python 3.12.")
    shutil.copy2(stub, layout.stub)
    # The stub's RPATH is this folder; a library from elsewhere may not fit the standard library.
    (layout.libraries / f"libpython{python.name}.so.1.0").symlink_to(python.library)


def _check(layout: Layout) -> None:
    binaries = (layout.server, layout.stub)
    check_libraries(binaries, [_loader_trace(path) for path in binaries])


def _loader_trace(binary: Path) -> str:
    environment = {"LD_TRACE_LOADED_OBJECTS": "1"}
    with tempfile.TemporaryFile("w+") as output:
        subprocess.run([str(binary)], env=environment, stdout=output, stderr=output, check=False)
        output.seek(0)
        return output.read()
