"""Run the fuzzers, or replay inputs: `make fuzz` calls this.

python -m fuzz.run [--seconds 60] [--keep] [TARGET ...]     fuzz each target for its share of the time
python -m fuzz.run --replay FILE [FILE ...]     check what was found; a file's name begins with its target
"""

import argparse
import importlib
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).parent
FOUND = HERE.parent / ".build" / "fuzz"
TARGETS = ("core", "blocks", "differential")
MOST_BYTES = 4096


def fuzz(target: str, corpus: str, *options: str) -> None:
    """Fuzz in this process, which libFuzzer ends."""
    import atheris  # noqa: PLC0415 -- only this process needs it

    with atheris.instrument_imports(include=["fourplane_http2"]):
        check = importlib.import_module(f"fuzz.{target}").check
    from fuzz import mutate  # noqa: PLC0415 -- after what is instrumented

    change = mutate.mutate_blocks if target == "blocks" else mutate.mutate_case
    atheris.Setup(
        [sys.argv[0], *options, corpus],
        check,
        custom_mutator=lambda data, most, seed: change(data, most, seed, atheris.Mutate),
    )
    atheris.Fuzz()


def kept(target: str) -> Path:
    """Return the file that holds a target's corpus, an input a line."""
    return HERE / "corpus" / f"{target}.hex"


def run(target: str, seconds: int, keep: bool) -> bool:
    """Fuzz one target in a process of its own; say whether nothing was found."""
    FOUND.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as corpus:
        for place, data in enumerate(read(target)):
            (Path(corpus) / f"{place:05}").write_bytes(data)
        options = [f"-max_total_time={seconds}", f"-max_len={MOST_BYTES}", "-timeout=30", "-print_final_stats=1"]
        child = [sys.executable, "-m", "fuzz.run", "--child", target, corpus]
        done = subprocess.run([*child, *options, f"-artifact_prefix={FOUND}/{target}-"], check=False)
        if keep and not done.returncode:
            least = reduce(target, [path.read_bytes() for path in Path(corpus).iterdir()])
            kept(target).parent.mkdir(exist_ok=True)
            kept(target).write_text("".join(f"{data.hex()}\n" for data in least))
            print(f"{target}: {len(least)} inputs kept")
    return not done.returncode


def read(target: str) -> list[bytes]:
    """Return a target's corpus."""
    return [bytes.fromhex(line) for line in kept(target).read_text().split()] if kept(target).exists() else []


def reduce(target: str, inputs: list[bytes]) -> list[bytes]:
    """Return the shortest inputs that together go every way from line to line that all of them go."""
    check = importlib.import_module(f"fuzz.{target}").check
    seen: set[tuple[str, int, int]] = set()
    result = []
    for data in sorted(inputs, key=lambda data: (len(data), data)):
        ways = trace(lambda data=data: check(data))
        if target == "differential":
            used: set[str] = set()
            check(data, used=used)
            ways |= {(name, 0, 0) for name in used}
        if ways - seen:
            seen |= ways
            result.append(data)
    return result


def trace(do: Callable[[], None]) -> set[tuple[str, int, int]]:
    """Return the ways from line to line that a call goes in the package under test."""
    ways = set()
    last: dict[int, int] = {}

    def note(frame, event, _):
        if "fourplane_http2" not in frame.f_code.co_filename:
            return None
        ways.add((frame.f_code.co_qualname, last.get(id(frame), 0), frame.f_lineno))
        last[id(frame)] = frame.f_lineno
        if event == "return":
            del last[id(frame)]
        return note

    sys.settrace(note)
    try:
        do()
    finally:
        sys.settrace(None)
    return ways


def replay(files: list[str]) -> None:
    """Check inputs that were found."""
    for name in files:
        print(name)
        target = Path(name).name.split("-")[0]
        importlib.import_module(f"fuzz.{target}").check(Path(name).read_bytes())


def main() -> int:
    """Do what the command line says."""
    if sys.argv[1:2] == ["--child"]:
        target, corpus, *options = sys.argv[2:]
        fuzz(target, corpus, *options)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=60, help="how long in all")
    parser.add_argument("--keep", action="store_true", help="put what reached new code into fuzz/corpus")
    parser.add_argument("--replay", action="store_true", help="check files instead")
    parser.add_argument("what", nargs="*", default=list(TARGETS), help=f"targets ({', '.join(TARGETS)}), or files")
    options = parser.parse_args()
    if options.replay:
        replay(options.what)
        return 0
    share = max(options.seconds // len(options.what), 1)
    clean = [run(target, share, options.keep) for target in options.what]
    if not all(clean):
        print(f"found something: see {FOUND}, then `python -m fuzz.run --replay FILE`", file=sys.stderr)
    return 0 if all(clean) else 1


if __name__ == "__main__":
    sys.exit(main())
