"""The cluster that these tests run on: a node of our own, or the one of E2E_KUBECONFIG."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "e2e"), str(ROOT / "tests" / "cluster"), str(ROOT / "images")]
