"""What is committed is what the models say."""

import importlib.util
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]


def the_script():
    spec = importlib.util.spec_from_file_location("generate", ROOT / "crds/generate.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


OUTPUTS = the_script().outputs(ROOT)


@pytest.mark.parametrize("path", OUTPUTS, ids=lambda path: path.name)
def test_a_committed_file_is_what_the_models_generate(path):
    assert path.read_text(encoding="utf-8") == OUTPUTS[path], "run `make crds`"


def test_there_is_no_definition_that_no_model_generates():
    committed = {*(ROOT / "crds").glob("*.yaml"), *(ROOT / "charts/fourplane-crds/templates").iterdir()}
    assert committed == {path for path in OUTPUTS if path.suffix == ".yaml"}


def test_generating_twice_gives_the_same_bytes():
    assert the_script().outputs(ROOT) == OUTPUTS


def test_the_reference_names_every_field_of_the_definitions():
    reference = OUTPUTS[ROOT / "docs/api.md"]
    for path, text in OUTPUTS.items():
        if path.suffix == ".yaml":
            version = yaml.safe_load(text)["spec"]["versions"][0]
            for field in _fields(version["schema"]["openAPIV3Schema"]["properties"]["spec"], "spec"):
                assert f"| `{field}` |" in reference


def _fields(node, path):
    for name, child in node.get("properties", {}).items():
        yield f"{path}.{name}"
        yield from _fields(child, f"{path}.{name}")
    if "items" in node:
        yield from _fields(node["items"], f"{path}[]")
