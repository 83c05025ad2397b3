"""What is said of models: under public names, from engines that can be reached."""

import asyncio
import logging
import socket

import grpc
import pytest
from local_building import a_backend, a_model, a_planner, a_pool, a_route, connected, failure_of

from fourplane_worker.local.ask import Question, ask
from fourplane_worker.local.errors import RefusedError
from inference import grpc_service_pb2 as pb

DESCRIBING = ("ModelMetadata", "ModelConfig", "ModelStatistics")
ASKING = (*DESCRIBING, "ModelReady")


def about(name, version=""):
    return pb.ModelMetadataRequest(name=name, version=version).SerializeToString()


@pytest.fixture
async def engine(engines, worker):
    """Serve the public model `public` from one engine that calls it `inner`."""
    engines[0].serves("inner")
    worker.front.activate(a_planner(a_pool("pool", engines[0].path), a_route()))
    return engines[0]


async def ready(worker, name, version=""):
    return pb.ModelReadyResponse.FromString(await worker.ask("ModelReady", about(name, version))).ready


async def test_metadata_and_configuration_come_under_the_public_name_alone(worker, engine):
    metadata = await worker.ask("ModelMetadata", about("public"))
    config = await worker.ask("ModelConfig", about("public"))
    assert pb.ModelMetadataResponse.FromString(metadata).name == "public"
    assert pb.ModelConfigResponse.FromString(config).config.name == "public"
    assert b"inner" not in metadata + config
    assert [pb.ModelMetadataRequest.FromString(request).name for _, request, _ in engine.asked[-2:]] == ["inner"] * 2


async def test_a_description_waits_for_an_engine_that_is_being_reached(worker, engine):
    assert worker.front.pools["pool"].pick() is None
    assert await worker.ask("ModelMetadata", about("public"))


async def test_versions_are_those_that_callers_can_name(worker, engines):
    engines[0].serves("inner", "3", "4")
    routes = [a_route("public", a_backend(version="3"), version=version) for version in ("9", "10")]
    worker.front.activate(a_planner(a_pool("pool", engines[0].path), *routes, a_route("free")))

    async def versions(name, version):
        return list(
            pb.ModelMetadataResponse.FromString(await worker.ask("ModelMetadata", about(name, version))).versions
        )

    assert await versions("public", "9") == ["9"]
    assert await versions("public", "") == ["9", "10"]
    assert await versions("free", "") == ["3", "4"]


@pytest.mark.parametrize("method", DESCRIBING)
async def test_an_unknown_model_is_not_found_with_the_planners_words(worker, engine, method):
    assert await failure_of(worker.ask(method, about("other"))) == (
        "NOT_FOUND",
        "Request for unknown model: 'other' is not found",
        "MODEL_NOT_FOUND",
    )
    assert (await failure_of(worker.ask(method, about("inner"))))[2] == "MODEL_NOT_FOUND"
    assert (await failure_of(worker.ask(method, about("public", "7"))))[2] == "MODEL_NOT_FOUND"


async def test_an_unknown_model_is_not_ready_as_in_triton(worker, engine):
    assert not await ready(worker, "other")


@pytest.mark.parametrize("method", [*ASKING, "RepositoryIndex", "ServerMetadata"])
async def test_a_caller_without_a_name_is_refused_where_the_runtime_serves_none(worker, engines, method):
    worker.front.activate(a_planner(a_pool("pool", engines[0].path), a_route(), anonymous=False))
    code, _, reason = await failure_of(worker.ask(method))
    assert (code, reason) == ("UNAUTHENTICATED", "CALLER_UNAUTHENTICATED")


@pytest.mark.parametrize("method", [*ASKING, "RepositoryIndex", "ServerMetadata"])
async def test_nothing_is_said_of_models_before_there_is_a_snapshot(worker, method):
    code, _, reason = await failure_of(worker.ask(method))
    assert (code, reason) == ("UNAVAILABLE", "SNAPSHOT_MISSING")


@pytest.mark.parametrize("method", ASKING)
async def test_a_request_that_is_no_message_is_malformed(worker, engine, method):
    code, _, reason = await failure_of(worker.ask(method, b"\xff"))
    assert (code, reason) == ("INVALID_ARGUMENT", "MESSAGE_MALFORMED")


@pytest.mark.parametrize("method", DESCRIBING)
async def test_an_answer_that_is_no_message_is_the_engines_error(worker, engine, method):
    engine.answers[method] = type("Broken", (), {"SerializeToString": lambda _self: b"\xff"})()
    await connected(worker)
    code, _, reason = await failure_of(worker.ask(method, about("public")))
    assert (code, reason) == ("INTERNAL", "ENGINE_ERROR")


@pytest.mark.parametrize("method", DESCRIBING)
async def test_a_pool_that_cannot_be_reached_is_named_and_its_endpoints_are_not(worker, folder, method):
    worker.front.activate(a_planner(a_pool("pool", str(folder / "nobody.sock")), a_route()))
    code, message, reason = await failure_of(worker.ask(method, about("public")))
    assert (code, reason) == ("UNAVAILABLE", "POOL_UNAVAILABLE")
    assert "pool pool" in message
    assert "nobody" not in message
    assert not await ready(worker, "public")


