"""Return the request's parameters, identity and priority as JSON."""

import json

import numpy
import triton_python_backend_utils as pb


class TritonPythonModel:
    """Show what arrives beside the tensors."""

    def execute(self, requests):
        """Answer each request with what it carried."""
        return [self._answer(request) for request in requests]

    def _answer(self, request):
        seen = {
            "parameters": json.loads(request.parameters()),
            "id": request.request_id(),
            "correlation_id": request.correlation_id(),
        }
        text = json.dumps(seen, sort_keys=True).encode()
        tensor = pb.Tensor("parameters", numpy.array([text], dtype=numpy.object_))
        return pb.InferenceResponse([tensor])
