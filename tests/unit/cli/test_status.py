"""`fourplane status`: what people and scripts read."""

import json

import pytest
from cli_folders import run

from fourplane_worker.store import locks
from fourplane_worker.store.layout import StateFolder

OFFER = {"epoch": 1, "sequence": 2, "digest": "sha256:" + "a" * 64}
PROCESS = {
    "index": 0,
    "pid": 7,
    "listening": True,
    "serving": OFFER,
    "rejected": None,
    "restarts": 0,
    "failure": "",
}
READY = {
    "version": 1,
    "state": "Ready",
    "ready": True,
    "runtime": "default/demo",
    "pid": 6,
    "started": "2026-01-01T00:00:00+00:00",
    "listen": "127.0.0.1:8011",
    "metrics": "",
    "tls": False,
    "acknowledged": OFFER,
    "offered": OFFER,
    "propagationSeconds": 0.1,
    "routes": 3,
    "processes": [PROCESS],
    "pools": [],
    "rejected": [],
    "rates": {"requests_per_s": 0.0, "errors_per_s": 0.0, "p50_ms": None, "p99_ms": None, "window_s": 10.0},
}


def endpoint(address, failure="", **broken):
    found = [{"model": model, "problem": problem} for model, problem in broken.items()]
    return {"address": address, "up": not failure, "failure": failure, "broken": found}


POOL = {
    "name": "p",
    "state": "Degraded",
    "endpoints": [endpoint("a:1"), endpoint("b:1", "refused"), endpoint("c:1", m="input 'x' is missing", n="gone")],
}


@pytest.fixture
def show(tmp_path):
    """Return what makes a worker run that says something of itself, and shows it."""
    state = StateFolder(tmp_path / "state").create()

    def shown(*arguments, code, **said):
        state.status.write_text(json.dumps(READY | said))
        with locks.hold(state, "worker"):
            return run("status", "--state", state.root, *arguments, code=code).stdout

    return shown


def test_what_is_ready_is_told_shortly(show):
    lines = show(code=0).splitlines()
    assert lines[0] == "Ready  default/demo"
    assert "  revision   1.2, sha256:aaaaaaaaaaaa, 3 routes, taken in 0.1 s" in lines


def test_models_that_break_their_contract_are_named_below_their_engine(show):
    lines = show(state="Degraded", pools=[POOL], code=1).splitlines()
    begin = lines.index("  pool       p: Degraded")
    assert lines[begin + 1 :] == [
        "    a:1  up",
        "    b:1  down: refused",
        "    c:1  degraded",
        "      model m is not served from there: input 'x' is missing",
        "      model n is not served from there: gone",
    ]


def test_a_table_has_a_row_for_each_engine_and_each_broken_model(show):
    rows = [line.split("\t") for line in show("--output", "tsv", pools=[POOL], code=0).splitlines()]
    assert [row for row in rows if row[0] in ("endpoint", "contract")] == [
        ["endpoint", "p/a:1", "up", ""],
        ["endpoint", "p/b:1", "down", "refused"],
        ["endpoint", "p/c:1", "degraded", ""],
        ["contract", "p/c:1/m", "broken", "input 'x' is missing"],
        ["contract", "p/c:1/n", "broken", "gone"],
    ]


def test_where_no_worker_runs_that_is_said(tmp_path):
    assert "no worker runs here" in run("status", tmp_path, code=4).stderr
