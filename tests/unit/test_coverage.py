"""docs/coverage.yaml has every row of the reference architecture, and claims nothing that is not there."""

import ast
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
ROWS = yaml.safe_load((ROOT / "docs/coverage.yaml").read_text())["rows"]
REQUIRED = [
    line
    for line in (Path(__file__).parent / "data/reference_rows.txt").read_text().splitlines()
    if not line.startswith("#")
]

# Counted in the reference architecture by hand: a row lost from both files at once is still missed here.
SECTIONS = {
    "planes": 4,
    "matrix": 7 * 4,
    "contracts": (4 + 3 + 4 + 4 + 3) + 2 * 5,  # operations; what it carries and its invariant
    "separation": 8,
    "execution-modes": 8,
    "trace-fields": 5,
    "topologies": 4 + (6 + 6 + 5 + 5),
    "failure-domains": 8 * 3,
    "portability": 8,
    "checklist": 5 * 4,
}
COMPONENTS = {  # failure modes, telemetry items
    "request-boundary": (6, 7),
    "runtime-coordinator": (6, 7),
    "capability-router": (5, 6),
    "context-orchestrator": (6, 8),
    "context-provider": (6, 7),
    "model-adapter": (6, 7),
    "inference-runtime": (6, 8),
    "tool-broker": (6, 8),
    "memory-manager": (6, 8),
    "policy": (5, 7),
    "durable-workflow": (6, 7),
    "telemetry-pipeline": (5, 7),
    "human-review": (6, 7),
}


def complaints(rows: Iterable[Mapping[str, object]], required: Iterable[str], root: Path) -> list[str]:
    """Say everything that is wrong with the rows."""
    rows = list(rows)
    counts = Counter(str(row.get("id")) for row in rows)
    found = [f"{name}: given {count} times" for name, count in counts.items() if count > 1]
    found += [f"{name}: missing" for name in required if name not in counts]
    found += [f"{name}: not a row of the reference" for name in counts.keys() - set(required)]
    for row in rows:
        found += [f"{row.get('id')}: {text}" for text in _row_complaints(row, root)]
    return found


def _row_complaints(row: Mapping[str, object], root: Path) -> Iterable[str]:
    if row.keys() != {"id", "text", "owner", "test", "status"}:
        yield f"has the keys {sorted(row)}"
        return
    status, test, owner = row["status"], row["test"], row["owner"]
    if status not in {"absent", "partial", "done"}:
        yield f"unknown status {status!r}"
    if not row["text"] or not owner:
        yield "needs a text and an owner"
    if status == "done" and not test:
        yield "is done without a test"
    if status in {"partial", "done"} and not (root / str(owner)).exists():
        yield f"is {status}, and its owner {owner} does not exist"
    if test and not _test_exists(str(test), root):
        yield f"has a test that does not exist: {test}"


def _test_exists(node: str, root: Path) -> bool:
    path, *names = node.partition("[")[0].split("::")
    if not names or not names[-1].startswith("test") or not (root / path).is_file():
        return False
    body: list[ast.stmt] = ast.parse((root / path).read_text()).body
    for name in names:
        kinds = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
        match = [item for item in body if isinstance(item, kinds) and item.name == name]
        if not match:
            return False
        body = match[0].body
    return True


def test_the_table_is_complete_and_claims_nothing_false():
    assert complaints(ROWS, REQUIRED, ROOT) == []


def test_no_section_of_the_reference_lost_a_row():
    counted = Counter(name.split("/")[0] for name in REQUIRED)
    of_components = sum(1 + failures + telemetry for failures, telemetry in COMPONENTS.values())
    assert counted == SECTIONS | {"components": of_components}


@pytest.mark.parametrize("component", COMPONENTS)
def test_no_component_of_the_reference_lost_a_row(component):
    kinds = Counter(name.split("/")[2] for name in REQUIRED if name.startswith(f"components/{component}/"))
    assert (kinds["failure"], kinds["telemetry"]) == COMPONENTS[component]


def a_row(**changed):
    return {"id": "a", "text": "t", "owner": "tests", "test": None, "status": "absent"} | changed


@pytest.mark.parametrize(
    ("rows", "complaint"),
    [
        ([], "a: missing"),
        ([a_row(), a_row()], "a: given 2 times"),
        ([a_row(), a_row(id="b")], "b: not a row of the reference"),
        ([a_row(status="almost")], "a: unknown status 'almost'"),
        ([a_row(status="done")], "a: is done without a test"),
        ([a_row(status="partial", owner="no/such")], "a: is partial, and its owner no/such does not exist"),
        ([a_row(test="tests/unit/test_coverage.py::test_none")], "a: has a test that does not exist"),
        ([a_row(test="tests/unit/test_coverage.py")], "a: has a test that does not exist"),
        ([a_row(owner="")], "a: needs a text and an owner"),
        ([{"id": "a"}], "a: has the keys ['id']"),
    ],
)
def test_a_wrong_row_is_refused(rows, complaint):
    assert any(text.startswith(complaint) for text in complaints(rows, ["a"], ROOT))


def test_a_row_with_a_test_that_exists_is_fine():
    node = "tests/unit/test_coverage.py::test_a_wrong_row_is_refused[rows0-a: missing]"
    assert complaints([a_row(status="done", test=node)], ["a"], ROOT) == []
