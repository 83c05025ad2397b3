"""What docs/gitops.md shows is what is tested."""

import re

from recording import CASES, FLUX, ROOT

PAGE = (ROOT / "docs/gitops.md").read_text()
HAND_MADE = {"no-conditions", "ready-of-older-generation", "stalled-of-older-generation"}


def test_the_expressions_are_those_of_the_kustomization():
    [shown] = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    assert shown in FLUX.read_text()


def test_the_table_says_what_the_tools_say():
    told = {tuple(re.split(r" *\| *", row)[2:5]) for row in re.findall(r"^\| (?:has|was|is) .*$", PAGE, re.MULTILINE)}
    assert told == {(case.argocd, case.flux, case.kstatus) for case in CASES if case.name not in HAND_MADE}
