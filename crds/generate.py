"""Write the definitions and the API reference from the models: `make crds`."""

import sys
from pathlib import Path

from fourplane_api import crd, reference


def outputs(root: Path) -> dict[Path, str]:
    """Return what each generated file must hold."""
    definitions = {root / "crds" / definition.file: definition.text() for definition in crd.DEFINITIONS}
    return definitions | {root / "docs" / "api.md": reference.text()}


def main() -> None:
    """Write each file that differs, and name it."""
    for path, text in outputs(Path(__file__).resolve().parent.parent).items():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            sys.stdout.write(f"wrote {path}\n")


if __name__ == "__main__":
    main()
