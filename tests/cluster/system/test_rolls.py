"""Edits are swapped in and workers are rolled under load: no request fails."""

import threading

import pytest
from conformance_calls import Peer, floats
from drill import settled, shop, to
from system_load import Caller, running, said
from system_worker import eventually

pytestmark = pytest.mark.timeout(240)
EDITS = 8
ROLLS = 3


class Balanced:
    """A client of two workers, as a Service or a balancer makes it: calls go to a ready one, and are never repeated."""

    def __init__(self, *workers):
        self.workers = workers
        self.ready = set(workers)
        self.heard = []
        self._lock = threading.Lock()

    def run(self, stopped):
        """Call in turns until told to stop."""
        turn = 0
        while not stopped.is_set():
            turn += 1
            with self._lock:
                ready = sorted(self.ready, key=lambda worker: worker.pod)
                worker = ready[turn % len(ready)]
            with Peer(worker.address, ("grpc.enable_retries", 0), ("grpc.use_local_subchannel_pool", 1)) as peer:
                self.heard.append(said(peer.infer(floats("steady", [1.0]))))

    def leave(self, worker):
        """Send no more to a worker, as readiness has it; calls that are under way go on."""
        with self._lock:
            self.ready.discard(worker)

    def come_back(self, worker):
        """Send to it again."""
        with self._lock:
            self.ready.add(worker)


def is_ready(worker):
    """Ask as a kubelet does."""
    try:
        return worker.page("/readyz") == "ok\n"
    except OSError:
        return False


def test_no_request_fails_while_edits_are_swapped_in(site, engine, start):
    start.operator(site)
    worker = start.worker(site, "shop-0", "--workers", "2")
    site.apply(*shop(engine.address))
    settled(site)
    callers = [Caller(worker.address, "steady", every_s=0.002) for _ in range(4)]
    digests = [site.active()["stable"]]
    with running(*callers):
        for number in range(EDITS):
            site.apply(to("left" if number % 2 else "right", deadline=f"{number + 1}s"))
            digests.append(site.activates(after=digests[-1])["stable"])
            if number % 2:
                settled(site)
        settled(site)
    for caller in callers:
        assert {each.code for each in caller.heard} == {"OK"}
        places = [digests.index(each.digest) for each in caller.heard]
        assert places == sorted(places), "a connection saw a snapshot that was superseded before"
    print(f"{sum(len(caller.heard) for caller in callers)} requests over {EDITS} edits, none failed")


def test_no_request_fails_while_workers_are_rolled_one_after_the_other(site, engine, start):
    start.operator(site)
    workers = [start.worker(site, name) for name in ("shop-0", "shop-1")]
    site.apply(*shop(engine.address))
    settled(site)
    clients = [Balanced(*workers) for _ in range(3)]
    with running(*clients):
        for _ in range(ROLLS):
            for worker in workers:
                marks = [len(client.heard) for client in clients]
                for client in clients:
                    client.leave(worker)
                assert worker.end() == 0, "it drains, and ends well"
                worker.start()
                eventually(lambda worker=worker: is_ready(worker), "it is ready")
                for client in clients:
                    client.come_back(worker)
                eventually(
                    lambda marks=marks: all(
                        len(client.heard) > mark + 20 for client, mark in zip(clients, marks, strict=True)
                    ),
                    "requests go on",
                )
    heard = [each for client in clients for each in client.heard]
    assert {each.code for each in heard} == {"OK"}
    print(f"{len(heard)} requests over {ROLLS} rolls of two workers, none failed")
