"""Numbers of several processes as one, what is made of them, and how they are exposed."""

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from fourplane_worker.telemetry.cells import BUCKETS_S
from fourplane_worker.telemetry.metrics import EndpointCounts, Exposition, State
from fourplane_worker.telemetry.rates import Window, quantile_ms
from fourplane_worker.telemetry.totals import Sum, Totals

KEY = ("default/r", "pool", "model")
COUNTS = st.lists(st.tuples(st.integers(0, 2), st.integers(1, 50)), max_size=20)


def a_sum(ok=0, failed=0, seconds=0.001):
    buckets = [0] * (len(BUCKETS_S) + 1)
    buckets[0] = ok + failed
    return Sum(outcomes={"OK": ok, "ENGINE_LOST": failed}, buckets=buckets, seconds=seconds)


@given(COUNTS, st.sets(st.integers(0, 19)))
def test_nothing_that_was_counted_is_lost_when_processes_die(counts, deaths):
    totals, live, dead = Totals(), {}, 0
    for step, (place, more) in enumerate(counts):
        live[place] = live.get(place, 0) + more
        totals.take(place, [(KEY, a_sum(ok=live[place]))], {"connections": live[place], "open_calls": 1})
        if step in deaths:
            totals.end(place)
            dead += live.pop(place)
        expected = dead + sum(live.values())
        assert totals.series()[KEY].requests == expected
        assert totals.numbers()["connections"] == expected
        assert totals.numbers()["open_calls"] == len(live)


def test_series_that_did_not_change_need_not_be_said_again():
    totals = Totals()
    totals.take(0, [(KEY, a_sum(ok=3))])
    totals.take(0, [])
    totals.take(1, [(KEY, a_sum(ok=1, failed=1))])
    assert totals.series()[KEY].outcomes == {"OK": 4, "ENGINE_LOST": 1}
    assert totals.series()[KEY].errors == 1


def test_rates_are_those_of_the_window():
    window = Window(length_s=10)
    for second in range(30):
        window.add(float(second), [a_sum(ok=100 * second, failed=second)])
    rates = window.rates()
    assert rates.requests_per_s == 101
    assert rates.errors_per_s == 1
    assert rates.window_s == 10
    assert 0 < rates.p50_ms <= 1


def test_without_traffic_there_are_no_quantiles():
    window = Window()
    assert window.rates().p50_ms is None
    window.add(0.0, [a_sum(ok=5)])
    window.add(1.0, [a_sum(ok=5)])
    assert window.rates().p99_ms is None
    assert window.rates().requests_per_s == 0


@given(st.lists(st.integers(0, 100), min_size=len(BUCKETS_S) + 1, max_size=len(BUCKETS_S) + 1), st.floats(0.01, 0.99))
def test_a_quantile_lies_in_the_bucket_that_holds_it(buckets, share):
    found = quantile_ms(buckets, share)
    if sum(buckets) == 0:
        assert found is None
        return
    wanted, seen = sum(buckets) * share, 0
    for lower, upper, count in zip((0.0, *BUCKETS_S), (*BUCKETS_S, BUCKETS_S[-1]), buckets, strict=True):
        seen += count
        if count and seen >= wanted:
            assert 1000 * lower - 0.01 <= found <= 1000 * upper + 0.01
            return


def test_the_page_is_what_prometheus_reads():
    state = State(
        series={KEY: a_sum(ok=2, failed=1, seconds=0.5), ("", "", ""): Sum()},
        numbers={"open_calls": 1, "connections": 4},
        runtime="default/shop",
        served="sha256:ab",
        desired="sha256:cd",
        rejected={"Damaged": 1},
        endpoints={"pool": EndpointCounts(up=1, degraded=2, known=4)},
        processes=(1, 2),
        restarts=3,
        propagation_s=0.25,
        ready=True,
    )
    content_type, page = Exposition(lambda: state).page("text/plain")
    assert content_type.startswith("text/plain")
    samples = {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(page.decode())
        for sample in family.samples
    }
    series = (("backend", "model"), ("pool", "pool"), ("route", "default/r"))
    assert samples["fourplane_requests_total", ("backend", "model"), ("outcome", "OK"), *series[1:]] == 2
    assert samples["fourplane_request_duration_seconds_count", *series] == 3
    assert samples["fourplane_request_duration_seconds_sum", *series] == 0.5
    assert samples["fourplane_snapshot_info", ("digest", "sha256:ab"), ("runtime", "default/shop")] == 1
    assert samples["fourplane_config_rejected_total", ("reason", "Damaged")] == 1
    assert samples["fourplane_endpoints_up", ("pool", "pool")] == 1
    assert samples["fourplane_endpoints_degraded", ("pool", "pool")] == 2
    assert samples["fourplane_endpoints", ("pool", "pool")] == 4
    assert samples[("fourplane_process_restarts_total",)] == 3
    assert samples[("fourplane_ready",)] == 1
    assert not [name for name, *labels in samples if ("route", "") in labels], "a series without calls is not shown"
