"""Bundles, signatures and activations: whatever is not exactly what was signed is refused."""

from dataclasses import replace
from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from snapshot_values import a_pool, a_route, a_runtime, snapshots

from fourplane_wire.activation import (
    Activation,
    decode_activation,
    encode_activation,
    read_activation,
    write_activation,
)
from fourplane_wire.bundle import is_bundle, read_bundle, write_bundle
from fourplane_wire.envelopes import decode_signed_manifest, encode_signed_manifest, sign
from fourplane_wire.errors import ContractVersionError, SignatureError, SnapshotInvalidError, WireError
from fourplane_wire.provenance import Provenance, Source, decode_provenance, encode_provenance
from fourplane_wire.signing import Keyring, PublicKey, Purpose, Signature, SigningKey
from fourplane_wire.snapshot import encode_snapshot

OLD, NEW, STRANGER = (SigningKey(bytes([index]) * 32) for index in range(3))
TRUSTED = Keyring([OLD.public])
ENCODED = encode_snapshot(a_runtime(), [a_pool()], [a_route()])
SOURCE = Source(kind="ModelRoute", namespace="default", name="r", uid="u", generation=3, sha256="ab" * 32)
PROVENANCE = Provenance(snapshot=ENCODED.digest, sources=(SOURCE,), revision="abc", compiled_at_ms=5)
ACTIVATION = Activation(runtime="default/demo", epoch=1, sequence=2, stable=ENCODED.digest)
BUNDLE = write_bundle(ENCODED, OLD, provenance=PROVENANCE, activation=ACTIVATION)


def test_a_bundle_has_everything_that_was_put_in():
    opened = read_bundle(BUNDLE, TRUSTED)
    assert opened.decoded.snapshot.digest == ENCODED.digest
    assert opened.shards == dict(ENCODED.shards)
    assert opened.provenance == PROVENANCE
    assert opened.activation == ACTIVATION
    assert is_bundle(BUNDLE)


@settings(max_examples=50, deadline=None)
@given(snapshots())
def test_any_snapshot_survives_a_bundle(values):
    encoded = encode_snapshot(*values)
    assert read_bundle(write_bundle(encoded, OLD), TRUSTED).decoded.snapshot.digest == encoded.digest


def test_equal_input_gives_equal_bytes():
    assert write_bundle(ENCODED, OLD, provenance=PROVENANCE, activation=ACTIVATION) == BUNDLE


@pytest.mark.parametrize("keyring", [TRUSTED, None], ids=["verified", "only read"])
def test_a_flip_of_any_byte_is_refused(keyring):
    for place in range(len(BUNDLE)):
        for mask in (1, 0x20, 0x80):
            damaged = bytearray(BUNDLE)
            damaged[place] ^= mask
            with pytest.raises(WireError):
                read_bundle(bytes(damaged), keyring)


def test_a_bundle_that_is_cut_off_or_continued_is_refused():
    for length in range(len(BUNDLE)):
        with pytest.raises(WireError):
            read_bundle(BUNDLE[:length], TRUSTED)
    with pytest.raises(WireError):
        read_bundle(BUNDLE + b"\0", TRUSTED)


@given(st.binary(max_size=300))
def test_any_content_under_a_right_hash_is_read_or_refused(body):
    data = b"fourplane-bundle 1 sha256:%b\n%b" % (sha256(body).hexdigest().encode(), body)
    with pytest.raises(WireError):
        read_bundle(data, None)


def test_something_else_is_no_bundle():
    with pytest.raises(SnapshotInvalidError, match="no fourplane bundle"):
        read_bundle(b"apiVersion: v1\n" * 20, TRUSTED)


def test_a_bundle_of_another_version_says_both():
    with pytest.raises(ContractVersionError, match="'2'; this release supports 1"):
        read_bundle(BUNDLE.replace(b"bundle 1 ", b"bundle 2 ", 1), TRUSTED)


@pytest.mark.parametrize(
    "parts",
    [
        {"provenance": replace(PROVENANCE, snapshot="sha256:" + "0" * 64)},
        {"activation": replace(ACTIVATION, stable="sha256:" + "0" * 64)},
        {"activation": replace(ACTIVATION, runtime="default/other")},
    ],
)
def test_parts_must_be_about_the_snapshot(parts):
    with pytest.raises(SnapshotInvalidError):
        read_bundle(write_bundle(ENCODED, OLD, **parts), TRUSTED)


def test_two_keys_overlap_while_one_replaces_the_other():
    both = write_bundle(ENCODED, OLD, NEW)
    for trusted in ([OLD], [NEW], [OLD, NEW], [NEW, STRANGER]):
        read_bundle(both, Keyring(key.public for key in trusted))


