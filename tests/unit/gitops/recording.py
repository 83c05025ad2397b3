"""What each GitOps tool must say in each situation; run as a program it writes the health script's test data."""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import situations as of
from situations import Document

from fourplane_api.documents import dump

HERE = Path(__file__).resolve()
ROOT = HERE.parents[3]
HEALTH = ROOT / "gitops/argocd/resource_customizations/fourplane.dev/_"
FLUX = ROOT / "gitops/flux/kustomization.yaml"
HEAD = f"# Written by {HERE.relative_to(ROOT)} from what the operator computes.\n"

UNSEEN = "The operator has not looked at this generation yet"
SILENT = "The operator says nothing of this generation yet"


@dataclass(frozen=True)
class Case:
    """A situation and what is said of it."""

    make: Callable[[], Document]
    argocd: str
    flux: str
    kstatus: str
    told: str
    """The condition whose message Argo CD shows, or the message itself."""

    @property
    def name(self) -> str:
        return self.make.__name__.replace("_", "-")

    @property
    def path(self) -> Path:
        return HEALTH / f"testdata/{self.name}.yaml"

    @property
    def message(self) -> str:
        listed = self.make().get("status", {}).get("conditions", [])
        found = [one["message"] or one["reason"] for one in listed if one["type"] == self.told]
        return found[0] if found else self.told


def waits(make: Callable[[], Document], told: str = "Reconciling", **others: str) -> Case:
    return Case(make, **({"argocd": "Progressing", "flux": "InProgress", "kstatus": "InProgress"} | others), told=told)


def failed(make: Callable[[], Document]) -> Case:
    return Case(make, "Degraded", "Failed", "Failed", "Stalled")


def fine(make: Callable[[], Document]) -> Case:
    return Case(make, "Healthy", "Current", "Current", "Ready")


CASES = (
    waits(of.just_applied, UNSEEN),
    # Without conditions, kstatus takes anything for ready: why a definition fills one in.
    waits(of.no_conditions, SILENT, kstatus="Current"),
    waits(of.seen),
    fine(of.serving),
    fine(of.runtime_serving),
    waits(of.edited, UNSEEN),
    failed(of.broken_edit),
    failed(of.conflict),
    waits(of.waiting_for_pool),
    failed(of.pool_does_not_come),
    waits(of.no_workers),
    waits(of.worker_behind),
    failed(of.rejected),
    # The operator writes all generations at once: these two are what another writer might leave.
    waits(of.ready_of_older_generation, SILENT, kstatus="Current"),
    waits(of.stalled_of_older_generation, SILENT, kstatus="Failed"),
    fine(of.unknown_conditions),
    fine(of.conditions_without_generation),
)


def outputs() -> Mapping[Path, str]:
    """Return what each file must hold, in the layout of Argo CD's own repository."""
    tests = [
        {
            "healthStatus": {"status": case.argocd, "message": case.message},
            "inputPath": str(case.path.relative_to(HEALTH)),
        }
        for case in CASES
    ]
    data = {case.path: HEAD + dump(case.make()) for case in CASES}
    return data | {HEALTH / "health_test.yaml": HEAD + dump({"tests": tests})}


if __name__ == "__main__":
    for path, text in outputs().items():
        path.write_text(text)
