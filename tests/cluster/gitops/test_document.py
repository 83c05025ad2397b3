"""The commands of docs/gitops.md, run in order from the root of a checkout."""

import re

from gitops_shell import sh
from recording import ROOT

COMMANDS = re.findall(r"```sh\n(.*?)```", (ROOT / "docs/gitops.md").read_text(), re.DOTALL)


def test_every_command_of_the_document_works(bench, at_cluster):
    assert len(COMMANDS) == 3
    for block in COMMANDS:
        done = sh(block, bench, at_cluster)
        assert (done.returncode, done.stderr) == (0, ""), block
    assert "no differences" in done.stdout
