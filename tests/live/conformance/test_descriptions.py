"""What the stock client learns about server and models: under public names, and otherwise as Triton says it."""

import numpy
import pytest
from conformance_catalog import PUBLIC
from conformance_twins import failure, given, renamed
from tritonclient.grpc import aio

LOADED = [public for public in PUBLIC if public != "ghost"]


def test_server_and_models_are_live_and_ready(twins):
    assert twins.proxied.is_server_live() and twins.proxied.is_server_ready()
    assert [public for public in LOADED if not twins.proxied.is_model_ready(public)] == []


@pytest.mark.parametrize("name", ["ghost", "nobody", "echo"])
def test_a_model_that_cannot_answer_is_not_ready(twins, name):
    assert twins.proxied.is_model_ready(name) is False


def test_the_server_is_known_as_triton_with_extensions_that_triton_has_too(twins):
    direct, proxied = twins.direct.get_server_metadata(), twins.proxied.get_server_metadata()
    assert proxied.name == direct.name == "triton"
    assert proxied.extensions and set(proxied.extensions) <= set(direct.extensions)


@pytest.mark.parametrize("public", LOADED)
def test_metadata_of_a_model_differ_in_the_name_alone(twins, public):
    expected = twins.direct.get_model_metadata(PUBLIC[public])
    expected.name = public
    assert twins.proxied.get_model_metadata(public) == expected


@pytest.mark.parametrize("public", LOADED)
def test_the_configuration_of_a_model_shows_tensors_and_no_inner_name(twins, public):
    direct, proxied = (
        twins.direct.get_model_config(PUBLIC[public]).config,
        twins.proxied.get_model_config(public).config,
    )
    assert proxied.name == public
    for field in ("input", "output", "max_batch_size", "model_transaction_policy"):
        assert getattr(proxied, field) == getattr(direct, field)
    assert proxied.WhichOneof("scheduling_choice") == direct.WhichOneof("scheduling_choice")
    del proxied.input[:], proxied.output[:]  # a tensor may have the name that its model has
    said = str(proxied)
    assert renamed(said, public) == said


def test_statistics_count_under_the_public_name(twins):
    def successes():
        found = twins.proxied.get_inference_statistics("mirror").model_stats
        assert [each.name for each in found] == ["mirror"]
        return found[0].inference_stats.success.count

    before = successes()
    twins.proxied.infer("mirror", [given("in_fp32", numpy.zeros(1, numpy.float32))])
    assert successes() == before + 1


def test_the_index_lists_public_names_alone(twins):
    names = {model.name for model in twins.proxied.get_model_repository_index().models}
    assert set(LOADED) <= names and not names & set(PUBLIC.values())


@pytest.mark.parametrize("ask", ["get_model_metadata", "get_model_config", "get_inference_statistics"])
def test_an_unknown_model_is_refused_in_tritons_words(twins, ask):
    direct = failure(lambda: getattr(twins.direct, ask)("nobody"))
    proxied = failure(lambda: getattr(twins.proxied, ask)("nobody"))
    assert proxied.message() == "Request for unknown model: 'nobody' is not found"
    # One model, one error: Triton says INVALID_ARGUMENT and other words where it is asked for statistics.
    assert proxied.status() == "StatusCode.NOT_FOUND"
    assert direct.status() == proxied.status() or ask == "get_inference_statistics"


async def test_the_aio_client_learns_the_same(worker):
    async with aio.InferenceServerClient(worker) as opened:
        assert await opened.is_server_live() and await opened.is_server_ready()
        assert await opened.is_model_ready("mirror")
        assert (await opened.get_model_metadata("mirror")).name == "mirror"
        assert (await opened.get_model_config("mirror")).config.name == "mirror"
        assert (await opened.get_server_metadata()).name == "triton"
