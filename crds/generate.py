"""Write the definitions and the API reference from the models: `make crds`."""

import sys
from pathlib import Path

from fourplane_api import crd, reference
from fourplane_api.documents import dump

KEPT = {"helm.sh/resource-policy": "keep"}
"""An uninstalled chart leaves the definitions: with them every resource of the kind would go."""


def outputs(root: Path) -> dict[Path, str]:
    """Return what each generated file must hold."""
    definitions = {root / "crds" / definition.file: definition.text() for definition in crd.DEFINITIONS}
    charted = {root / "charts/fourplane-crds/templates" / each.file: in_chart(each) for each in crd.DEFINITIONS}
    return definitions | charted | {root / "docs" / "api.md": reference.text()}


def in_chart(definition: crd.Definition) -> str:
    """Return a definition as the chart holds it."""
    header, newline, _ = definition.text().partition("\n")
    document = definition.document()
    document["metadata"]["annotations"] = KEPT
    return header + newline + dump(document)


def main() -> None:
    """Write each file that differs, and name it."""
    for path, text in outputs(Path(__file__).resolve().parent.parent).items():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            sys.stdout.write(f"wrote {path}\n")


if __name__ == "__main__":
    main()
