"""Which addresses EndpointSlices give for a port of a Service."""

from store_making import a_pool, a_runtime

from fourplane_compiler.workloads.names import pool_service
from fourplane_core.control.snapshot import Digest, Pool, Snapshot
from fourplane_worker.cluster.slices import Found, Place, found, places

PLACE = Place("engines", "8001")


def a_slice(*endpoints, ports=({"name": "grpc", "port": 8001},), family="IPv4"):
    return {"addressType": family, "endpoints": list(endpoints), "ports": list(ports)}


def at(address, pod="", **conditions):
    return {"addresses": [address], "conditions": conditions} | ({"targetRef": {"uid": pod}} if pod else {})


def test_endpoints_of_all_slices_are_taken_in_order():
    slices = [a_slice(at("10.0.0.2"), at("10.0.0.1")), a_slice(at("10.0.0.3"))]
    assert found(PLACE, slices).addresses == ("10.0.0.1:8001", "10.0.0.2:8001", "10.0.0.3:8001")


def test_addresses_of_the_sixth_version_are_written_in_brackets():
    assert found(PLACE, [a_slice(at("fd00::1"), family="IPv6")]) == Found(("[fd00::1]:8001",))


def test_a_pod_of_both_families_counts_once():
    slices = [a_slice(at("fd00::1", "a"), at("fd00::2", "b"), family="IPv6"), a_slice(at("10.0.0.1", "a"))]
    assert found(PLACE, slices).addresses == ("10.0.0.1:8001", "[fd00::2]:8001")


def test_what_does_not_say_whether_it_is_ready_is():
    slices = [a_slice({"addresses": ["10.0.0.1"]}, {"addresses": ["10.0.0.2"], "conditions": None})]
    assert len(found(PLACE, slices).addresses) == 2


def test_what_is_not_ready_or_terminates_is_left_out():
    slices = [a_slice(at("10.0.0.1", ready=False), at("10.0.0.2", ready=True, terminating=True))]
    assert found(PLACE, slices) == Found((), "Service engines has no ready endpoint")


def test_empty_lists_may_be_null():
    assert found(PLACE, [{"addressType": "IPv4", "endpoints": None, "ports": None}]).addresses == ()
    assert found(PLACE, [a_slice({"addresses": None})]).addresses == ()


def test_names_of_hosts_are_no_addresses():
    assert found(PLACE, [a_slice(at("engine.example.com"), family="FQDN")]).addresses == ()


def test_a_port_is_found_by_name_then_by_number():
    ports = ({"name": "http", "port": 8000}, {"name": "grpc", "port": 9001}, {"name": "8001", "port": 9002})
    slices = [a_slice(at("10.0.0.1"), ports=ports)]
    assert found(Place("engines", "grpc"), slices).addresses == ("10.0.0.1:9001",)
    assert found(Place("engines", "8000"), slices).addresses == ("10.0.0.1:8000",)
    assert found(Place("engines", "8001"), slices).addresses == ("10.0.0.1:9002",)


def test_the_only_port_is_meant_whatever_its_number_in_the_pods_is():
    assert found(Place("engines", "80"), [a_slice(at("10.0.0.1"))]).addresses == ("10.0.0.1:8001",)


def test_a_port_that_is_none_of_several_is_said():
    slices = [a_slice(at("10.0.0.1"), ports=({"name": "http", "port": 8000}, {"name": "grpc", "port": 9001}))]
    assert found(Place("engines", "80"), slices).problem == "Service engines has no port 80; it has grpc, http"


def test_datagrams_are_not_spoken():
    assert found(PLACE, [a_slice(at("10.0.0.1"), ports=({"port": 8001, "protocol": "UDP"},))]).addresses == ()


def test_pools_without_addresses_are_looked_for_by_their_service_or_that_of_the_runtime():
    served = Pool(name="theirs", endpoints=(), models=(), service="kserve:9000")
    snapshot = Snapshot(
        digest=Digest("sha256:" + "0" * 64),
        runtime=a_runtime("default/shop"),
        pools=(a_pool("127.0.0.1:1", name="fixed"), a_pool(name="managed"), served),
    )
    assert places(snapshot) == {
        "managed": Place(pool_service("shop", "managed"), "8001"),
        "theirs": Place("kserve", "9000"),
    }
