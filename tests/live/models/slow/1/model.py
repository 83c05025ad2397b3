"""Sleep for the seconds that the caller asks for, then answer."""

import time

import triton_python_backend_utils as pb


class TritonPythonModel:
    """A model that takes its time."""

    def execute(self, requests):
        """Sleep once for each request."""
        return [self._answer(request) for request in requests]

    def _answer(self, request):
        seconds = pb.get_input_tensor_by_name(request, "seconds").as_numpy()
        time.sleep(float(seconds[0]))
        return pb.InferenceResponse([pb.Tensor("slept", seconds)])
