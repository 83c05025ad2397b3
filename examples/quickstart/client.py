"""Ask the running quickstart as any client would, and show what came of it.

Everything here is Triton's own Python client; where it hides the trailers of a call, its generated stubs show them.
"""

import argparse
import dataclasses
import json
import queue
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import grpc
import numpy
import tritonclient.grpc as triton
from google.rpc import error_details_pb2, status_pb2
from tritonclient.grpc import service_pb2, service_pb2_grpc
from tritonclient.utils import InferenceServerException

PATIENCE = 30
"""Seconds that any one step may take."""

NEXT = """What to try next, in a second terminal (the tour in README.md shows what you will see)
  export PATH="$PWD/.venv-run/bin:$PATH"
  fourplane status examples/quickstart                what is served, by whom, how fast
  fourplane explain route digits examples/quickstart  where a request would go, and why
  edit the weights in examples/quickstart/digits.yaml, then `make ask`: the change is live without a restart
  break that file (weight: many): the route keeps its last good form, and you are told where the fault is
  kill -9 the tritonserver process: calls end with a typed error, and it comes back by itself"""


class StepError(Exception):
    """A step did not go as it should; the message is for people."""


@dataclass(frozen=True)
class Answers:
    """What was answered, and by whom."""

    images: int
    right: int

    @property
    def accuracy(self):
        return self.right / self.images if self.images else 0.0


@dataclass(frozen=True)
class Story:
    """A stream: its tokens, when each came, and the time from the last wanted token to the end."""

    tokens: list
    milliseconds: list
    ended_after_ms: int


@dataclass(frozen=True)
class Refusal:
    """How a request was refused."""

    status: str
    message: str
    reason: str


def main():
    """Run every step; 0 if all went well."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--url", default="127.0.0.1:8001", metavar="HOST:PORT", help="where the worker listens")
    parser.add_argument("--model", default="digits", help="public name of the classifier")
    parser.add_argument("--heldout", type=Path, default=Path(__file__).with_name("heldout.npz"))
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    wanted = parser.parse_args()
    say = nothing if wanted.json else print
    try:
        found = run(wanted, say)
    except (StepError, InferenceServerException, grpc.RpcError, queue.Empty, OSError) as error:
        print(f"error: {explain(error, wanted.url)}", file=sys.stderr)
        return 1
    print(json.dumps(found) if wanted.json else f"\n{NEXT}")
    return 0


def run(wanted, say):
    """Run the steps in order and return what each found."""
    data = numpy.load(wanted.heldout)
    pixels, digits = data["pixels"], data["digits"]
    with triton.InferenceServerClient(wanted.url) as client, grpc.insecure_channel(wanted.url) as channel:
        stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)
        say(f"Classifying {len(pixels)} held-out images as model {wanted.model}, with Triton's own client")
        whole = classify(client, wanted.model, pixels, digits)
        say(f"  {whole.right} of {whole.images} right: {whole.accuracy:.1%}\n")

        say("The same images one by one, to see in the trailers which backend answered")
        backends, trailers = by_backend(stub, wanted.model, pixels, digits)
        for name, answers in sorted(backends.items()):
            say(f"  {name}: {answers.images / len(pixels):5.1%} of the requests, {answers.accuracy:.1%} right")
        for name, value in trailers.items():
            say(f"  {name}: {value}")

        say("\nA story, token by token")
        story = tell(client, tokens=24, delay_ms=60, show=lambda token, at: say(f"  {at:5d} ms  {token.strip()}"))
        say("\nA long story, cancelled after five tokens")
        cancelled = tell(client, tokens=2000, delay_ms=60, keep=5)
        say(f"  {''.join(cancelled.tokens)} ... the stream ended {cancelled.ended_after_ms} ms after the cancellation")

        say("\nA model that nobody serves")
        refusal = refuse(stub, "nope", pixels[:1])
        say(f"  {refusal.status}, reason {refusal.reason or 'none given'}: {refusal.message}")
    return {
        "accuracy": whole.accuracy,
        "images": whole.images,
        "backends": {name: dataclasses.asdict(answers) for name, answers in backends.items()},
        "trailers": trailers,
        "story": dataclasses.asdict(story),
        "cancelled": dataclasses.asdict(cancelled),
        "refusal": dataclasses.asdict(refusal),
    }


def classify(client, model, pixels, digits, batch=30):
    """Classify in batches with the stock client."""
    right = 0
    for start in range(0, len(pixels), batch):
        images = pixels[start : start + batch]
        tensor = triton.InferInput("pixels", list(images.shape), "FP32")
        tensor.set_data_from_numpy(images)
        answer = client.infer(model, [tensor], client_timeout=PATIENCE).as_numpy("digit")
        right += int((answer[:, 0] == digits[start : start + batch]).sum())
    return Answers(len(pixels), right)


def by_backend(stub, model, pixels, digits):
    """Classify one image a call; return the answers of each backend and one call's trailers."""
    asked, right, trailers = Counter(), Counter(), {}
    for image, digit in zip(pixels, digits, strict=True):
        request = request_for(model, image.reshape(1, -1))
        response, call = stub.ModelInfer.with_call(request, timeout=PATIENCE)
        trailers = {key: value for key, value in call.trailing_metadata() if key.startswith("x-fourplane-")}
        backend = trailers.get("x-fourplane-backend", "(not named in the trailers)")
        asked[backend] += 1
        right[backend] += answered(response) == digit
    return {name: Answers(count, int(right[name])) for name, count in asked.items()}, trailers


