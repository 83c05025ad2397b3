"""The files that a Python needs in an empty image: interpreter, standard library, the shared libraries of both."""

import subprocess
import sys
import sysconfig
from collections.abc import Iterable
from pathlib import Path

from archive import Tree

USER = 65532
VERSION = "{}.{}".format(*sys.version_info[:2])
LIBRARY = f"/usr/local/lib/python{VERSION}"
PACKAGES = f"{LIBRARY}/site-packages"

_STDLIB = Path(sysconfig.get_paths()["stdlib"])
_LEFT_OUT = {
    "site-packages",
    "dist-packages",
    "test",
    "tests",
    "idlelib",
    "tkinter",
    "turtledemo",
    "ensurepip",
    "lib2to3",
}
_SYSTEM = ("/lib/", "/lib64/", "/usr/lib/")
_CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")


def fill(tree: Tree) -> None:
    """Put this Python below /usr/local, and what every image has."""
    interpreter = Path(sys.executable).resolve()
    configurations = {path.name for path in _STDLIB.glob("config-*")}
    tree.file(f"/usr/local/bin/python{VERSION}", interpreter)
    tree.link("/usr/local/bin/python3", f"python{VERSION}")
    tree.copy(LIBRARY, _STDLIB, _LEFT_OUT | configurations)
    tree.folder(PACKAGES)
    fill_libraries(tree, [interpreter, *(_STDLIB / "lib-dynload").glob("*.so")])
    tree.file("/lib64/ld-linux-x86-64.so.2", Path("/lib64/ld-linux-x86-64.so.2"))
    tree.text("/etc/passwd", f"root:x:0:0:root:/:/sbin/nologin\nfourplane:x:{USER}:{USER}::/:/sbin/nologin\n")
    tree.text("/etc/group", f"root:x:0:\nfourplane:x:{USER}:\n")
    tree.text("/etc/nsswitch.conf", "hosts: files dns\n")
    if _CERTIFICATES.exists():
        tree.file(str(_CERTIFICATES), _CERTIFICATES)
    tree.folder("/tmp", 0o1777)


def fill_libraries(tree: Tree, binaries: Iterable[Path]) -> None:
    """Add the machine's shared libraries that these binaries are linked with, where every loader looks."""
    for library in sorted(_libraries(binaries)):
        tree.file(f"/lib/x86_64-linux-gnu/{library.name}", library)


def _libraries(binaries: Iterable[Path]) -> set[Path]:
    found: set[Path] = set()
    for binary in binaries:
        trace = subprocess.run(["ldd", str(binary)], check=False, capture_output=True, text=True).stdout
        for line in trace.splitlines():
            name, arrow, rest = line.strip().partition(" => ")
            path = Path(rest.partition(" (")[0])
            if arrow and (str(path).startswith(_SYSTEM) or name.startswith("libpython")) and path.exists():
                found.add(path)
    return found
