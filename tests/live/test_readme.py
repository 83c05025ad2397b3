"""The README's commands, run in order in a checkout of their own, as a newcomer would, and what they should show."""

import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
PATIENCE_S = 600


@dataclass(frozen=True)
class Step:
    """One block of commands, and the lines that the block behind it promises."""

    commands: str
    promised: tuple[str, ...]


def steps(text: str) -> list[Step]:
    """Return the blocks of commands of a document."""
    found = re.findall(r"```(sh|text)\n(.*?)```", text, re.DOTALL)
    out: list[Step] = []
    for kind, body in found:
        if kind == "sh":
            out.append(Step(body, ()))
        else:
            lines = tuple(line for line in body.splitlines() if line.strip(" ."))
            out[-1] = Step(out[-1].commands, out[-1].promised + lines)
    return out


TOUR = README.partition("## A tour")[2]
SETUP = README.partition("## Two commands")[2].partition("## A tour")[0]


def shows(output: str, promised: str) -> bool:
    """Tell whether a line was printed; `...` stands for anything."""
    pattern = promised.replace("[", "[[]").replace("...", "*").replace("?", "[?]").strip()
    return any(fnmatchcase(line.strip(), pattern) for line in output.splitlines())


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy what is tracked or new, and nothing that was made."""
    folder = tmp_path_factory.mktemp("readme") / "fourplane"
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
    ).stdout
    for name in filter(None, listed.decode().split("\0")):
        source, target = ROOT / name, folder / name
        if source.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(source.read_bytes())
            target.chmod(source.stat().st_mode)
    author = {
        "GIT_AUTHOR_NAME": "a",
        "GIT_AUTHOR_EMAIL": "a@b",
        "GIT_COMMITTER_NAME": "a",
        "GIT_COMMITTER_EMAIL": "a@b",
    }
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "all"]):
        subprocess.run(["git", *command], cwd=folder, check=True, env={**os.environ, **author})
    return folder


@pytest.fixture(scope="module")
def quickstart(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Run the first of the two commands, up to the point where it waits for Ctrl-C; gives its output."""
    assert "make quickstart\n" in steps(SETUP)[0].commands
    log = tmp_path_factory.mktemp("output") / "quickstart.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            ["make", "quickstart"], cwd=checkout, stdout=output, stderr=output, start_new_session=True
        )
    try:
        deadline = time.monotonic() + PATIENCE_S
        while "Ctrl-C ends it" not in log.read_text():
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.2)
        yield log
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGINT)
        process.wait(60)


@pytest.mark.timeout(PATIENCE_S * 2)
def test_the_tour_shows_what_it_promises(checkout: Path, quickstart: Path) -> None:
    path = f"{checkout}/.venv-run/bin:{os.environ['PATH']}"
    for step in steps(TOUR):
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", step.commands],
            cwd=checkout,
            env={**os.environ, "PATH": path},
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        output = done.stdout + done.stderr
        print(f"$ {step.commands}{output}")
        assert done.returncode == 0, f"{step.commands}\n{output}"
        for line in step.promised:
            assert shows(output, line), f"{step.commands}\nshould show: {line}\n\n{output}"
    log = quickstart.read_text()
    assert "traffic triton/digits_v1: 90% -> 20%" in log
    assert "spec.backends[1].weight" in log


def test_the_documents_that_it_names_exist() -> None:
    names = re.findall(r"\]\(([^)#:]+)\)", README)
    assert names
    assert [name for name in names if not (ROOT / name).exists()] == []
