"""What is known of many routes at once: the repository's index, and statistics."""

import asyncio
import contextlib
from collections.abc import Iterable, Mapping
from typing import TypeAlias

from fourplane_core.control.plan import RoutePlans
from fourplane_core.outcomes import Code, Outcome
from fourplane_wire import inference as wire
from fourplane_wire.inference import IndexEntry
from fourplane_wire.inference_statistics import Shown, Statistics
from fourplane_wire.oip import MalformedError
from fourplane_worker.front.front import Front
from fourplane_worker.front.pools import Pool
from fourplane_worker.local.ask import Answer, Question, ask_each, patience
from fourplane_worker.local.errors import RefusedError
from fourplane_worker.local.routes import Candidate, Routes

Ready: TypeAlias = Mapping[str, frozenset[tuple[str, str]]]
"""Models and versions that are ready, by pool; a pool of which no engine answered is not there."""


class Catalog:
    """Answers that are put together from every engine of the pools concerned."""

    def __init__(self, front: Front, routes: Routes) -> None:
        """Take the front and its routes."""
        self._front = front
        self._routes = routes

    async def model_statistics(self, request: bytes, within_s: float) -> bytes:
        """Return what was counted for one route, or for all.

        There is one entry for each name and version that responses carry: the route's version, or else the engine's.
        It is the sum over all engines of the backends with weight, and counts whatever these did for other routes too.
        """
        name, version = wire.read_model_request(request)
        planner = self._routes.planner()
        if name:
            found = self._routes.find(planner, name, version)
            candidates = self._routes.some_candidates(planner, found)
        else:
            every = self._routes.all(planner)
            candidates = tuple(candidate for found in every for candidate in self._routes.candidates(found))
        statistics, failure = await self._gather(candidates, within_s, by_model=bool(name))
        if name and failure is not None:
            raise failure
        return statistics.report(_shown(candidate) for candidate in candidates)

    async def _gather(
        self, candidates: Iterable[Candidate], within_s: float, *, by_model: bool
    ) -> tuple[Statistics, RefusedError | None]:
        """Ask each engine once; where none answers, return why."""
        wanted = {
            (candidate.pool.name, candidate.backend.model if by_model else ""): candidate for candidate in candidates
        }
        questions = (
            (candidate.pool, self._question("ModelStatistics", wire.model_request(model, ""), within_s, candidate))
            for (_, model), candidate in wanted.items()
        )
        statistics = Statistics()
        failures: list[RefusedError] = []
        answered = False
        for pool, answers in await _ask_all(questions):
            for answer in answers:
                try:
                    statistics.take(pool.name, _good(answer))
                    answered = True
                except RefusedError as error:
                    failures.append(error)
                except MalformedError as error:
                    failures.append(RefusedError(Outcome.ENGINE_ERROR, f"the engine: {error}", code=Code.INTERNAL))
        if answered:
            return statistics, None
        said = (failure for failure in failures if failure.outcome is not Outcome.POOL_UNAVAILABLE)
        return statistics, next(said, None) or _unreachable(pool for pool, _ in wanted)

    async def repository_index(self, request: bytes, within_s: float) -> bytes:
        """List the routes: ready where an engine of a backend with weight says that it has the model ready."""
        repository, only_ready = wire.read_index_request(request)
        planner = self._routes.planner()
        if repository:
            raise RefusedError(
                Outcome.METHOD_NOT_SERVED, "'repository_name' specification is not supported", code=Code.UNIMPLEMENTED
            )
        every = tuple((found, self._routes.candidates(found)) for found in self._routes.all(planner))
        ready = await self._ready_models((candidate for _, candidates in every for candidate in candidates), within_s)
        entries = (_entry(found, candidates, ready) for found, candidates in every)
        return wire.repository_index(entry for entry in entries if not (only_ready and entry.reason))

    async def _ready_models(self, candidates: Iterable[Candidate], within_s: float) -> Ready:
        """Return what is ready in each pool, in any of its engines."""
        wanted = {candidate.pool.name: candidate for candidate in candidates}
        questions = (
            (candidate.pool, self._question("RepositoryIndex", wire.index_request(), within_s, candidate))
            for candidate in wanted.values()
        )
        ready: dict[str, frozenset[tuple[str, str]]] = {}
        for pool, answers in await _ask_all(questions):
            for answer in answers:
                with contextlib.suppress(RefusedError, MalformedError):
                    ready[pool.name] = ready.get(pool.name, frozenset()) | wire.read_index(_good(answer))
        return ready

    def _question(self, method: str, message: bytes, within_s: float, candidate: Candidate) -> Question:
        return Question(
            method=method,
            message=message,
            most_bytes=self._front.limits.max_response_bytes,
            within_s=patience(within_s),
            mask=(candidate.backend.model, candidate.route.model),
        )


async def _ask_all(questions: Iterable[tuple[Pool, Question]]) -> list[tuple[Pool, list[Answer]]]:
    """Ask every engine of each pool."""

    async def one(pool: Pool, question: Question) -> tuple[Pool, list[Answer]]:
        return pool, await ask_each(pool.endpoints.values(), question)

    return await asyncio.gather(*(one(pool, question) for pool, question in questions))


def _good(answer: Answer) -> bytes:
    if isinstance(answer, RefusedError):
        raise answer
    return answer


def _unreachable(pools: Iterable[str]) -> RefusedError:
    names = ", ".join(dict.fromkeys(pools))
    return RefusedError(
        Outcome.POOL_UNAVAILABLE, f"no endpoint of pool {names} can be reached now; `fourplane status` says why"
    )


def _shown(candidate: Candidate) -> Shown:
    route, backend = candidate.route, candidate.backend
    return Shown(
        name=route.model,
        version=route.version,
        pool=backend.pool,
        model=backend.model,
        model_version=backend.version,
    )


def _entry(found: RoutePlans, candidates: tuple[Candidate, ...], ready: Ready) -> IndexEntry:
    """Return a route's entry in the index."""
    route = found.route
    models = [(candidate, (candidate.backend.model, candidate.backend.version)) for candidate in candidates]
    if any(model in ready.get(candidate.pool.name, ()) for candidate, model in models):
        reason = ""
    elif candidates:
        reason = f"no engine of pool {candidates[0].pool.name} has it ready"
    else:
        reason = f"no backend of route {route.name} exists; see the route's conditions"
    return IndexEntry(name=route.model, version=route.version, reason=reason)
