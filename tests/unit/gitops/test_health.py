"""Argo CD, Flux and kstatus on what the operator writes: each through the code that it runs itself."""

import json
from itertools import product
from pathlib import Path

import pytest
import yaml
from judges import ask
from recording import CASES, HEALTH, HERE, ROOT, outputs

import fourplane_api as api

FILES = [case.path for case in CASES]
SAME = {"Healthy": "Current", "Progressing": "InProgress", "Degraded": "Failed"}


def test_what_is_recorded_is_what_the_operator_computes():
    command = f".venv/bin/python {HERE.relative_to(ROOT)}"
    wanted = outputs()
    found = {path: path.read_text() for path in [*HEALTH.glob("testdata/*"), HEALTH / "health_test.yaml"]}
    assert found == wanted, f"run {command}"


def test_argo_cd_says_what_its_own_test_file_promises():
    promised = yaml.safe_load((HEALTH / "health_test.yaml").read_text())["tests"]
    said = ask("argocd", [HEALTH / one["inputPath"] for one in promised])
    assert said == [one["healthStatus"] for one in promised]


@pytest.mark.parametrize("tool", ["flux", "kstatus"])
def test_it_says_what_is_true_in_each_situation(tool):
    said = {case.name: one.get("status") for case, one in zip(CASES, ask(tool, FILES), strict=True)}
    assert said == {case.name: getattr(case, tool) for case in CASES}


def test_what_the_operator_writes_has_one_meaning_to_all_three():
    """A resource that the operator has seen, and whose status is its own."""
    hand_made = {"just-applied", "no-conditions", "ready-of-older-generation", "stalled-of-older-generation"}
    cases = [case for case in CASES if case.name not in hand_made]
    answers = [[one["status"] for one in ask(tool, [case.path for case in cases])] for tool in ("flux", "kstatus")]
    argocd = [SAME[one["status"]] for one in ask("argocd", [case.path for case in cases])]
    assert answers == [argocd, argocd]


def test_what_machines_write_is_healthy_without_a_status(tmp_path):
    files = []
    for kind in api.MACHINE_KINDS:
        files.append(tmp_path / f"{kind}.json")
        files[-1].write_text(json.dumps({"apiVersion": api.API_VERSION, "kind": kind, "metadata": {"name": "x"}}))
    assert [one["status"] for one in ask("argocd", files)] == ["Healthy"] * 4


def statuses():
    """Yield every status made of few parts, also those that no operator writes."""
    conditions = [None, *product(["Ready", "Reconciling", "Stalled", "Other"], ["True", "False"], [None, 1, 2])]
    for observed, first, second in product([None, 1, 2], conditions, conditions):
        if first and second and first[0] == second[0]:
            continue  # conditions are a map by type
        listed = [_condition(*one) for one in (first, second) if one]
        yield {"observedGeneration": observed, "conditions": listed} if observed else {"conditions": listed}


def _condition(kind, status, generation):
    of = {} if generation is None else {"observedGeneration": generation}
    return {"type": kind, "status": status} | of


def test_argo_cd_and_flux_agree_on_any_status_and_never_fail(tmp_path):
    files: list[Path] = []
    for number, status in enumerate(statuses()):
        metadata = {"name": "r", "generation": 2}
        document = {"apiVersion": api.API_VERSION, "kind": "ModelRoute", "metadata": metadata, "status": status}
        files.append(tmp_path / f"{number}.json")
        files[-1].write_text(json.dumps(document))
    assert len(files) > 1_000
    argocd, flux = ask("argocd", files), ask("flux", files)
    differing = [
        (path.read_text(), ours, theirs)
        for path, ours, theirs in zip(files, argocd, flux, strict=True)
        if SAME[ours["status"]] != theirs["status"]
    ]
    assert differing == []
