"""The cache of what users wrote: whatever comes late, twice or not at all, the newest form is the one."""

import pytest
from operator_making import ROUTE, RUNTIME, a_document, a_route

from fourplane_compiler.diagnostics import SourceRef
from fourplane_compiler.sources import Broken
from fourplane_operator.gathering import Gathered

DEMO = "default/demo"
R = SourceRef(ROUTE, "default/r")
READY = {
    "conditions": [
        {
            "type": "Ready",
            "status": "True",
            "reason": "Ready",
            "message": "",
            "lastTransitionTime": "2026-01-01T00:00:00Z",
        }
    ]
}


@pytest.fixture
def woken():
    return []


@pytest.fixture
def gathered(woken):
    return Gathered(woken.append)


def taken(gathered, runtime=DEMO):
    changes = gathered.take(runtime)
    return [one.metadata.name for one in changes.upserts], [str(ref.name) for ref in changes.deletes]


def test_what_was_seen_waits_for_its_runtime_once(gathered, woken):
    gathered.saw(a_route(version=1))
    assert woken == [DEMO]
    assert taken(gathered) == (["r"], [])
    assert taken(gathered) == ([], [])


def test_an_older_form_and_one_seen_before_are_passed_over(gathered, woken):
    gathered.saw(a_route(version=5, generation=2, model="new"))
    gathered.saw(a_route(version=4, model="old"))
    gathered.saw(a_route(version=5, generation=2))
    assert len(woken) == 1
    (route,) = gathered.take(DEMO).upserts
    assert route.spec.model.name == "new"


def test_a_status_that_was_written_compiles_nothing(gathered, woken):
    gathered.saw(a_route(version=1))
    gathered.take(DEMO)
    gathered.saw(a_route(version=2, status=READY))
    assert taken(gathered) == ([], [])
    assert gathered.known[R].version == 2
    assert gathered.stirred == {DEMO: {R}}
    gathered.stirred.clear()
    gathered.saw(a_route(version=3, status=READY))
    assert gathered.stirred == {}, "only its metadata is different"


def test_an_own_write_that_is_heard_of_later_stirs_nothing(gathered):
    gathered.saw(a_route(version=1))
    answer = a_route(version=2, status=READY)
    gathered.wrote(R, answer)
    gathered.saw(answer)
    assert gathered.stirred == {}
    assert gathered.known[R].version == 2


def test_an_answer_about_another_of_that_name_is_no_news(gathered):
    gathered.saw(a_route(version=5, uid="second"))
    gathered.wrote(R, a_route(version=9, uid="first", status=READY))
    assert gathered.known[R].version == 5


def test_a_deletion_is_compiled_and_an_event_from_before_it_brings_nothing_back(gathered):
    gathered.listed(ROUTE, "default", [a_route(version=1)], "2")
    gathered.take(DEMO)
    gathered.lost(a_route(version=4))
    assert taken(gathered) == ([], ["default/r"])
    gathered.saw(a_route(version=3))
    assert gathered.known == {}
    gathered.saw(a_route(version=5, uid="another"))
    assert taken(gathered) == (["r"], [])


def test_a_late_deletion_of_the_first_does_not_remove_the_second(gathered):
    gathered.saw(a_route(version=5, uid="second"))
    gathered.lost(a_route(version=4, uid="first"))
    assert R in gathered.known


def test_events_from_before_a_listing_that_lacks_them_are_old_news(gathered):
    gathered.listed(ROUTE, "", [], "10")
    gathered.saw(a_route(version=9))
    assert gathered.known == {}
    gathered.saw(a_route(version=11))
    assert R in gathered.known


def test_a_listing_finds_what_went_without_a_word_and_leaves_what_came_after_it(gathered):
    gathered.saw(a_route("gone", version=1))
    gathered.saw(a_route("newer", version=12))
    gathered.saw(a_route("elsewhere", version=1, namespace="other", of_namespace="default"))
    assert gathered.listed(ROUTE, "default", [a_route("there", version=3)], "10") == 1
    assert {ref.name for ref in gathered.known} == {"default/newer", "default/there", "other/elsewhere"}


def test_a_listing_of_one_kind_says_nothing_of_another(gathered):
    gathered.saw(a_route(version=1))
    assert gathered.listed(RUNTIME, "", [], "10") == 0


def test_a_route_that_moved_leaves_its_old_runtime(gathered, woken):
    gathered.saw(a_route(version=1))
    gathered.take(DEMO)
    gathered.saw(a_route(version=2, uid="again", runtime="second"))
    assert taken(gathered) == ([], ["default/r"])
    assert taken(gathered, "default/second") == (["r"], [])


def test_a_broken_route_stays_with_the_runtime_that_it_names(gathered):
    broken = a_document(ROUTE, "r", {"runtimeRef": {"name": "demo", "namespace": "far"}, "model": 1}, version=1)
    gathered.saw(broken)
    (found,) = gathered.take("far/demo").upserts
    assert isinstance(found, Broken)
    assert found.problems


@pytest.mark.parametrize("reference", [None, "demo", {"name": 7}, {"name": ""}])
def test_a_route_that_lost_its_reference_stays_with_its_runtime_so_that_its_last_good_form_does(gathered, reference):
    gathered.saw(a_route(version=1))
    gathered.take(DEMO)
    gathered.saw(a_document(ROUTE, "r", {"runtimeRef": reference}, version=2, uid="uid-of-r", generation=2))
    (found,) = gathered.take(DEMO).upserts
    assert isinstance(found, Broken)
    assert found.generation == 2


def test_a_route_that_never_named_a_runtime_is_gathered_all_the_same(gathered, woken):
    gathered.saw(a_document(ROUTE, "r", {}, version=1))
    assert woken == ["default/-"]


def test_what_a_failed_compile_took_waits_again_behind_what_is_newer(gathered):
    for name in ("a", "b"):
        gathered.saw(a_route(name, version=1))
    gathered.lost(a_route("b", version=2))
    changes = gathered.take(DEMO)
    gathered.saw(a_route("a", version=3, generation=2, model="newer"))
    gathered.put_back(DEMO, changes)
    again = gathered.take(DEMO)
    assert [one.spec.model.name for one in again.upserts] == ["newer"]
    assert [ref.name for ref in again.deletes] == ["default/b"]


def test_a_runtime_that_waits_for_what_depends_on_it_is_compiled_as_gone_and_stays_known(gathered):
    gathered.saw(a_document(RUNTIME, "demo", {"pools": []}, version=1))
    gathered.take(DEMO)
    going = a_document(RUNTIME, "demo", {"pools": []}, version=2, generation=2)
    going["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    gathered.saw(going)
    assert taken(gathered) == ([], [DEMO])
    assert gathered.known[SourceRef(RUNTIME, DEMO)].is_going
