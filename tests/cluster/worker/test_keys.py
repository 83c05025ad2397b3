"""A key is replaced by another while the worker serves."""

import secrets

from acting_operator import nothing_behind
from following_worker import acknowledged

from fourplane_wire.signing import SigningKey


def test_a_key_is_replaced_without_a_restart(acting, follow):
    worker = follow()
    first = acting.publish(*nothing_behind("a"))
    worker.acknowledges(first)
    pids = worker.pids()
    acting.key = SigningKey(secrets.token_bytes(32))
    second = acting.publish(*nothing_behind("b"))
    assert worker.rejects("Untrusted")["digest"] == second.stable
    worker.trust(acting.key, "second")
    assert "rejections" not in worker.acknowledges(second)
    (worker.keys / "first.pub").unlink()
    worker.acknowledges(acting.publish(*nothing_behind("c")))
    assert worker.pids() == pids


def test_a_folder_without_a_key_leaves_those_of_before(acting, follow):
    worker = follow()
    worker.acknowledges(acting.publish(*nothing_behind("a")))
    (worker.keys / "first.pub").write_bytes(b"garbage")
    worker.acknowledges(acting.publish(*nothing_behind("b")))
    assert worker.page("/readyz") == "ok\n"


def test_a_signature_by_a_new_key_outlives_the_old_key_over_a_restart(acting, follow):
    worker = follow()
    first = acting.publish(*nothing_behind("a"))
    worker.acknowledges(first)
    acting.key = SigningKey(secrets.token_bytes(32))
    worker.trust(acting.key, "second")
    acting.sign_anew(acting.compiled(*nothing_behind("a")))
    raised = acting.activate(first.stable)
    worker.acknowledges(raised)
    (worker.keys / "first.pub").unlink()
    worker.end()
    worker.start()
    worker.reports(lambda spec: "rejections" not in spec and acknowledged(spec), "it serves, and rejects nothing")
