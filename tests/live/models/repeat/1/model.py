"""Answer a request with one response for each of its values, none for an empty tensor."""

import threading
import time

import numpy
import triton_python_backend_utils as pb


class TritonPythonModel:
    """A decoupled model: the number of responses is the caller's choice."""

    def execute(self, requests):
        """Start a thread for each request, so that several streams run at once."""
        for request in requests:
            threading.Thread(target=self._stream, args=(request,), daemon=True).start()

    def _stream(self, request):
        sender = request.get_response_sender()
        values = pb.get_input_tensor_by_name(request, "values").as_numpy()
        delay = _delay_seconds(request)
        for index, value in enumerate(values):
            if sender.is_cancelled():
                break
            sender.send(_response(value, index))
            time.sleep(delay)
        sender.send(flags=pb.TRITONSERVER_RESPONSE_COMPLETE_FINAL)


def _delay_seconds(request):
    tensor = pb.get_input_tensor_by_name(request, "delay_ms")
    return 0.0 if tensor is None else float(tensor.as_numpy()[0]) / 1000


def _response(value, index):
    return pb.InferenceResponse(
        [
            pb.Tensor("value", numpy.array([value], dtype=numpy.int32)),
            pb.Tensor("index", numpy.array([index], dtype=numpy.uint32)),
        ]
    )
