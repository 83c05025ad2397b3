"""Folders of resources for tests of the command line."""

import json

import yaml
from click.testing import CliRunner

from fourplane_cli.main import main

API = "fourplane.dev/v1alpha1"

RUNTIME = """\
apiVersion: fourplane.dev/v1alpha1
kind: RuntimeDeployment
metadata:
  name: demo
spec:
  callers:
    anonymous: Allow
  pools:
    - name: p
      triton:
        endpoints: [triton:8001]
        models:
          - name: m
    - name: q
      triton:
        modelRepository: models
        models:
          - name: m
"""


def a_route(name="r", *, runtime="demo", model=None, backends=({"pool": "p", "model": "m"},), **spec):
    body = {"runtimeRef": {"name": runtime}, "model": {"name": model or name}, "backends": list(backends)} | spec
    document = {"apiVersion": API, "kind": "ModelRoute", "metadata": {"name": name}, "spec": body}
    return yaml.safe_dump(document, sort_keys=False)


def a_folder(root, files):
    """Write files (relative path: text) below a folder, and return it."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def run(*arguments, code=0):
    """Run a command, check its exit code, and return what it gave."""
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exit_code == code, (result.exit_code, result.output, result.exception)
    return result


def run_json(*arguments, code=0):
    return json.loads(run(*arguments, "--output", "json", code=code).stdout)
