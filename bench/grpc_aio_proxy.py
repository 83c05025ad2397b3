"""The yardstick: the same job done by a bare `grpc.aio` proxy that passes bytes and looks at nothing."""

import argparse
import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import uvloop

UNARY = "/inference.GRPCInferenceService/ModelInfer"
STREAM = "/inference.GRPCInferenceService/ModelStreamInfer"
UNBOUNDED = (("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1))


class Proxy(grpc.GenericRpcHandler):
    """Both inference methods, forwarded to one channel."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        """Make the two callables once."""
        unary = channel.unary_unary(UNARY)
        stream = channel.stream_stream(STREAM)

        async def infer(request: bytes, _context: Any) -> Any:
            return await unary(request)

        async def stream_infer(requests: AsyncIterator[bytes], _context: Any) -> AsyncIterator[Any]:
            async for answer in stream(requests):
                yield answer

        self._unary = grpc.unary_unary_rpc_method_handler(infer)
        self._stream = grpc.stream_stream_rpc_method_handler(stream_infer)

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        """Choose the handler by the method."""
        return self._stream if handler_call_details.method == STREAM else self._unary


async def main(port: int, upstream: str) -> None:
    """Serve until killed."""
    channel = grpc.aio.insecure_channel(upstream, options=UNBOUNDED)
    server = grpc.aio.server(options=UNBOUNDED)
    server.add_generic_rpc_handlers((Proxy(channel),))
    print(server.add_insecure_port(f"127.0.0.1:{port}"), flush=True)
    await server.start()
    await server.wait_for_termination()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--upstream", required=True)
    arguments = parser.parse_args()
    uvloop.install()
    asyncio.run(main(arguments.port, arguments.upstream))
