"""`fourplane worker` on a state folder alone: cold start, damage, replay, TLS."""

import datetime
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

sys.path.insert(0, str(Path(__file__).parent))

from tritonclient.grpc import service_pb2_grpc
from up_running import Caller, Running, adder, edit, is_alive, resources, wait


@pytest.fixture
def history(tmp_path, triton):
    """A state folder after two revisions: its path, the digests, and what each activation file held."""
    folder, state = resources(tmp_path / "resources", f"endpoints: [{triton}]"), tmp_path / "state"
    digests, files = [], []
    with Running("up", folder, state=state) as running:
        running.wait_for(r"ready\s+clients connect")
        for sequence in (2, 3):
            edit(folder, deadline=f"{sequence}s")
            shown = running.wait_status(lambda found, s=sequence: found["acknowledged"]["sequence"] == s)
            digests.append(shown["acknowledged"]["digest"])
            files.append((state / "store" / "activation").read_bytes())
    assert digests[0] != digests[1]
    return state, digests, files


def worker(state, *options):
    return Running("worker", *options, state=state)


def served(running):
    with Caller(running.address) as caller:
        return caller.add()["x-fourplane-digest"]


def test_a_cold_start_needs_no_sources(history):
    state, digests, _ = history
    with worker(state) as running:
        assert served(running) == digests[1]
        running.wait_status(lambda found: found["state"] == "Ready")


def newest_shard(state, digests):
    """Find a shard that only the second snapshot has."""
    return max((state / "store" / "shards").iterdir(), key=lambda path: path.stat().st_mtime_ns)


def test_a_damaged_shard_is_refused_and_the_snapshot_before_is_served(history):
    state, digests, _ = history
    shard = newest_shard(state, digests)
    data = bytearray(shard.read_bytes())
    data[-1] ^= 1
    shard.write_bytes(data)
    with worker(state) as running:
        assert served(running) == digests[0]
        shown = running.wait_status(lambda found: found["rejected"])
        assert shown["rejected"][0]["reason"] == "Damaged"
        assert shard.name in shown["rejected"][0]["message"]
        assert shard.name in running.output
        assert 'fourplane_config_rejected_total{reason="Damaged"}' in running.page("/metrics")


def test_an_old_activation_that_is_put_back_is_refused(history):
    state, digests, files = history
    activation = state / "store" / "activation"
    with worker(state) as running:
        assert served(running) == digests[1]
        activation.write_bytes(files[0])
        shown = running.wait_status(lambda found: found["rejected"])
        assert shown["rejected"][0]["reason"] == "Replayed"
        assert served(running) == digests[1]
    with worker(state) as running:
        assert served(running) == digests[1], "also after a restart"
        running.wait_status(lambda found: found["rejected"][0]["reason"] == "Replayed")
        activation.write_bytes(files[1])
        running.wait_status(lambda found: not found["rejected"])


def test_a_key_that_is_not_trusted_serves_nothing(history, tmp_path):
    state, _, _ = history
    other = resources(tmp_path / "other", "endpoints: ['127.0.0.1:1']")
    with Running("up", other, state=tmp_path / "elsewhere"):
        pass
    with worker(state, "--public-key", tmp_path / "elsewhere" / "keys" / "signing.key.pub") as running:
        running.wait_status(lambda found: found["state"] == "NoSnapshot" and found["rejected"])
        assert running.page("/readyz").startswith("not ready: no snapshot")
        with pytest.raises(grpc.RpcError) as refused:
            served(running)
        assert refused.value.code() is grpc.StatusCode.UNAVAILABLE


def test_tls_is_served_to_clients_that_trust_the_certificate(history, tmp_path):
    state, _, _ = history
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    (tmp_path / "tls.crt").write_bytes(pem)
    (tmp_path / "tls.key").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    with worker(state, "--tls-cert", tmp_path / "tls.crt", "--tls-key", tmp_path / "tls.key") as running:
        port = running.address.rpartition(":")[2]
        options = [("grpc.ssl_target_name_override", "localhost")]
        credentials = grpc.ssl_channel_credentials(pem)
        with grpc.secure_channel(f"127.0.0.1:{port}", credentials, options) as channel:
            service_pb2_grpc.GRPCInferenceServiceStub(channel).ModelInfer(adder(), timeout=10)
        with pytest.raises(grpc.RpcError), grpc.insecure_channel(running.address) as channel:
            service_pb2_grpc.GRPCInferenceServiceStub(channel).ModelInfer(adder(), timeout=3)


IMPATIENT = """
import asyncio, sys, time
from pathlib import Path
from fourplane_worker.process.settings import WorkerSettings
from fourplane_worker.process.supervisor import Supervisor

async def main():
    settings = WorkerSettings(state=Path(sys.argv[1]), listen="127.0.0.1:0", silence_s=2)
    supervisor = Supervisor(settings, time.time)
    await supervisor.start()
    await supervisor.accepting()
    print("accepting", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await supervisor.stop(0)

asyncio.run(main())
"""


def test_a_process_that_hangs_is_replaced(history):
    state, _, _ = history
    with subprocess.Popen(
        [sys.executable, "-c", IMPATIENT, str(state)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as supervisor:
        assert supervisor.stdout.readline() == b"accepting\n"
        mark = state / "run" / "process-0.pid"
        hung = json.loads(mark.read_text())["pid"]
        os.kill(hung, signal.SIGSTOP)
        wait(lambda: mark.exists() and mark.read_text() and json.loads(mark.read_text())["pid"] != hung)
        assert not is_alive(hung)
        supervisor.stdin.close()
        assert supervisor.wait(20) == 0
