"""Apply with kubectl, wait with kubectl, infer with a stock client through a worker and a real Triton, edit."""

import json

import numpy
import pytest
from conformance_calls import Peer
from conformance_calls import request as infer_request
from system_runtime import a_route, a_runtime
from tritonclient.grpc import InferenceServerClient, InferInput

pytestmark = pytest.mark.timeout(240)


def kubectl(site, *arguments, stdin=""):
    return site.cluster.kubectl_text(*arguments, f"--namespace={site.namespace}", stdin=stdin)


def apply(site, *documents):
    kubectl(site, "apply", "--filename=-", stdin="\n---\n".join(map(json.dumps, documents)))


def waits(site, *resources):
    kubectl(site, "wait", "--for=condition=Ready", "--timeout=60s", *resources)


def adds(address, model):
    """Infer as users do, with Triton's own client."""
    first, second = InferInput("a", [1, 4], "INT32"), InferInput("b", [1, 4], "INT32")
    first.set_data_from_numpy(numpy.array([[1, 2, 3, 4]], numpy.int32))
    second.set_data_from_numpy(numpy.array([[10, 20, 30, 40]], numpy.int32))
    with InferenceServerClient(address) as client:
        assert client.is_model_ready(model)
        return client.infer(model, [first, second]).as_numpy("sum").tolist()


def trailers(address, model):
    """Return what an answer says of where it comes from, which Triton's client does not show."""
    numbers = [(1, 4), numpy.arange(4, dtype=numpy.int32).tobytes()]
    with Peer(address) as peer:
        answer = peer.infer(infer_request(model, ("a", "INT32", *numbers), ("b", "INT32", *numbers)))
    assert answer.code == "OK", answer.message
    return answer.trailers


def test_what_kubectl_applies_answers_a_stock_client_and_an_edit_is_seen_in_its_answers(site, triton, start):
    start.operator(site)
    worker = start.worker(site, "shop-0")
    apply(site, a_runtime({"main": ([triton], ["add_sub", "echo"])}), a_route("adder", ("main", "add_sub")))
    waits(site, "runtimedeployment/shop", "modelroute/adder")
    assert adds(worker.address, "adder") == [[11, 22, 33, 44]]
    first = trailers(worker.address, "adder")
    assert first["x-fourplane-digest"] == site.active()["stable"]
    apply(site, a_route("adder", ("main", "add_sub"), deadline="7s"), a_route("again", ("main", "add_sub")))
    waits(site, "runtimedeployment/shop", "modelroute/adder", "modelroute/again")
    second = trailers(worker.address, "adder")
    assert second["x-fourplane-digest"] == site.active()["stable"] != first["x-fourplane-digest"]
    assert adds(worker.address, "again") == [[11, 22, 33, 44]]
    shown = kubectl(site, "get", "runtimedeployment", "shop")
    assert site.active()["stableShort"] in shown
    assert "1/1" in shown


def test_a_model_that_triton_does_not_have_does_not_hold_back_the_others(site, triton, start):
    start.operator(site)
    worker = start.worker(site, "shop-0")
    broken = a_route("broken", ("main", "no_such_model"))
    apply(site, a_runtime({"main": ([triton], ["add_sub"])}), broken, a_route("adder", ("main", "add_sub")))
    waits(site, "modelroute/adder")
    told = site.until("mroute", "broken", "ResolvedRefs", "False", "ModelNotFound")
    assert "spec.backends[0].model" in told["message"]
    assert adds(worker.address, "adder") == [[11, 22, 33, 44]]
