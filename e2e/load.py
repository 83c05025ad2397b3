"""Callers that never give up: load.py URL; asks until its standard input ends, then prints one JSON object.

Each caller has a connection of its own and tries nothing twice: what fails has failed. As with every stock client, gRPC
itself sends again only what it had not sent yet when the server announced its end.
"""

import json
import sys
import threading
import time
from collections import Counter

import grpc
import numpy
from tritonclient.grpc import service_pb2, service_pb2_grpc

CALLERS = 8
PAUSE_S = 0.02
DEADLINE_S = 10


class Load:
    """Some callers, and what came of their calls."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self.answered: Counter[str] = Counter()
        """By digest of the snapshot."""
        self.failed: Counter[str] = Counter()
        """By status and message."""
        self.slowest_s = 0.0

    def run(self) -> None:
        """Call until the standard input ends."""
        threads = [threading.Thread(target=self._call) for _ in range(CALLERS)]
        for thread in threads:
            thread.start()
        sys.stdin.read()
        self._stop.set()
        for thread in threads:
            thread.join()

    def _call(self) -> None:
        pixels = numpy.zeros((1, 64), numpy.float32)
        tensor = service_pb2.ModelInferRequest.InferInputTensor(name="pixels", datatype="FP32", shape=[1, 64])
        request = service_pb2.ModelInferRequest(
            model_name="digits", inputs=[tensor], raw_input_contents=[pixels.tobytes()]
        )
        with grpc.insecure_channel(self._url, [("grpc.use_local_subchannel_pool", 1)]) as channel:
            stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)
            while not self._stop.wait(PAUSE_S):
                began = time.monotonic()
                try:
                    _, call = stub.ModelInfer.with_call(request, timeout=DEADLINE_S)
                except grpc.RpcError as error:
                    self._note(self.failed, f"{error.code().name}: {error.details()}", began)
                else:
                    digest = dict(call.trailing_metadata()).get("x-fourplane-digest", "")
                    self._note(self.answered, digest, began)

    def _note(self, counts: Counter[str], key: str, began: float) -> None:
        with self._lock:
            counts[key] += 1
            self.slowest_s = max(self.slowest_s, time.monotonic() - began)


if __name__ == "__main__":
    load = Load(sys.argv[1])
    load.run()
    print(json.dumps({"answered": load.answered, "failed": load.failed, "slowest_s": round(load.slowest_s, 3)}))
