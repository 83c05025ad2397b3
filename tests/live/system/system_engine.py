"""An engine that says what it was asked, and that holds calls until a test lets them go."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Self

import grpc
from tritonclient.grpc import service_pb2 as pb
from tritonclient.grpc import service_pb2_grpc

HELD = "held"
"""The model whose requests wait to be let go."""
ENDLESS = "endless"
"""The model that answers a stream's request again and again."""
BROKEN = "broken"
"""The model that fails."""
_OPTIONS = (
    ("grpc.so_reuseport", 0),
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    ("grpc.max_concurrent_streams", 2000),
)


class Engine(service_pb2_grpc.GRPCInferenceServiceServicer):
    """Answers each request with its own tensors, and with its name and the model's as parameters."""

    def __init__(self, name: str = "engine", threads: int = 40, host: str = "127.0.0.1", port: int = 0) -> None:
        """Listen; port 0 stands for a free one."""
        self.name = name
        self.metadata: list[dict[str, Any]] = []
        """Of each call, in the order in which they came."""
        self.requests: list[Any] = []
        self.left: list[float] = []
        """Seconds that each call had, as its deadline says."""
        self.given_up: list[str] = []
        """Models whose calls were cancelled, once for each call."""
        self.let_go = threading.Event()
        self.holding = threading.Semaphore(0)
        """Counts the calls that are held, or were."""
        self._server = grpc.server(ThreadPoolExecutor(threads), options=_OPTIONS)
        service_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(self, self._server)
        self.port = self._server.add_insecure_port(f"{host}:{port}")
        self.address = f"{host}:{self.port}"
        self._server.start()

    def __enter__(self) -> Self:
        """Use it."""
        return self

    def __exit__(self, *_: object) -> None:
        """Let everything go, and end."""
        self.let_go.set()
        self._server.stop(1).wait()

    def ModelInfer(self, request: Any, context: Any) -> Any:
        """Answer one request."""
        self._note(context)
        return self._answer(request, context)

    def ModelStreamInfer(self, requests: Any, context: Any) -> Any:
        """Answer each request once."""
        self._note(context)
        for request in requests:
            if request.model_name == ENDLESS:
                yield from self._endless(request, context)
            else:
                yield pb.ModelStreamInferResponse(infer_response=self._answer(request, context))

    def _endless(self, request: Any, context: Any) -> Any:
        try:
            while not self.let_go.wait(0.01):
                yield pb.ModelStreamInferResponse(infer_response=self._answer(request, context))
        finally:
            if not context.is_active():
                self.given_up.append(ENDLESS)

    def ModelMetadata(self, request: Any, context: Any) -> Any:
        """Refuse, as the worker asks for contracts."""
        context.abort(grpc.StatusCode.UNIMPLEMENTED, "this engine has no metadata")

    ModelConfig = ServerMetadata = ModelMetadata

    def _note(self, context: Any) -> None:
        self.metadata.append(dict(context.invocation_metadata()))
        self.left.append(context.time_remaining() or 0.0)

    def _answer(self, request: Any, context: Any) -> Any:
        self.requests.append(request)
        if request.model_name == HELD:
            self.holding.release()
            while context.is_active() and not self.let_go.wait(0.05):
                pass
            if not context.is_active():
                self.given_up.append(HELD)
        if request.model_name == BROKEN:
            context.abort(grpc.StatusCode.INTERNAL, "the model failed")
        answer = pb.ModelInferResponse(model_name=request.model_name, model_version="1", id=request.id)
        answer.parameters["engine"].string_param = self.name
        answer.parameters["model"].string_param = request.model_name
        for tensor in request.inputs:
            answer.outputs.add(name=tensor.name, datatype=tensor.datatype, shape=tensor.shape)
        answer.raw_output_contents.extend(request.raw_input_contents)
        return answer
