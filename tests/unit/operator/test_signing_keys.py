"""The private keys that the operator is told to sign with."""

import pytest

from fourplane_operator import keys
from fourplane_operator.errors import SetupError
from fourplane_wire.signing import SEED_BYTES, SigningKey


def a_key(path, seed):
    key = SigningKey(bytes([seed]) * SEED_BYTES)
    path.write_bytes(key.pem())
    return key.public.key_id


def ids(*paths):
    return [key.public.key_id for key in keys.from_files(paths)]


def test_a_folder_stands_for_all_keys_in_it_by_name(tmp_path):
    second, first = a_key(tmp_path / "signing.key", 1), a_key(tmp_path / "next.key", 2)
    (tmp_path / "next.key.pub").write_text("not a private key")
    assert ids(tmp_path) == [first, second]
    assert ids(tmp_path / "signing.key") == [second]


def test_a_folder_without_keys_is_told(tmp_path):
    with pytest.raises(SetupError, match=r"there is no \*\.key"):
        ids(tmp_path)


def test_a_file_that_is_no_key_or_not_there_is_told(tmp_path):
    (tmp_path / "bad.key").write_text("no key")
    with pytest.raises(SetupError, match=r"bad\.key"):
        ids(tmp_path)
    with pytest.raises(SetupError, match=r"absent\.key"):
        ids(tmp_path / "absent.key")
