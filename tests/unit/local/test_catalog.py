"""Index and statistics: put together from every engine."""

import grpc
import pytest
from local_building import a_backend, a_model, a_planner, a_pool, a_route, connected, failure_of

from inference import grpc_service_pb2 as pb


async def statistics(worker, name="", version=""):
    request = pb.ModelStatisticsRequest(name=name, version=version).SerializeToString()
    return pb.ModelStatisticsResponse.FromString(await worker.ask("ModelStatistics", request)).model_stats


async def index(worker, **about):
    request = pb.RepositoryIndexRequest(**about).SerializeToString()
    models = pb.RepositoryIndexResponse.FromString(await worker.ask("RepositoryIndex", request)).models
    return [(model.name, model.version, model.state, model.reason) for model in models]


@pytest.fixture
async def two(worker, engines):
    """Serve one pool from two engines."""
    for engine in engines:
        engine.serves("inner")
    worker.front.activate(
        a_planner(
            a_pool("pool", *(engine.path for engine in engines), models=(a_model(), a_model("absent"))),
            a_route("public"),
            a_route("pinned", a_backend(version="1"), version="8"),
            a_route("away", a_backend(model="absent")),
            a_route("lost", a_backend("nowhere")),
        )
    )
    await connected(worker, 2)
    return engines


async def test_what_the_engines_of_a_pool_counted_is_added_up(worker, two):
    (entry,) = await statistics(worker, "public")
    assert (entry.name, entry.version) == ("public", "1")
    assert (entry.last_inference, entry.inference_count, entry.execution_count) == (10, 8, 4)
    assert (entry.inference_stats.success.count, entry.inference_stats.success.ns) == (8, 800)
    assert entry.inference_stats.HasField("fail")
    assert [(batch.batch_size, batch.compute_infer.count) for batch in entry.batch_stats] == [(2, 4)]
    assert [(memory.type, memory.id, memory.byte_size) for memory in entry.memory_usage] == [("GPU", 0, 10)]
    assert entry.response_stats["0"].success.count == 2


async def test_a_route_with_a_version_is_counted_under_it(worker, two):
    assert [(entry.name, entry.version) for entry in await statistics(worker, "pinned", "8")] == [("pinned", "8")]


async def test_all_routes_are_counted_with_one_question_to_each_engine(worker, two):
    assert [(entry.name, entry.version) for entry in await statistics(worker)] == [("public", "1"), ("pinned", "8")]
    assert [sum(method == "ModelStatistics" for method, _, _ in engine.asked) for engine in two] == [1, 1]


async def test_an_engine_that_does_not_answer_keeps_nobody_elses_count(worker, two):
    two[0].answers["ModelStatistics"] = "hang"
    assert [entry.inference_count for entry in await statistics(worker, "public")] == [4]
    two[1].answers["ModelStatistics"] = grpc.StatusCode.INVALID_ARGUMENT, "requested model 'inner' is not available"
    request = pb.ModelStatisticsRequest(name="public").SerializeToString()
    code, message, _ = await failure_of(worker.ask("ModelStatistics", request))
    assert (code, message) in (
        ("DEADLINE_EXCEEDED", "no engine answered within 1600 ms"),
        ("INVALID_ARGUMENT", "requested model 'public' is not available"),
    )


async def test_a_model_that_two_backends_share_is_counted_once(worker, engines):
    engines[0].serves("inner", "1", "2")
    route = a_route("public", a_backend(), a_backend(version="1"))
    worker.front.activate(a_planner(a_pool("pool", engines[0].path), route))
    await connected(worker, 1)
    assert [(entry.version, entry.inference_count) for entry in await statistics(worker, "public")] == [
        ("1", 4),
        ("2", 4),
    ]


async def test_the_index_lists_routes_with_their_state(worker, two):
    assert await index(worker) == [
        ("public", "", "READY", ""),
        ("pinned", "8", "READY", ""),
        ("away", "", "UNAVAILABLE", "no engine of pool pool has it ready"),
        ("lost", "", "UNAVAILABLE", "no backend of route default/lost exists; see the route's conditions"),
    ]
    assert [entry[0] for entry in await index(worker, ready=True)] == ["public", "pinned"]


async def test_the_index_knows_no_repositories_as_in_triton(worker, two):
    request = pb.RepositoryIndexRequest(repository_name="main").SerializeToString()
    assert (await failure_of(worker.ask("RepositoryIndex", request)))[0] == "UNIMPLEMENTED"
