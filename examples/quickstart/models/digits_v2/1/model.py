"""Classify images of digits with the ONNX model beside this file."""

from pathlib import Path

import numpy
import onnxruntime
import triton_python_backend_utils as pb


class TritonPythonModel:
    """Runs all requests that Triton has collected as one batch."""

    def initialize(self, _args):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1  # a model this small is slower with more
        path = Path(__file__).with_name("model.onnx")
        self._session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])

    def execute(self, requests):
        images = [pb.get_input_tensor_by_name(request, "pixels").as_numpy() for request in requests]
        digits, probabilities = self._session.run(None, {"pixels": numpy.concatenate(images)})
        ends = numpy.cumsum([len(each) for each in images])[:-1]
        parts = zip(numpy.split(digits, ends), numpy.split(probabilities, ends), strict=True)
        return [_response(*part) for part in parts]


def _response(digits, probabilities):
    return pb.InferenceResponse(
        [
            pb.Tensor("digit", digits.astype(numpy.int64).reshape(-1, 1)),
            pb.Tensor("probabilities", probabilities.astype(numpy.float32)),
        ]
    )
