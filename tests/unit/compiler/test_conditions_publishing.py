from dataclasses import replace

from compiler_resources import RUNTIME_REF, a_route, a_runtime
from test_conditions_support import NOW, F, R, T, a_world, active, digest_of, on, the, trouble, written

from fourplane_compiler.conditions import Held, Rejection, Report, answers_of, conditions, subject_of


def test_a_snapshot_that_is_refused_says_so_on_what_waits_for_it_and_on_nothing_else():
    before = a_world(a_runtime(), a_route(), a_route("other", model="other"))
    after = a_world(a_route(deadline="7s"), before=before)
    refused = replace(answers_of(active(before), [on(before)]), refusal="exceeded quota: snapshots")

    def found(ref):
        return conditions(subject_of(after, ref, [Held.of(before)]), refused, (), NOW)

    edited = found(R)
    assert the(edited, "Programmed").status is F
    assert "exceeded quota: snapshots" in the(edited, "Programmed").message
    assert the(edited, "Serving").status is T
    assert trouble(edited) == ("Stalled", "PublishFailed")
    assert trouble(found(type(R)("ModelRoute", "default/other"))) == ("Ready", "Ready")


def test_a_worker_that_refuses_a_newer_decision_on_what_it_serves_shows_on_the_runtime():
    world = a_world(a_runtime(), a_route())
    untrusted = Rejection(digest=digest_of(world), message="no trusted key signed it")
    stays = Report(acknowledged=digest_of(world), rejections=(untrusted,), revision=(1, 1))
    newer = replace(active(world), epoch=2)
    assert trouble(written(world, stays, activated=newer, ref=RUNTIME_REF)) == ("Stalled", "Rejected")
    assert trouble(written(world, stays, activated=newer)) == ("Ready", "Ready")
    took = replace(stays, revision=(2, 1))
    assert trouble(written(world, took, activated=newer, ref=RUNTIME_REF)) == ("Ready", "Ready")