def request_for(model, pixels):
    """Write the message that the stock client would send."""
    tensor = service_pb2.ModelInferRequest.InferInputTensor(name="pixels", datatype="FP32", shape=pixels.shape)
    return service_pb2.ModelInferRequest(model_name=model, inputs=[tensor], raw_input_contents=[pixels.tobytes()])


def answered(response):
    """Read the digit out of a response."""
    names = [output.name for output in response.outputs]
    return int(numpy.frombuffer(response.raw_output_contents[names.index("digit")], numpy.int64)[0])


def nothing(*_words):
    """Show nothing."""


def tell(client, *, tokens, delay_ms, keep=None, show=nothing):
    """Stream a story; with `keep`, cancel it after so many tokens."""
    answers = queue.Queue()
    prompt = triton.InferInput("prompt", [1], "BYTES")
    prompt.set_data_from_numpy(numpy.array([b"Once upon a time"], numpy.object_))
    wishes = {"tokens": tokens, "delay_ms": delay_ms}
    told, times, begun = [], [], time.monotonic()
    client.start_stream(lambda result, error: answers.put((result, error)))
    try:
        client.async_stream_infer("storyteller", [prompt], parameters=wishes, enable_empty_final_response=True)
        while keep is None or len(told) < keep:
            result, error = answers.get(timeout=PATIENCE)
            if error is not None:
                raise error
            if result.get_response().parameters["triton_final_response"].bool_param:
                break
            told.append(result.as_numpy("token")[0].decode())
            times.append(milliseconds_since(begun))
            show(told[-1], times[-1])
    finally:
        ending = time.monotonic()
        client.stop_stream(cancel_requests=keep is not None)
    if len(told) != (keep or tokens):
        raise StepError(f"the story has {len(told)} tokens, {keep or tokens} were asked for")
    return Story(told, times, milliseconds_since(ending))


def refuse(stub, model, pixels):
    """Ask for a model that is not there; return how that was refused."""
    try:
        stub.ModelInfer(request_for(model, pixels), timeout=PATIENCE)
    except grpc.RpcError as error:
        trailers = dict(error.trailing_metadata() or ())
        return Refusal(error.code().name, error.details(), reason(trailers.get("grpc-status-details-bin", b"")))
    raise StepError(f"model {model} was answered, though nobody serves it")


def reason(details):
    """Read the ErrorInfo out of a status; empty if there is none."""
    info = error_details_pb2.ErrorInfo()
    for detail in status_pb2.Status.FromString(details).details:
        if detail.Unpack(info):
            return info.reason
    return ""


def milliseconds_since(begun):
    """Return the time since then."""
    return round((time.monotonic() - begun) * 1000)


def explain(error, url):
    """Say in one line what went wrong."""
    match error:
        case queue.Empty():
            return f"no answer on the stream within {PATIENCE} s"
        case grpc.RpcError() if error.code() == grpc.StatusCode.UNAVAILABLE:
            return f"{url} does not serve: {error.details()}"
        case grpc.RpcError():
            return f"{error.code().name}: {error.details()}"
        case InferenceServerException() if error.status() == "StatusCode.UNAVAILABLE":
            return f"{url} does not serve: {error.message()}"
        case FileNotFoundError():
            return f"{error.filename} is not there: run train.py first"
        case _:
            return str(error)


if __name__ == "__main__":
    sys.exit(main())
