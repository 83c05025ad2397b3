"""The front against h2spec, and the documented table of the cases that it answers otherwise."""

import json
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "http2.md"
sys.path.append(str(ROOT / "bench"))
from proxies import worker  # noqa: E402 - the folder of the measurements is no package


def documented() -> set[tuple[str, str]]:
    """Return (section, case) of each row of the table in docs/http2.md."""
    rows = re.findall(r"^\| `([a-z0-9./]+)` \| (.+?) \|", DOCUMENT.read_text(), re.MULTILINE)
    return set(rows)


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> ET.Element:
    """Run h2spec's generic, http2 and hpack groups against a worker."""
    command = [str(ROOT / "tools" / "build.sh"), "--path", "h2spec"]
    program = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    assert Path(program).exists(), "run `make tools`"
    path = tmp_path_factory.mktemp("h2spec") / "report.xml"
    with worker(1) as proxy:
        subprocess.run(
            [program, "-h", "127.0.0.1", "-p", str(proxy.port), "-j", str(path), "generic", "http2", "hpack"],
            check=False,
            capture_output=True,
            timeout=120,
        )
    return ET.parse(path).getroot()


def test_every_case_passes_but_those_that_the_document_names(report: ET.Element) -> None:
    cases = report.findall(".//testcase")
    failed = {(case.get("package"), case.get("classname")) for case in cases if len(case)}
    assert len(cases) >= 145, json.dumps([case.attrib for case in cases])[:500]
    assert failed == documented()
