"""Add and subtract two inputs: several tensors each way, in batches."""

import triton_python_backend_utils as pb


class TritonPythonModel:
    """Answer with the sum and the difference."""

    def execute(self, requests):
        """Answer each request of the batch on its own."""
        return [self._answer(request) for request in requests]

    def _answer(self, request):
        a = pb.get_input_tensor_by_name(request, "a").as_numpy()
        b = pb.get_input_tensor_by_name(request, "b").as_numpy()
        return pb.InferenceResponse([pb.Tensor("sum", a + b), pb.Tensor("difference", a - b)])
