"""An engine that says what a test has it say, on a Unix socket."""

import asyncio

import grpc
import grpc.aio

from inference import grpc_service_pb2 as pb
from inference import model_config_pb2 as config_pb


class FakeEngine:
    """Answers each method from a table: a message, an error (code, text), or "hang"."""

    def __init__(self, path):
        self.path = str(path)
        self.answers = {}
        self.asked = []
        self.cancelled = 0
        self._server = None

    async def start(self):
        self._server = grpc.aio.server()
        self._server.add_generic_rpc_handlers((self,))
        self._server.add_insecure_port(f"unix:{self.path}")
        await self._server.start()

    async def stop(self):
        await self._server.stop(0)

    def service(self, details):
        method = details.method.rpartition("/")[2]

        async def answer(request, context):
            self.asked.append((method, request, dict(context.invocation_metadata())))
            said = self.answers.get(method, (grpc.StatusCode.UNIMPLEMENTED, "not scripted"))
            if said == "hang":
                try:
                    await asyncio.sleep(60)
                finally:
                    self.cancelled += 1
            if isinstance(said, tuple):
                await context.abort(*said)
            return said.SerializeToString()

        return grpc.unary_unary_rpc_method_handler(answer)

    def serves(self, name, *versions, decoupled=False):
        """Script a model with one input and one output."""
        self.answers |= {
            "ModelReady": pb.ModelReadyResponse(ready=True),
            "ModelMetadata": pb.ModelMetadataResponse(
                name=name,
                versions=versions or ("1",),
                platform="python",
                inputs=[{"name": "x", "datatype": "INT32", "shape": [-1, 4]}],
                outputs=[{"name": "y", "datatype": "FP32", "shape": [-1]}],
            ),
            "ModelConfig": pb.ModelConfigResponse(
                config=config_pb.ModelConfig(
                    name=name,
                    backend="python",
                    max_batch_size=8,
                    input=[{"name": "x", "data_type": "TYPE_INT32", "dims": [4]}],
                    model_transaction_policy={"decoupled": decoupled},
                )
            ),
            "RepositoryIndex": pb.RepositoryIndexResponse(
                models=[{"name": name, "version": version, "state": "READY"} for version in versions or ("1",)]
            ),
            "ModelStatistics": pb.ModelStatisticsResponse(
                model_stats=[
                    {
                        "name": name,
                        "version": version,
                        "last_inference": 10,
                        "inference_count": 4,
                        "execution_count": 2,
                        "inference_stats": {"success": {"count": 4, "ns": 400}, "fail": {}},
                        "batch_stats": [{"batch_size": 2, "compute_infer": {"count": 2, "ns": 20}}],
                        "memory_usage": [{"type": "GPU", "id": 0, "byte_size": 5}],
                        "response_stats": {"0": {"success": {"count": 1, "ns": 1}}},
                    }
                    for version in versions or ("1",)
                ]
            ),
        }
