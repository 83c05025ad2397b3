import pytest

from fourplane_worker.engine.install import MODELS_LOCK, TRITON_LOCK, download_line, pip_error


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        (
            "  Downloading nvidia_pytriton-0.7.0-py3-none-manylinux_2_35_x86_64.whl (55.4 MB)",
            "downloading nvidia_pytriton 0.7.0, 55.4 MB",
        ),
        (
            "  Downloading https://index.example/a/b/numpy-1.26.4-cp311-cp311-linux.whl.metadata (18.3 MB)",
            "downloading numpy 1.26.4, 18.3 MB",
        ),
        ("  Downloading joblib-1.6.0-py3-none-any.whl (306 kB)", None),
        ("Collecting numpy==1.26.4", None),
    ],
)
def test_big_downloads_are_shown(line, shown):
    assert download_line(line) == shown


@pytest.mark.parametrize(
    ("output", "problem", "hint"),
    [
        ("WARNING: Retrying: NameResolutionError: x\nERROR: No matching", "cannot be reached", "Connect once"),
        ("ERROR: No version satisfies x (from versions: none)", "cannot be reached", "Connect once"),
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES", "not the one that was locked", "another package index"),
        ("ERROR: [Errno 28] No space left on device", "disk is full", "XDG_CACHE_HOME"),
        ("ERROR: something else", "something else", "run again"),
    ],
)
def test_a_failure_of_pip_is_explained(output, problem, hint):
    error = pip_error(output)
    assert problem in error.problem
    assert hint in error.hint


@pytest.mark.parametrize("lock", [TRITON_LOCK, MODELS_LOCK])
def test_the_locks_pin_by_hash_and_name_no_index(lock):
    text = lock.read_text()
    pins = [line for line in text.splitlines() if line and not line.startswith((" ", "#"))]
    assert pins and all("==" in pin and pin.endswith("\\") for pin in pins)
    assert text.count("--hash=sha256:") >= len(pins)
    assert "http" not in text
