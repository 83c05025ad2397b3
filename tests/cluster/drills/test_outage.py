"""The API server goes under load: no request fails, workers restart without it, and what was asked for comes later."""

import os
import time

import pytest
from drill import answered, settled, shop, to
from system_load import Caller, running
from system_worker import eventually

OUTAGE_S = float(os.environ.get("FOURPLANE_OUTAGE_S") or ("60" if os.environ.get("CI") else "10"))

pytestmark = pytest.mark.timeout(120 + OUTAGE_S)


def test_no_request_fails_while_the_api_server_is_gone_and_an_edit_is_served_when_it_is_back(
    own_site, engine, start_operator, start_worker
):
    site, cluster = own_site, own_site.cluster
    start_operator(site)
    worker, restarted = start_worker(site, "shop-0"), start_worker(site, "shop-1")
    site.apply(*shop(engine.address))
    settled(site)
    callers = [Caller(worker.address, "steady", every_s=0.002) for _ in range(4)]
    with running(*callers):
        eventually(lambda: all(caller.heard for caller in callers), "everybody is served")
        cluster.api_server.kill()
        restarted.end()
        restarted.start()
        eventually(lambda: answered(restarted)[:2], "a cold start serves", lambda got: got == ("OK", "left"))
        time.sleep(OUTAGE_S)
        assert worker.status()["follows"]["apiServer"] == "absent"
        before = len(callers[0].heard)
        cluster.api_server.start()
        back = time.monotonic()
        site.apply(to("right"))
        for each in (worker, restarted):
            eventually(lambda each=each: answered(each)[1], "it catches up", lambda model: model == "right")
        print(f"caught up {time.monotonic() - back:.1f} s after the API server was back")
        settled(site)
    heard = [one for caller in callers for one in caller.heard]
    print(f"{len(heard)} requests")
    assert before > 10
    assert {one.code for one in heard} == {"OK"}
