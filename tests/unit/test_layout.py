"""The folders keep the promises that no linter checks."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def test_the_operator_folder_is_no_package():
    # With an __init__.py, `import operator` from the repository root would find it in place of the standard library's.
    assert not (ROOT / "operator/__init__.py").exists()


def test_every_dependency_says_what_it_is_for():
    told = re.findall(r"^\| `([^`]+)` \|", (ROOT / "docs/dependencies.md").read_text(), re.MULTILINE)
    wanted = list(PROJECT["project"]["dependencies"])
    for group in PROJECT["project"]["optional-dependencies"].values():
        wanted += group
    for group in PROJECT["dependency-groups"].values():
        wanted += group
    wanted += [module.parent.name for module in (ROOT / "tools").rglob("go.mod")]
    names = {re.split(r"[\[<>=~! ;]", requirement)[0] for requirement in wanted}
    debian = {"nginx", "nghttp2-client", "runc", "iptables", "containernetworking-plugins"}
    assert set(told) == names | debian


def test_a_node_is_of_the_version_of_its_control_plane():
    pins = {
        path.parent.parent.name: re.findall(r"k8s.io/kubernetes (v\S+)", path.read_text())
        for path in (ROOT / "tools").rglob("kubernetes/go.mod")
    }
    assert pins["node"] == pins["cluster"] != []


def test_lock_files_name_packages_and_hashes_but_no_addresses():
    for lock in [*ROOT.glob("requirements*.lock"), *ROOT.glob("worker/**/*.lock")]:
        text = lock.read_text()
        assert "://" not in text, lock.name
        assert len(re.findall(r"^\S+==\S+ ?.*\\$", text, re.MULTILINE)) == len(
            re.findall(r"^\S+==", text, re.MULTILINE)
        )


def test_what_runs_has_the_versions_that_were_tested():
    pins = {
        lock: dict(re.findall(r"^([\w.-]+)==(\S+)", (ROOT / lock).read_text(), re.MULTILINE))
        for lock in ("requirements.lock", "requirements-runtime.lock")
    }
    assert pins["requirements-runtime.lock"].items() <= pins["requirements.lock"].items()


def test_links_between_documents_lead_somewhere():
    pages = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/**/*.md"), ROOT / "tests/README.md"]
    for page in pages:
        prose = re.sub(r"^```.*?^```|`[^`\n]*`", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
        for target in re.findall(r"\[[^\]]*\](?:\(|: )<?([^)>\s]+)", prose):
            place, _, _ = target.partition("#")
            assert "://" in target or not place or (page.parent / place).exists(), f"{page.name}: {target}"
