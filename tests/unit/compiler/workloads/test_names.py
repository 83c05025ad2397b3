"""Names are short, valid, the same every time, and no two things have one."""

import re

from hypothesis import given
from hypothesis import strategies as st

from fourplane_compiler.workloads import names

LABEL = r"[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?"
labels = st.from_regex(LABEL, fullmatch=True)
pools = labels | st.from_regex(r"[a-z0-9][a-z0-9-]{0,61}[a-z0-9]", fullmatch=True)
runtimes = (
    labels
    | st.from_regex(rf"{LABEL}(\.{LABEL}){{0,3}}", fullmatch=True)
    | st.from_regex(r"[a-z0-9][a-z0-9.-]{0,251}[a-z0-9]", fullmatch=True).filter(
        lambda n: not re.search(r"[.-]\.|\.-", n)
    )
)
ROLES = (names.workers, names.worker_metrics, names.worker_keys, names.engines)


def all_names(runtime, pool):
    return [role(runtime) for role in ROLES] + [names.pool_service(runtime, pool)]


@given(runtimes, pools)
def test_every_name_is_one_of_a_service(runtime, pool):
    for name in all_names(runtime, pool):
        assert len(name) <= 63
        assert re.fullmatch(r"[a-z]([a-z0-9-]*[a-z0-9])?", name)


@given(runtimes, pools)
def test_the_things_of_one_runtime_have_different_names(runtime, pool):
    assert len(set(all_names(runtime, pool))) == len(ROLES) + 1


@given(runtimes, pools, runtimes, pools)
def test_two_runtimes_share_no_name(one, pool, other, another):
    if one != other:
        assert not set(all_names(one, pool)) & set(all_names(other, another))


@given(runtimes, pools, pools)
def test_two_pools_share_no_name(runtime, one, other):
    if one != other:
        assert names.pool_service(runtime, one) != names.pool_service(runtime, other)


@given(runtimes)
def test_a_label_holds_every_name(runtime):
    assert re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?", names.label_value(runtime))


def test_a_hyphen_moves_between_runtime_and_pool_without_a_clash():
    assert names.pool_service("a", "b-c") != names.pool_service("a-b", "c")


def test_people_can_read_names():
    assert names.workers("demo") == "demo-worker"
    assert names.worker_metrics("demo") == "demo-worker-metrics"
    assert re.fullmatch(r"demo-digits-[0-9a-f]{10}", names.pool_service("demo", "digits"))
    assert names.label_value("demo.v1") == "demo.v1"


def test_long_names_that_differ_at_the_end_alone_stay_apart():
    one, other = "x" * 252 + "1", "x" * 252 + "2"
    assert not set(all_names(one, "p" * 63)) & set(all_names(other, "p" * 63))
