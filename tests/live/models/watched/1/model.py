"""Count the requests that were given up while they ran."""

import time

import numpy
import triton_python_backend_utils as pb

PATIENCE_S = 15


class TritonPythonModel:
    """`wait` runs until it is cancelled; any mode answers with the counts so far."""

    def initialize(self, args):
        """Begin at zero."""
        self._begun = self._cancelled = 0

    def execute(self, requests):
        """Take one request after the other."""
        return [self._answer(request) for request in requests]

    def _answer(self, request):
        if pb.get_input_tensor_by_name(request, "mode").as_numpy()[0] == b"wait":
            self._begun += 1
            give_up = time.monotonic() + PATIENCE_S
            while time.monotonic() < give_up:
                if request.is_cancelled():
                    self._cancelled += 1
                    break
                time.sleep(0.005)
        return _counts(self._begun, self._cancelled)


def _counts(begun, cancelled):
    return pb.InferenceResponse(
        [
            pb.Tensor("begun", numpy.array([begun], dtype=numpy.int32)),
            pb.Tensor("cancelled", numpy.array([cancelled], dtype=numpy.int32)),
        ]
    )
