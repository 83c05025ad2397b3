"""Return as many bytes as the caller asks for."""

import numpy
import triton_python_backend_utils as pb


class TritonPythonModel:
    """Byte number i is i modulo 251."""

    def execute(self, requests):
        """Answer each request with its own size."""
        return [self._answer(request) for request in requests]

    def _answer(self, request):
        size = int(pb.get_input_tensor_by_name(request, "size").as_numpy()[0])
        data = (numpy.arange(size, dtype=numpy.int64) % 251).astype(numpy.uint8)
        return pb.InferenceResponse([pb.Tensor("data", data)])