def test_unknown_keys_alone_are_refused_and_named():
    with pytest.raises(SignatureError, match=f"signed by {OLD.public.key_id}.*trusted keys are {NEW.public.key_id}"):
        read_bundle(BUNDLE, Keyring([NEW.public]))
    with pytest.raises(SignatureError, match="signed by nobody"):
        read_bundle(write_bundle(ENCODED), TRUSTED)
    with pytest.raises(SignatureError, match="trusted keys are none"):
        read_bundle(BUNDLE, Keyring([]))


def test_a_trusted_key_that_does_not_match_is_refused_even_beside_one_that_does():
    payload = ENCODED.manifest
    good, bad = NEW.sign(Purpose.MANIFEST, payload), OLD.sign(Purpose.MANIFEST, b"something else")
    ring = Keyring([OLD.public, NEW.public])
    assert ring.verify(Purpose.MANIFEST, payload, [good]) == (NEW.public.key_id,)
    with pytest.raises(SignatureError, match="does not match"):
        ring.verify(Purpose.MANIFEST, payload, [good, bad])


def test_a_signature_serves_for_one_purpose_alone():
    for made in Purpose:
        for used in Purpose:
            signature = OLD.sign(made, b"payload")
            if made is used:
                TRUSTED.verify(used, b"payload", [signature])
                continue
            with pytest.raises(SignatureError):
                TRUSTED.verify(used, b"payload", [signature])


def test_a_key_id_that_is_claimed_is_not_enough():
    forged = Signature(OLD.public.key_id, STRANGER.sign(Purpose.MANIFEST, b"x").ed25519)
    with pytest.raises(SignatureError):
        TRUSTED.verify(Purpose.MANIFEST, b"x", [forged])
    with pytest.raises(SignatureError):
        TRUSTED.verify(Purpose.MANIFEST, b"x", [Signature(OLD.public.key_id, b"")])


def test_keys_survive_their_files():
    assert SigningKey.from_pem(OLD.pem()).public == OLD.public
    assert PublicKey.from_pem(OLD.public.pem()) == OLD.public
    assert PublicKey.from_pem(OLD.pem()) == OLD.public
    assert len(OLD.public.key_id) == 16


ELLIPTIC = b"""-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEEVs/o5+uQbTjL3chynL4wXgUg2R9
q9UU8I5mEovUf86QZ7kOBIjJwqnzD1omageEHWwHdBO6B+dFabmdT9POxg==
-----END PUBLIC KEY-----
"""


@pytest.mark.parametrize("pem", [b"", b"nonsense", OLD.pem()[:60], ELLIPTIC])
def test_what_is_no_key_is_refused(pem):
    with pytest.raises(SignatureError):
        PublicKey.from_pem(pem)
    with pytest.raises(SignatureError):
        SigningKey.from_pem(pem)


def test_a_signed_manifest_survives_its_file():
    signed = sign(Purpose.MANIFEST, ENCODED.manifest, [OLD, NEW])
    again = decode_signed_manifest(encode_signed_manifest(signed))
    assert again.verified(TRUSTED) == ENCODED.manifest
    assert {signature.key_id for signature in again.signatures} == {OLD.public.key_id, NEW.public.key_id}


@given(st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1), st.booleans())
def test_an_activation_survives_its_file(epoch, sequence, replaces):
    activation = replace(
        ACTIVATION, epoch=epoch, sequence=sequence, previous="sha256:" + "1" * 64 if replaces else None
    )
    assert decode_activation(encode_activation(activation)) == activation
    assert read_activation(write_activation(activation, OLD), TRUSTED) == activation


def test_an_activation_is_newer_by_epoch_then_sequence():
    first, second, third = (
        replace(ACTIVATION, epoch=epoch, sequence=sequence) for epoch, sequence in ((1, 2), (1, 3), (2, 0))
    )
    assert third.is_newer_than(second)
    assert second.is_newer_than(first)
    assert not first.is_newer_than(first)
    assert not first.is_newer_than(second)


def test_a_flip_of_any_byte_of_an_activation_is_refused():
    data = write_activation(ACTIVATION, OLD)
    for place in range(len(data)):
        damaged = bytearray(data)
        damaged[place] ^= 1
        with pytest.raises(WireError):
            read_activation(bytes(damaged), TRUSTED)


@pytest.mark.parametrize(
    "changes", [{"stable": "sha256:0"}, {"stable": "md5:" + "0" * 64}, {"runtime": "demo"}, {"previous": "x"}]
)
def test_an_activation_that_is_not_well_formed_is_refused(changes):
    with pytest.raises(SnapshotInvalidError):
        decode_activation(encode_activation(replace(ACTIVATION, **changes)))


def test_provenance_has_one_form():
    other = replace(SOURCE, name="a")
    one = encode_provenance(replace(PROVENANCE, sources=(SOURCE, other)))
    assert one == encode_provenance(replace(PROVENANCE, sources=(other, SOURCE)))
    assert decode_provenance(one).sources == (other, SOURCE)
