import socket
from pathlib import Path

from fourplane_worker.engine.install import Layout
from fourplane_worker.engine.launch import Endpoints, EngineSettings, arguments, free_ports, memory_prefix


def settings(run="/run/a", name="triton"):
    return EngineSettings(model_repository=Path("/m"), run_folder=Path(run), name=name)


def test_three_different_free_ports_are_chosen():
    at = free_ports()
    ports = (at.grpc_port, at.http_port, at.metrics_port)
    assert len(set(ports)) == 3
    for port in ports:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", port))


def test_triton_listens_on_loopback_alone_and_loads_models_once():
    line = arguments(Layout(Path("/c"), "3.11"), settings(), Endpoints(1, 2, 3))
    assert {"--grpc-address=127.0.0.1", "--http-address=127.0.0.1", "--metrics-address=127.0.0.1"} <= set(line)
    assert {"--grpc-port=1", "--http-port=2", "--metrics-port=3"} <= set(line)
    assert {"--model-control-mode=none", "--model-repository=/m", "--exit-timeout-secs=5"} <= set(line)


def test_each_engine_has_shared_memory_of_its_own():
    assert memory_prefix(settings()) == memory_prefix(settings())
    assert len({memory_prefix(each) for each in (settings(), settings("/run/b"), settings(name="other"))}) == 3
