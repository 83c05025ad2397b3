"""Compare what a request costs in CPU: this worker, nginx and a bare `grpc.aio` proxy, in one run, before one engine.

    make bench                      everything, a few minutes
    python bench/front.py --quick   one repeat, small counts
    python bench/front.py --json    for scripts

The figure is user + system CPU time of the proxy's processes, in microseconds per request or per streamed message. Load
generator (h2load), proxy and engine share the machine, so read ratios, not rates.
"""

import argparse
import json
import math
import os
import platform
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import grpc
from proxies import Proxy, free_port, grpc_aio, nginx, wait_for_port, worker
from triton import triton_engine

HERE = Path(__file__).parent
METHODS = {"unary": "ModelInfer", "stream": "ModelStreamInfer"}
MESSAGES_PER_STREAM = 50
SIZES = {"64 B": 64, "64 KiB": 64 << 10, "1 MiB": 1 << 20}
REQUESTS = {"64 B": 30_000, "64 KiB": 4_000, "1 MiB": 400}
TRITON_SHARE = 10
"""The real engine is slower: it gets a tenth of the requests."""
CONNECTIONS, STREAMS = 4, 8
STREAMS_KILL_IT = ("triton", "stream")
"""What no other proxy survives: under this load of streams that nobody splits, Triton 2.51 dies sooner or later."""
BEGIN, END = "<!-- figures -->", "<!-- end of figures -->"


@dataclass(frozen=True, slots=True)
class Figure:
    """One cell of the table."""

    engine: str
    kind: str
    size: str
    proxy: str
    cpu_us: float
    """Median CPU microseconds per request (unary) or message (stream)."""
    spread_us: float
    """Largest minus smallest of the repeats."""
    per_second: float


def varint(value: int) -> bytes:
    """Encode an unsigned integer of base 128."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(out) + bytes((value,))


def field(number: int, value: bytes) -> bytes:
    """Encode a length-delimited field."""
    return bytes((number << 3 | 2,)) + varint(len(value)) + value


def request(model: str, size: int, content: bytes = b"") -> bytes:
    """Return a ModelInferRequest with one FP32 tensor of `size` bytes, as a gRPC message."""
    tensor = field(1, b"x") + field(2, b"FP32") + field(3, varint(1) + varint(size // 4))
    body = field(1, model.encode()) + field(5, tensor) + field(7, content or bytes(size))
    return b"\0" + len(body).to_bytes(4, "big") + body


def cpu_seconds(pids: list[int]) -> float:
    """Return user + system time of processes with all their threads, in seconds."""
    tasks = (task for pid in pids for task in Path(f"/proc/{pid}/task").iterdir())
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9


def load(port: int, method: str, payload: Path, count: int, answer: int) -> float | None:
    """Send requests and return how many a second; None where any failed, or brought less than `answer` bytes."""
    command = [
        "h2load", f"-n{count}", f"-c{CONNECTIONS}", f"-m{STREAMS}", "-d", str(payload),
        "-H", "content-type: application/grpc", "-H", "te: trailers",
        f"http://127.0.0.1:{port}/inference.GRPCInferenceService/{method}",
    ]  # fmt: skip
    out = subprocess.run(command, check=True, capture_output=True, text=True, timeout=300).stdout
    brought = re.search(r"\((\d+)\) data", out)
    if f"{count} succeeded" not in out or brought is None or int(brought[1]) < count * answer:
        return None
    return float(out.partition(" req/s")[0].rpartition(" ")[2])


def check(proxy: Proxy) -> None:
    """See that a proxy really brings the engine's answer: a refusal would be an HTTP 200 too, and cheap."""
    tensor = bytes(range(64))
    with grpc.insecure_channel(f"127.0.0.1:{proxy.port}") as channel:
        answer = channel.unary_unary("/inference.GRPCInferenceService/ModelInfer")(
            request(proxy.model, len(tensor), tensor)[5:], timeout=10
        )
    if tensor not in answer:
        raise SystemExit(f"{proxy.name} does not bring the engine's answer")


