"""Looks whether engines keep their models' contracts: after each activation, and when an engine is reached anew."""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass

from fourplane_core.control.snapshot import Model, PoolName
from fourplane_core.outcomes import Code, Outcome
from fourplane_wire.inference import model_request, read_reported_model
from fourplane_wire.oip import MalformedError
from fourplane_worker.front.engines import EngineConnection
from fourplane_worker.front.front import Front
from fourplane_worker.front.pools import Endpoint
from fourplane_worker.local.ask import Question, ask_at
from fourplane_worker.local.contracts import mismatches
from fourplane_worker.local.errors import RefusedError

log = logging.getLogger(__name__)

_LOOK_EVERY_S = 1.0
_AGAIN_AFTER_FAULT_S = 10.0
"""A model that is missing or wrong may be loaded anew."""
_AGAIN_S = 300.0
"""A model may be replaced in a running engine, which says nothing of it."""
_AT_ONCE = 4
_WITHIN_S = 5.0
_MOST_BYTES = 1 << 22


@dataclass(frozen=True, slots=True)
class _Check:
    """What was checked, and when to check again."""

    engine: EngineConnection
    models: tuple[Model, ...]
    again_at: float


class ContractChecks:
    """The checks of one process; what they find stands in `Endpoint.broken`."""

    def __init__(self, front: Front) -> None:
        """Prepare; `start` begins to look."""
        self._front = front
        self._done: dict[tuple[PoolName, str], _Check] = {}
        self._gate = asyncio.Semaphore(_AT_ONCE)
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to look."""
        self._task = asyncio.get_running_loop().create_task(self._run())

    def stop(self) -> None:
        """Look no more."""
        if self._task is not None:
            self._task.cancel()

    async def _run(self) -> None:
        while True:
            try:
                await self.look()
            except Exception:
                log.exception("the check of contracts failed")
            await asyncio.sleep(_LOOK_EVERY_S)

    async def look(self) -> None:
        """Check every engine that was not checked as it is now, and forget what is gone."""
        serving = self._front.serving
        if serving is None:
            return
        there: dict[tuple[PoolName, str], tuple[Endpoint, tuple[Model, ...]]] = {}
        for pool in serving.planner.snapshot.pools:
            engines = self._front.pools.get(pool.name)
            for endpoint in engines.endpoints.values() if engines is not None else ():
                there[pool.name, endpoint.address] = endpoint, pool.models
        self._forget(there)
        due = [(key, *found) for key, found in there.items() if self._is_due(key, *found)]
        await asyncio.gather(*(self._engine(key, endpoint, models) for key, endpoint, models in due))

    def _forget(self, there: Mapping[tuple[PoolName, str], tuple[Endpoint, tuple[Model, ...]]]) -> None:
        for gone in self._done.keys() - there.keys():
            del self._done[gone]
        for endpoint, models in there.values():
            for name in endpoint.broken.keys() - {model.name for model in models}:
                del endpoint.broken[name]

    def _is_due(self, key: tuple[PoolName, str], endpoint: Endpoint, models: tuple[Model, ...]) -> bool:
        engine, before = endpoint.usable, self._done.get(key)
        if engine is None:
            return False
        if before is None or before.engine is not engine or before.models != models:
            return True
        return self._front.clock() >= before.again_at

    async def _engine(self, key: tuple[PoolName, str], endpoint: Endpoint, models: tuple[Model, ...]) -> None:
        """Check the models of one engine."""
        async with self._gate:
            engine = endpoint.usable
            if engine is None:
                return
            verdicts = [await self._model(key, endpoint, model) for model in models]
        after = _AGAIN_S if all(verdicts) else _AGAIN_AFTER_FAULT_S
        self._done[key] = _Check(engine, models, self._front.clock() + after)

    async def _model(self, key: tuple[PoolName, str], endpoint: Endpoint, model: Model) -> bool:
        """Check one model of one engine; tell whether it keeps its contract."""
        try:
            found = await _finding(endpoint, model)
        except RefusedError:
            return False  # the engine was not reached, which says nothing about its models
        self._note(endpoint, (*key, model.name), found)
        return not found

    def _note(self, endpoint: Endpoint, key: tuple[PoolName, str, str], found: str) -> None:
        """Keep what was found, and log it when it is new."""
        if found == endpoint.broken.get(key[2], ""):
            return
        about = dict(zip(("pool", "endpoint", "model"), key, strict=True))
        if found:
            endpoint.broken[key[2]] = found
            log.warning("an engine breaks a model's contract", extra=about | {"reason": found})
        else:
            del endpoint.broken[key[2]]
            log.info("an engine keeps a model's contract again", extra=about)


async def _finding(endpoint: Endpoint, model: Model) -> str:
    """Return how an engine breaks a model's contract; empty: it does not. Raise RefusedError where it did not say."""
    answers: list[bytes] = []  # an engine may lack the methods: those that Triton added to the protocol, at least
    for method in ("ModelMetadata", "ModelConfig"):
        message = model_request(model.name, "")
        answer = await ask_at(
            endpoint, Question(method=method, message=message, most_bytes=_MOST_BYTES, within_s=_WITHIN_S)
        )
        if isinstance(answer, RefusedError):
            if answer.code == Code.UNIMPLEMENTED:
                break
            if answer.outcome is Outcome.ENGINE_ERROR:
                return f"the engine does not serve it: {answer.message}"
            raise answer
        answers.append(answer)
    try:
        return "; ".join(mismatches(model, read_reported_model(*answers))) if answers else ""
    except MalformedError as error:
        return f"the engine does not describe it: {error}"
