"""Fail in the way that the caller asks for."""

import triton_python_backend_utils as pb


class TritonPythonModel:
    """`raise` raises, `error` answers an error, any other mode succeeds."""

    def execute(self, requests):
        """Answer each request, unless one of them asks to raise."""
        return [self._answer(request) for request in requests]

    def _answer(self, request):
        mode = pb.get_input_tensor_by_name(request, "mode").as_numpy()
        if mode[0] == b"raise":
            raise ValueError("the caller asked for an exception")
        if mode[0] == b"error":
            text = "the caller asked for an error"
            return pb.InferenceResponse(error=pb.TritonError(text, pb.TritonError.INVALID_ARG))
        return pb.InferenceResponse([pb.Tensor("mode_out", mode)])
