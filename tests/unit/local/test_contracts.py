"""Contracts: what is declared, against what an engine reports."""

import logging

import grpc
import pytest
from local_building import a_model, a_planner, a_pool, connected

from fourplane_core.control.snapshot import DataType, Tensor
from fourplane_wire.inference import ReportedModel, ReportedTensor
from fourplane_worker.local.checks import ContractChecks
from fourplane_worker.local.contracts import mismatches


def tensor(name="x", datatype="INT32", *shape):
    return Tensor(name=name, datatype=DataType(datatype), shape=shape)


def reported(name="x", datatype="INT32", *shape, optional=False):
    return ReportedTensor(name=name, datatype=datatype, shape=shape, optional=optional)


def compare(declared=(), found=(), *, side="inputs", decoupled=(False, False)):
    sides = {"inputs": (), "outputs": ()} | {side: found}
    return mismatches(
        a_model(decoupled=decoupled[0], **{side: declared}), ReportedModel(decoupled=decoupled[1], **sides)
    )


@pytest.mark.parametrize("side", ["inputs", "outputs"])
def test_what_is_not_declared_is_not_compared(side):
    assert compare((), (reported("x", "FP32", 7),), side=side) == ()


@pytest.mark.parametrize(
    ("side", "declared", "found", "agree"),
    [
        ("inputs", (-1, 4), (-1, 4), True),
        ("inputs", (8, 4), (-1, 4), True),  # callers send less than the engine takes
        ("inputs", (-1, 4), (8, 4), False),  # callers may send what the engine refuses
        ("inputs", (4,), (5,), False),
        ("inputs", (4,), (4, 1), False),
        ("inputs", (), (), True),
        ("outputs", (-1, 4), (8, 4), True),  # the engine gives less than callers expect
        ("outputs", (8, 4), (-1, 4), True),  # the engine doesn't say
        ("outputs", (4,), (5,), False),
        ("outputs", (4,), (), False),
    ],
)
def test_extents_agree_where_what_is_sent_is_what_is_taken(side, declared, found, agree):
    wrong = compare((tensor("x", "INT32", *declared),), (reported("x", "INT32", *found),), side=side)
    assert bool(wrong) != agree


def test_a_difference_is_told_in_words():
    assert compare((tensor("x", "INT32", -1, 4),), (reported("x", "FP32", -1, 4),)) == (
        "input 'x' is declared as INT32 [-1, 4], and the engine's is FP32 [-1, 4]",
    )
    assert compare((tensor("y"),), (), side="outputs") == (
        "output 'y' is declared, and the engine's model has none of that name",
    )
    assert compare(decoupled=(False, True)) == ("it is declared as not decoupled, and the engine's is decoupled",)


def test_an_input_that_the_engine_requires_must_be_declared_and_an_optional_one_need_not_be():
    declared = (tensor("x"),)
    assert compare(declared, (reported("x"), reported("z"))) == (
        "the engine's model requires input 'z', which is not declared",
    )
    assert compare(declared, (reported("x"), reported("z", optional=True))) == ()
    assert compare(declared, (reported("x"), reported("z")), side="outputs") == ()


def findings(worker):
    """Return what was found, by pool, endpoint and engine model."""
    return {
        (pool.name, endpoint.address, model): found
        for pool in worker.front.pools.values()
        for endpoint in pool.endpoints.values()
        for model, found in endpoint.broken.items()
    }


@pytest.fixture
async def checks(worker, engines):
    """Return checks that look only when told to, over two engines of which one breaks the contract."""
    for engine in engines:
        engine.serves("inner")
    model = a_model(inputs=(tensor("x", "INT32", -1, 4),), outputs=(tensor("y", "FP32", -1),))
    engines[1].serves("inner", decoupled=True)
    worker.front.activate(a_planner(a_pool("pool", *(engine.path for engine in engines), models=(model,))))
    await connected(worker, 2)
    return ContractChecks(worker.front)


async def test_each_engine_is_checked_once_and_what_is_wrong_is_kept_and_logged_once(worker, engines, checks, caplog):
    caplog.set_level(logging.INFO)
    await checks.look()
    await checks.look()
    text = "it is declared as not decoupled, and the engine's is decoupled"
    assert findings(worker) == {("pool", engines[1].path, "inner"): text}
    assert [(record.endpoint, record.reason) for record in caplog.records if record.levelno == logging.WARNING] == [
        (engines[1].path, text)
    ]
    assert sum(method == "ModelConfig" for method, _, _ in engines[0].asked) <= 2  # the worker's own checks, and these


async def test_a_model_that_an_engine_lacks_is_found_and_forgotten_once_it_is_there(worker, engines, checks):
    engines[0].answers["ModelMetadata"] = grpc.StatusCode.NOT_FOUND, "Request for unknown model: 'inner' is not found"
    await checks.look()
    key = "pool", engines[0].path, "inner"
    assert findings(worker)[key].startswith("the engine does not serve it: Request for unknown model")
    engines[0].serves("inner")
    checks._done.clear()
    await checks.look()
    assert key not in findings(worker)


@pytest.mark.parametrize("lacking", ["ModelConfig", "ModelMetadata"])
async def test_an_engine_that_lacks_a_method_is_judged_by_the_others(worker, engines, checks, lacking):
    engines[1].answers[lacking] = grpc.StatusCode.UNIMPLEMENTED, "no such method"
    checks._done.clear()
    await checks.look()
    assert findings(worker) == {}


async def test_an_engine_that_cannot_be_asked_is_no_finding(worker, engines, checks):
    checks._done.clear()
    await engines[0].stop()
    await checks.look()
    assert ("pool", engines[0].path, "inner") not in findings(worker)


async def test_what_is_gone_from_the_snapshot_is_forgotten(worker, engines, checks):
    await checks.look()
    assert findings(worker)
    worker.front.activate(a_planner(a_pool("pool", engines[0].path)))
    await checks.look()
    assert not findings(worker)


async def test_another_declaration_is_checked_anew(worker, engines, checks):
    await checks.look()
    model = a_model(decoupled=True)
    worker.front.activate(a_planner(a_pool("pool", *(engine.path for engine in engines), models=(model,))))
    await checks.look()
    assert set(findings(worker)) == {("pool", engines[0].path, "inner")}