def measure(proxy: Proxy, kind: str, payload: Path, count: int, answer: int) -> tuple[float, float]:
    """Return CPU microseconds per request and requests per second of one repeat; not a number where requests failed."""
    load(proxy.port, METHODS[kind], payload, max(count // 10, CONNECTIONS * STREAMS), answer)
    before = cpu_seconds(proxy.pids())
    rate = load(proxy.port, METHODS[kind], payload, count, answer)
    if rate is None:
        return math.nan, math.nan
    return (cpu_seconds(proxy.pids()) - before) * 1e6 / count, rate


@contextmanager
def fake_engine() -> Iterator[int]:
    """Run the engine that does nothing."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, HERE / "fake_engine.py", "--port", str(port)], stdout=subprocess.DEVNULL
    )
    try:
        wait_for_port(port, process)
        yield port
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()


def run(what: tuple[str, str], port: int, share: int, repeats: int, say: Callable[[str], None]) -> list[Figure]:
    """Measure every proxy before one engine, interleaved, so that a noisy moment hits all alike."""
    figures: list[Figure] = []
    engine, kind = what
    with ExitStack() as stack, tempfile.TemporaryDirectory() as folder:
        alone = what == STREAMS_KILL_IT
        proxies = [stack.enter_context(start(port)) for start in ((worker,) if alone else (worker, nginx, grpc_aio))]
        for proxy in proxies:
            check(proxy)
        for size, count in REQUESTS.items():
            messages = MESSAGES_PER_STREAM if kind == "stream" else 1
            total = max(count // share // (messages // 5 or 1), 40)
            payload = Path(folder, "payload")
            samples: dict[str, list[tuple[float, float]]] = {proxy.name: [] for proxy in proxies}
            for _ in range(repeats):
                for proxy in proxies:
                    payload.write_bytes(request(proxy.model, SIZES[size]) * messages)
                    cost, rate = measure(proxy, kind, payload, total, SIZES[size] * messages)
                    samples[proxy.name].append((cost / messages, rate * messages))
            for name, taken in samples.items():
                costs = [cost for cost, _ in taken]
                spread = max(costs) - min(costs)
                rate = statistics.median(rate for _, rate in taken)
                figures.append(Figure(engine, kind, size, name, statistics.median(costs), spread, rate))
            if alone:
                figures += [
                    Figure(engine, kind, size, name, math.nan, math.nan, math.nan) for name in ("nginx", "grpc.aio")
                ]
            say(_line(figures[-3:]))
    return figures


def _line(row: list[Figure]) -> str:
    first = row[0]
    cells = "  ".join(f"{figure.proxy} {figure.cpu_us:9.1f} ±{figure.spread_us:6.1f}" for figure in row)
    ratios = "  ".join(f"{figure.proxy}/{first.proxy} {figure.cpu_us / first.cpu_us:5.1f}" for figure in row[1:])
    return f"{first.engine:7} {first.kind:7} {first.size:7} CPU µs: {cells}   ratios: {ratios}"


def document(path: Path, figures: list[Figure], repeats: int) -> None:
    """Write the figures into a document, between its markers."""
    names = list(dict.fromkeys(figure.proxy for figure in figures))
    rows = [figures[at : at + len(names)] for at in range(0, len(figures), len(names))]
    about = (
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}; "
        f"{CONNECTIONS} connections with {STREAMS} requests each, {MESSAGES_PER_STREAM} to a stream; "
        f"median of {repeats} repeats ± spread; a dash: not measured, or requests failed."
    )
    lines = [
        about,
        "",
        "| engine | call | tensor | " + " | ".join(f"{name} µs" for name in names) + " | "
        + " | ".join(f"{name} / {names[0]}" for name in names[1:]) + " |",
        "|" + "---|" * (2 * len(names) + 2),
    ]  # fmt: skip
    for row in rows:
        costs = [f"{figure.cpu_us:.1f} ± {figure.spread_us:.1f}" for figure in row]
        ratios = [f"{figure.cpu_us / row[0].cpu_us:.1f}" for figure in row[1:]]
        cells = [row[0].engine, row[0].kind, row[0].size, *costs, *ratios]
        lines.append("| " + " | ".join("-" if cell.startswith("nan") else cell for cell in cells) + " |")
    before, _, rest = path.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    path.write_text(f"{before}{BEGIN}\n" + "\n".join(lines) + f"\n{END}{after}")


def wanted() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one repeat of everything")
    parser.add_argument("--json", action="store_true", help="print JSON in place of the table")
    parser.add_argument("--document", type=Path, metavar="FILE", help="replace the table between the markers of FILE")
    parser.add_argument(
        "--engine", choices=("fake", "triton"), action="append", help="only this engine; may be repeated"
    )
    arguments = parser.parse_args()
    arguments.engine = arguments.engine or ["fake", "triton"]
    return arguments


def main() -> None:
    """Run the comparison."""
    arguments = wanted()
    if missing := [tool for tool in ("h2load", "nginx") if shutil.which(tool) is None]:
        raise SystemExit(f"missing: {', '.join(missing)}; install Debian's nghttp2-client and nginx-light")
    repeats = 1 if arguments.quick else 3

    def say(line: str) -> None:
        print(line, file=sys.stderr if arguments.json else sys.stdout, flush=True)

    say(f"{platform.platform()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    say(f"{CONNECTIONS} connections with {STREAMS} requests each; {MESSAGES_PER_STREAM} to a stream; {repeats} repeats")
    figures: list[Figure] = []
    for kind in METHODS if "fake" in arguments.engine else ():
        with fake_engine() as port:
            figures += run(("fake", kind), port, 1, repeats, say)
    for kind in METHODS if "triton" in arguments.engine else ():
        with triton_engine(say) as port:
            figures += run(("triton", kind), port, TRITON_SHARE, repeats, say)
    if arguments.document:
        document(arguments.document, figures, repeats)
    if arguments.json:
        machine = {"platform": platform.platform(), "cores": os.cpu_count(), "python": platform.python_version()}
        found = [asdict(figure) for figure in figures]
        print(json.dumps({"machine": machine, "time": time.time(), "figures": found}, indent=1))


if __name__ == "__main__":
    main()
