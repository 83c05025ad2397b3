"""Stream the counts of requests begun and given up."""

import threading
import time

import numpy
import triton_python_backend_utils as pb

PATIENCE_S = 15


class TritonPythonModel:
    """Every request answers with the counts; `wait` then stays until it is cancelled."""

    def initialize(self, args):
        """Begin at zero."""
        self._lock = threading.Lock()
        self._begun = self._cancelled = 0

    def execute(self, requests):
        """Start a thread for each request."""
        for request in requests:
            mode = pb.get_input_tensor_by_name(request, "mode").as_numpy()[0]
            sender = request.get_response_sender()
            threading.Thread(target=self._stream, args=(mode, sender), daemon=True).start()

    def _stream(self, mode, sender):
        if mode == b"wait":
            with self._lock:
                self._begun += 1
        sender.send(self._counts())
        if mode == b"wait":
            self._wait(sender)
        sender.send(flags=pb.TRITONSERVER_RESPONSE_COMPLETE_FINAL)

    def _wait(self, sender):
        give_up = time.monotonic() + PATIENCE_S
        while time.monotonic() < give_up:
            if sender.is_cancelled():
                with self._lock:
                    self._cancelled += 1
                return
            time.sleep(0.005)

    def _counts(self):
        return pb.InferenceResponse(
            [
                pb.Tensor("begun", numpy.array([self._begun], dtype=numpy.int32)),
                pb.Tensor("cancelled", numpy.array([self._cancelled], dtype=numpy.int32)),
            ]
        )
