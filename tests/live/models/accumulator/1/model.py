"""Sum the values of a sequence: state kept by correlation id, a number or a string."""

import triton_python_backend_utils as pb

START = pb.TRITONSERVER_REQUEST_FLAG_SEQUENCE_START
END = pb.TRITONSERVER_REQUEST_FLAG_SEQUENCE_END


class TritonPythonModel:
    """One running total for each sequence."""

    def initialize(self, args):
        """Begin with no sequences."""
        self._totals = {}

    def execute(self, requests):
        """Add each request's value to its sequence."""
        return [self._answer(request) for request in requests]

    def _answer(self, request):
        sequence = request.correlation_id()
        value = pb.get_input_tensor_by_name(request, "value").as_numpy()
        before = 0 if request.flags() & START else self._totals.get(sequence, 0)
        total = self._totals[sequence] = before + value
        if request.flags() & END:
            del self._totals[sequence]
        return pb.InferenceResponse([pb.Tensor("total", total.astype(value.dtype))])
