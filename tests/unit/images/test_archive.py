"""An archive is what container engines load: a manifest, a configuration and layers, by their hashes."""

import hashlib
import json
import tarfile

import archive
import pytest


@pytest.fixture
def layer(tmp_path):
    source = tmp_path / "program"
    source.write_text("run")
    source.chmod(0o700)

    def fill(tree):
        tree.file("/usr/bin/program", source)
        tree.link("/usr/bin/alias", "program")
        tree.text("/etc/motd", "hello")
        tree.folder("/tmp", 0o1777)

    return archive.layer(tmp_path / "layer.tar", fill)


def test_everything_belongs_to_root_and_can_be_read_by_all(layer):
    with tarfile.open(layer.path) as tar:
        members = {member.name: member for member in tar}
    assert {member.uid for member in members.values()} == {0}
    assert members["usr/bin/program"].mode == 0o755
    assert members["etc/motd"].mode == 0o644
    assert members["tmp"].mode == 0o1777
    assert members["usr/bin/alias"].linkname == "program"


def test_a_folder_comes_before_what_is_in_it_and_once(layer):
    with tarfile.open(layer.path) as tar:
        names = tar.getnames()
    assert names == ["usr", "usr/bin", "usr/bin/program", "usr/bin/alias", "etc", "etc/motd", "tmp"]


def test_the_same_files_make_the_same_layer(layer, tmp_path):
    again = archive.layer(tmp_path / "again.tar", lambda tree: tree.text("/a", "b"))
    more = archive.layer(tmp_path / "more.tar", lambda tree: tree.text("/a", "b"))
    assert again.digest == more.digest != layer.digest


def test_an_image_names_its_layers_by_their_hashes(layer, tmp_path):
    path = archive.image(tmp_path / "image.tar", "localhost/it:1", (layer,), {"User": "65532:65532"}, "x86_64")
    with tarfile.open(path) as tar:
        (manifest,) = json.load(tar.extractfile("manifest.json"))
        config = json.load(tar.extractfile(manifest["Config"]))
        stored = tar.extractfile(manifest["Layers"][0]).read()
    assert manifest["RepoTags"] == ["localhost/it:1"]
    assert config["rootfs"]["diff_ids"] == [f"sha256:{hashlib.sha256(stored).hexdigest()}"]
    assert (config["config"]["User"], config["architecture"]) == ("65532:65532", "amd64")


def test_what_has_a_skipped_name_stays_out(tmp_path):
    for name in ("kept/a", "tests/b", "kept/tests/c"):
        (tmp_path / "tree" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "tree" / name).touch()
    made = archive.layer(tmp_path / "layer.tar", lambda tree: tree.copy("/opt", tmp_path / "tree"))
    with tarfile.open(made.path) as tar:
        assert [member.name for member in tar if member.isfile()] == ["opt/kept/a"]


def test_a_layer_that_fails_leaves_nothing_under_its_name(tmp_path):
    def fill(tree):
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        archive.layer(tmp_path / "layer.tar", fill)
    assert not (tmp_path / "layer.tar").exists()
