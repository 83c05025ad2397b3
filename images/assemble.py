"""Assemble images for tests, with no registry: images/assemble.py [fourplane] [triton]; prints "name<TAB>archive".

    localhost/fourplane:e2e   this Python, the locked packages, the project's wheel: operator and worker
    localhost/triton:e2e      this Python, Triton from its wheel, what the quickstart's models import

Users build images/Dockerfile. Layers are cached by what goes into them; the project's own is made each time.
"""

import hashlib
import json
import platform
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import python_files
from archive import SKIPPED, Layer, Tree, image, layer
from python_files import PACKAGES, USER

from fourplane_worker.engine import default_cache

ROOT = Path(__file__).resolve().parents[1]
LOCK = ROOT / "requirements-runtime.lock"
TRAINING = {
    "sklearn",
    "scipy",
    "scipy.libs",
    "skl2onnx",
    "onnx",
    "joblib",
    "ml_dtypes",
    "narwhals",
    "grpc",
    "pip",
    "setuptools",
}
"""Of the models' environment, what no model imports."""
NAMES = {"fourplane": "localhost/fourplane:e2e", "triton": "localhost/triton:e2e"}

_PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
_FOURPLANE = """#!/usr/local/bin/python3
from fourplane_cli.main import main
main()
"""
_TRITON = """#!/usr/local/bin/python3
import os, sys
root, given = "/opt/triton", sys.argv[1:]
if not any(each.startswith("--backend-directory") for each in given):
    given.append(f"--backend-directory={root}/pytriton/tritonserver/backends")
os.execv(f"{root}/pytriton/tritonserver/bin/tritonserver", ["tritonserver", *given])
"""


def main(names: list[str]) -> None:
    """Assemble what is named, or all."""
    recipes = {"fourplane": fourplane, "triton": triton}
    for name in names or recipes:
        cache = archive_of(name).parent
        cache.mkdir(parents=True, exist_ok=True)
        print(f"{name}\t{recipes[name](cache)}", flush=True)


def archive_of(name: str) -> Path:
    """Return where an image is when it was assembled."""
    return default_cache() / "images" / f"{name}.tar"


def fourplane(cache: Path) -> Path:
    """Assemble the image of operator and worker."""
    with tempfile.TemporaryDirectory(dir=cache) as folder:
        own = layer(Path(folder) / "own.tar", lambda tree: _fill_own(tree, Path(folder)))
        layers = (_python(cache), _packages(cache), own)
        return _image(cache, "fourplane", layers, "/usr/local/bin/fourplane")


def triton(cache: Path) -> Path:
    """Assemble the image of Triton, installing it first where it is not in the cache."""
    installed = models_python().parents[2]
    key = _key((installed / "installed.json").read_bytes(), Path(__file__).read_bytes())
    engine = _cached(cache, "triton", key, lambda tree: _fill_triton(tree, installed))
    return _image(cache, "triton", (_python(cache), engine), "/usr/local/bin/tritonserver")


def models_python() -> Path:
    """Return the Python of the installed Triton's models, which also trains them; install it where it is not there."""
    command = [sys.executable, "-m", "fourplane_worker.engine"]
    return Path(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip())


def _image(cache: Path, name: str, layers: tuple[Layer, ...], entrypoint: str) -> Path:
    settings = {
        "Entrypoint": [entrypoint],
        "User": f"{USER}:{USER}",
        "WorkingDir": "/",
        "Env": ["PATH=/usr/local/bin:/bin", "PYTHONUNBUFFERED=1", "SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt"],
    }
    return image(cache / f"{name}.tar", NAMES[name], layers, settings, platform.machine())


def _python(cache: Path) -> Layer:
    key = _key(sys.version.encode(), sys.base_prefix.encode(), Path(python_files.__file__).read_bytes())
    return _cached(cache, "python", key, python_files.fill)


def _packages(cache: Path) -> Layer:
    key = _key(LOCK.read_bytes(), sys.version.encode(), Path(python_files.__file__).read_bytes())
    return _cached(cache, "packages", key, _fill_packages)


def _fill_packages(tree: Tree) -> None:
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder)
        wheels = ["--only-binary=:all:", "--no-deps", "--require-hashes", "-r", str(LOCK)]
        subprocess.run([*_PIP, "install", "--target", str(target), *wheels], check=True)
        tree.copy(PACKAGES, target, SKIPPED | {"bin"})
        python_files.fill_libraries(tree, target.rglob("*.so"))


def _fill_own(tree: Tree, folder: Path) -> None:
    build = ["wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder), str(ROOT)]
    subprocess.run([*_PIP, *build], check=True, stdout=sys.stderr)
    (wheel,) = folder.glob("*.whl")
    unpacked = folder / "unpacked"
    zipfile.ZipFile(wheel).extractall(unpacked)
    subprocess.run([sys.executable, "-m", "compileall", "-q", str(unpacked)], check=True)
    tree.copy(PACKAGES, unpacked)
    tree.text("/usr/local/bin/fourplane", _FOURPLANE, 0o755)


def _fill_triton(tree: Tree, installed: Path) -> None:
    (packages,) = installed.glob("env/lib/python*/site-packages")
    wheel = installed / "triton"
    tree.copy("/opt/triton", wheel, {"python_backend_stubs", "caches"})
    tree.copy(PACKAGES, packages, SKIPPED | TRAINING)
    tree.text("/usr/local/bin/tritonserver", _TRITON, 0o755)
    shells = {name: Path(f"/bin/{name}").resolve() for name in ("sh", "bash")}  # Triton starts models through them
    for name, program in shells.items():
        tree.file(f"/bin/{name}", program)
    binaries = [
        path for path in (wheel / "pytriton").rglob("*") if path.is_file() and path.read_bytes()[:4] == b"\x7fELF"
    ]
    python_files.fill_libraries(tree, [*shells.values(), *binaries, *wheel.rglob("*.so*"), *packages.rglob("*.so")])


def _cached(cache: Path, name: str, key: str, fill: Callable[[Tree], None]) -> Layer:
    path = cache / f"layer-{name}-{key}.tar"
    if path.exists():
        return Layer.of(path)
    for older in cache.glob(f"layer-{name}-*.tar"):
        older.unlink()
    print(f"assembling the layer {name}", file=sys.stderr, flush=True)
    return layer(path, fill)


def _key(*parts: bytes) -> str:
    return hashlib.sha256(json.dumps([hashlib.sha256(part).hexdigest() for part in parts]).encode()).hexdigest()[:16]


if __name__ == "__main__":
    main(sys.argv[1:])
