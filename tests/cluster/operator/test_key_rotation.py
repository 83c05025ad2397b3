import base64
import secrets

from acting_operator import NOWHERE
from system_runtime import a_route, a_runtime
from system_worker import eventually

from fourplane_wire.envelopes import decode_signed_manifest
from fourplane_wire.signing import SigningKey


def test_a_key_is_replaced_without_an_edit_or_an_interruption(site, start_operator, start_worker):
    old = start_operator(site)
    site.apply(a_runtime({"main": ([NOWHERE], ["echo"])}), a_route("echo", ("main", "echo")))
    before = site.activates()["stable"]
    old.stop()

    new = SigningKey(secrets.token_bytes(32))
    new_file = site.folder / "new.key"
    new_file.write_bytes(new.pem())
    both = start_operator(site, "--signing-key", str(new_file))
    eventually(lambda: signers(site, before) == 2, "the active snapshot is signed by both keys")
    both.stop()

    site.key = new_file
    site.public_key.write_bytes(new.public.pem())
    start_operator(site).leads()
    start_worker(site, "shop-0")  # trusts the new key alone
    site.until("mroute", "echo", "Ready", "True")
    assert site.active()["stable"] == before
    assert signers(site, before) >= 1


def signers(site, digest):
    found = site.get("configsnapshot", digest.replace(":", "-"))
    return len(decode_signed_manifest(base64.b64decode(found["spec"]["manifest"])).signatures)
