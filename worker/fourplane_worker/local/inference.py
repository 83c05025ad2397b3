"""What the inference protocol says about the server and its models, per route and under public names."""

import asyncio
from collections.abc import Callable
from importlib import metadata

import grpc

from fourplane_core.control.plan import RoutePlans
from fourplane_core.outcomes import Code, Outcome
from fourplane_wire import inference as wire
from fourplane_wire.inference_config import rename_model_config
from fourplane_wire.oip import MalformedError
from fourplane_worker.front.front import Front
from fourplane_worker.local.ask import Question, ask, ask_at, patience
from fourplane_worker.local.catalog import Catalog
from fourplane_worker.local.errors import RefusedError, typed
from fourplane_worker.local.gate import Handler
from fourplane_worker.local.pulse import Pulse
from fourplane_worker.local.routes import Candidate, Routes

NAME = "triton"
"""What stock clients expect of a server with these extensions."""
EXTENSIONS = (
    "classification",
    "sequence",
    "schedule_policy",
    "model_configuration",
    "parameters",
    "statistics",
)
"""What passes through to an engine, or is answered here.

Not named: shared memory, trace and logging, which are refused; model_repository, of which only the index is served;
binary_tensor_data, which is about HTTP; sequence(string_id), which passes through, but not every engine has it.
"""


class Inference:
    """The descriptive methods of the inference protocol.

    Probes (ServerLive, ServerReady) are answered for everybody; the rest only where the runtime serves the caller.
    """

    def __init__(self, front: Front, pulse: Pulse) -> None:
        """Take the front, whose snapshot and pools answer."""
        self._front = front
        self._pulse = pulse
        self._routes = Routes(front)
        self._catalog = Catalog(front, self._routes)
        self._metadata = wire.server_metadata(NAME, metadata.version("fourplane"), EXTENSIONS)

    def handlers(self) -> dict[str, Handler]:
        """Return the service's methods."""
        methods = {
            "ServerLive": self.server_live,
            "ServerReady": self.server_ready,
            "ServerMetadata": self.server_metadata,
            "ModelReady": self.model_ready,
            "ModelMetadata": self.model_metadata,
            "ModelConfig": self.model_config,
            "ModelStatistics": self._catalog.model_statistics,
            "RepositoryIndex": self._catalog.repository_index,
        }
        return {
            name: grpc.unary_unary_rpc_method_handler(typed(self._front, method)) for name, method in methods.items()
        }

    async def server_live(self, _request: bytes, _within_s: float) -> bytes:
        """Say that the worker runs."""
        return wire.server_live(True)

    async def server_ready(self, _request: bytes, _within_s: float) -> bytes:
        """Say whether requests are served."""
        return wire.server_ready(self._pulse.ready)

    async def server_metadata(self, _request: bytes, _within_s: float) -> bytes:
        """Say what serves here; the version is this project's own."""
        self._routes.planner()
        return self._metadata

    async def model_ready(self, request: bytes, within_s: float) -> bytes:
        """Say whether an engine of a backend with weight is ready for the model; an unknown one isn't, as in Triton."""
        name, version = wire.read_model_request(request)
        planner = self._routes.planner()
        found = planner.routes.get((name, version))
        candidates = () if found is None else self._routes.candidates(found)
        asking = [
            asyncio.ensure_future(ask_at(endpoint, self._question("ModelReady", candidate, within_s)))
            for candidate in candidates
            for endpoint in tuple(candidate.pool.endpoints.values())
        ]
        try:
            for answered in asyncio.as_completed(asking):
                answer = await answered
                if isinstance(answer, bytes) and _ready(answer):
                    return wire.model_ready(True)
        finally:
            for task in asking:
                task.cancel()
        return wire.model_ready(False)

    async def model_metadata(self, request: bytes, within_s: float) -> bytes:
        """Describe a model as one of its engines does.

        Versions are those that callers can name; where the route declares none, the engine's.
        """
        version = wire.read_model_request(request)[1]

        def renamed(reply: bytes, found: RoutePlans) -> bytes:
            name = found.route.model
            declared = (version,) if version else self._routes.versions(self._routes.planner(), name)
            return wire.rename_model_metadata(reply, name, declared if found.route.version else ())

        return await self._describe("ModelMetadata", request, within_s, renamed)

    async def model_config(self, request: bytes, within_s: float) -> bytes:
        """Return a model's configuration as one of its engines has it, as far as callers may see it."""
        return await self._describe(
            "ModelConfig", request, within_s, lambda reply, found: rename_model_config(reply, found.route.model)
        )

    async def _describe(
        self, method: str, request: bytes, within_s: float, renamed: Callable[[bytes, RoutePlans], bytes]
    ) -> bytes:
        """Ask the backends with weight in their order, those first that can be reached now; the first answer counts."""
        clock = self._front.clock
        until = clock() + within_s
        planner = self._routes.planner()
        found = self._routes.find(planner, *wire.read_model_request(request))
        candidates = self._routes.some_candidates(planner, found)
        failure: RefusedError | None = None
        for candidate in sorted(candidates, key=lambda candidate: candidate.pool.pick() is None):
            try:
                reply = await ask(candidate.pool, self._question(method, candidate, until - clock()))
                return renamed(reply, found)
            except MalformedError as error:
                failure = failure or RefusedError(Outcome.ENGINE_ERROR, f"the engine: {error}", code=Code.INTERNAL)
            except RefusedError as error:
                failure = failure or error
        assert failure is not None
        raise failure

    def _question(self, method: str, candidate: Candidate, within_s: float) -> Question:
        backend = candidate.backend
        return Question(
            method=method,
            message=wire.model_request(backend.model, backend.version),
            most_bytes=self._front.limits.max_response_bytes,
            within_s=patience(within_s),
            mask=(backend.model, candidate.route.model),
        )


def _ready(answer: bytes) -> bool:
    try:
        return wire.read_model_ready(answer)
    except MalformedError:
        return False
