"""A RuntimeDeployment says whether engines answer its workers; Ready does not wait for them."""

import socket

from system_engine import Engine
from system_runtime import a_route, a_runtime


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def test_a_pool_whose_engines_are_not_there_is_told_until_they_listen(site, start_operator, start_worker):
    start_operator(site)
    worker = start_worker(site, "shop-0")
    port = free_port()
    site.apply(a_runtime({"main": ([f"127.0.0.1:{port}"], ["echo"])}), a_route("echo", ("main", "echo")))
    told = site.until("rtd", "shop", "PoolsReady", "False", "PoolsDown")
    assert f"pool main is down: 127.0.0.1:{port}: " in told["message"]
    assert worker.report()["pools"][0]["state"] == "Down"
    conditions = site.conditions("rtd", "shop")
    assert {kind: conditions[kind]["status"] for kind in ("Ready", "Reconciling", "Stalled")} == {
        "Ready": "True",
        "Reconciling": "False",
        "Stalled": "False",
    }
    assert "PoolsReady" not in site.conditions("mroute", "echo")
    with Engine(port=port):
        assert site.until("rtd", "shop", "PoolsReady", "True", "PoolsReady")["message"] == ""
        assert site.conditions("rtd", "shop")["Ready"]["status"] == "True"
    site.until("rtd", "shop", "PoolsReady", "False", "PoolsDown")
