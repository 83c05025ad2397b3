"""Tell a story token by token: a decoupled model, as a language model's server would be.

The request's parameters say how long it is and how fast it comes: `tokens` (32) and `delay_ms` (50).
"""

import itertools
import json
import threading
import time

import numpy
import triton_python_backend_utils as pb

STORY = (
    " there lived a keeper of a lighthouse who answered every ship that asked the way. One night two ships asked"
    " at once. She lit a second lamp, gave nine turns in ten to the old one and one to the new, and wrote down which"
    " lamp had answered whom. In the morning both ships were in the harbour, and she knew which lamp to keep."
    " The next night"
)
MOST_TOKENS = 10_000
LONGEST_DELAY_MS = 10_000


class TritonPythonModel:
    """Sends one response for each token, then the final flag; stops when nobody listens any more."""

    def execute(self, requests):
        # A thread for each story: `execute` must return for the next request to be taken.
        for request in requests:
            threading.Thread(target=_tell, args=(request,), daemon=True).start()


def _tell(request):
    sender = request.get_response_sender()
    final = pb.TRITONSERVER_RESPONSE_COMPLETE_FINAL
    try:
        count, delay = _wishes(json.loads(request.parameters() or "{}"))
    except (TypeError, ValueError) as error:
        refusal = pb.TritonError(str(error), pb.TritonError.INVALID_ARG)
        sender.send(pb.InferenceResponse(error=refusal), flags=final)
        return
    prompt = pb.get_input_tensor_by_name(request, "prompt").as_numpy()[0].decode(errors="replace")
    for token in itertools.islice(_tokens(prompt), count):
        if sender.is_cancelled():
            break
        sender.send(pb.InferenceResponse([pb.Tensor("token", numpy.array([token.encode()], numpy.object_))]))
        time.sleep(delay)
    sender.send(flags=final)


def _wishes(parameters):
    count, delay = int(parameters.get("tokens", 32)), int(parameters.get("delay_ms", 50))
    if not (0 <= count <= MOST_TOKENS and 0 <= delay <= LONGEST_DELAY_MS):
        raise ValueError(f"tokens must be 0 to {MOST_TOKENS}, delay_ms 0 to {LONGEST_DELAY_MS}")
    return count, delay / 1000


def _tokens(prompt):
    first, *rest = prompt.split() or ["Once"]
    yield first
    yield from (f" {word}" for word in itertools.chain(rest, itertools.cycle(STORY.split())))