@pytest.mark.parametrize("method", DESCRIBING)
async def test_a_backend_that_does_not_exist_is_told_as_the_planner_does(worker, method):
    worker.front.activate(a_planner(a_route("public", a_backend("nowhere"))))
    code, message, reason = await failure_of(worker.ask(method, about("public")))
    assert (code, reason) == ("UNAVAILABLE", "BACKEND_UNRESOLVED")
    assert "does not exist" in message
    assert not await ready(worker, "public")


@pytest.mark.parametrize("method", DESCRIBING)
async def test_an_engines_error_keeps_its_status_and_loses_the_inner_name(worker, engine, method):
    engine.answers[method] = grpc.StatusCode.FAILED_PRECONDITION, "model 'inner' is not loaded"
    await connected(worker)
    assert await failure_of(worker.ask(method, about("public"))) == (
        "FAILED_PRECONDITION",
        "model 'public' is not loaded",
        "ENGINE_ERROR",
    )


async def test_backends_are_asked_in_their_order_and_the_next_one_where_one_fails(worker, engines):
    first, second = engines
    first.answers["ModelMetadata"] = grpc.StatusCode.UNAVAILABLE, "loading"
    second.serves("other")
    worker.front.activate(
        a_planner(
            a_pool("one", first.path),
            a_pool("two", second.path, models=(a_model("other"),)),
            a_route("public", a_backend("one", weight=0), a_backend("one", version="2"), a_backend("two", "other")),
        )
    )
    await connected(worker, 2)
    assert pb.ModelMetadataResponse.FromString(await worker.ask("ModelMetadata", about("public"))).name == "public"
    assert ("ModelMetadata", about("inner", "2")) in [asked[:2] for asked in first.asked]


async def test_a_model_is_ready_where_any_engine_of_a_backend_with_weight_is(worker, engines):
    first, second = engines
    first.answers["ModelReady"] = pb.ModelReadyResponse(ready=False)
    second.serves("inner")
    pools = a_pool("one", first.path), a_pool("two", second.path)
    worker.front.activate(a_planner(*pools, a_route("public", a_backend("one"), a_backend("two", weight=0))))
    await connected(worker, 2)
    assert not await ready(worker, "public")
    worker.front.activate(a_planner(*pools, a_route("public", a_backend("one"), a_backend("two"))))
    assert await ready(worker, "public")


async def test_one_ready_engine_is_enough_while_another_hangs(worker, engines):
    engines[0].answers["ModelReady"] = "hang"
    engines[1].serves("inner")
    worker.front.activate(a_planner(a_pool("pool", *(engine.path for engine in engines)), a_route()))
    await connected(worker, 2)
    assert await ready(worker, "public")
    await asyncio.sleep(0.1)
    assert engines[0].cancelled == 1


async def test_an_engine_that_hangs_is_cancelled_when_the_time_is_up(worker, engine):
    engine.answers["ModelMetadata"] = "hang"
    await connected(worker)
    code, _, reason = await failure_of(worker.ask("ModelMetadata", about("public")))
    assert (code, reason) == ("DEADLINE_EXCEEDED", "DEADLINE_EXCEEDED")
    await asyncio.sleep(0.1)
    assert engine.cancelled >= 1


async def test_an_engine_is_cancelled_when_the_caller_gives_up(worker, engine):
    engine.answers["ModelConfig"] = "hang"
    await connected(worker)
    before = worker.front.pools["pool"].endpoints[engine.path].in_flight
    call = asyncio.ensure_future(worker.ask("ModelConfig", about("public")))
    await asyncio.sleep(0.2)
    call.cancel()
    await asyncio.sleep(0.2)
    assert engine.cancelled >= 1
    assert worker.front.pools["pool"].endpoints[engine.path].in_flight <= before


async def test_a_caller_who_waits_for_a_connection_is_forgotten_when_it_gives_up(worker, folder):
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(folder / "silent.sock"))
        silent.listen()
        worker.front.activate(a_planner(a_pool("pool", str(folder / "silent.sock")), a_route()))
        pool = worker.front.pools["pool"]
        question = Question(method="ModelReady", message=b"", most_bytes=10, within_s=0.05)
        with pytest.raises(RefusedError, match="within 50 ms"):
            await ask(pool, question)
        assert not pool._waiting


async def test_an_answer_above_the_bound_is_refused(worker, engine):
    await connected(worker)
    question = Question(method="ModelMetadata", message=about("inner"), most_bytes=5, within_s=1)
    with pytest.raises(RefusedError, match="more than 5 bytes"):
        await ask(worker.front.pools["pool"], question)


async def test_a_large_answer_needs_and_gets_credit(worker, engine):
    engine.answers["ModelMetadata"] = pb.ModelMetadataResponse(platform="x" * 900_000)
    await connected(worker)
    answer = await worker.ask("ModelMetadata", about("public"))
    assert len(pb.ModelMetadataResponse.FromString(answer).platform) == 900_000


async def test_a_lost_engine_is_an_error_with_a_type(worker, engine, caplog):
    caplog.set_level(logging.CRITICAL)
    engine.answers["ModelMetadata"] = "hang"
    await connected(worker)
    call = asyncio.ensure_future(failure_of(worker.ask("ModelMetadata", about("public"))))
    await asyncio.sleep(0.2)
    await engine.stop()
    code, _, reason = await call
    assert code == "UNAVAILABLE"
    assert reason in ("ENGINE_LOST", "POOL_UNAVAILABLE", "ENGINE_ERROR")
