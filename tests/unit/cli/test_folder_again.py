"""A folder read again: what is unchanged is not parsed again, and nothing else is different."""

import os
from itertools import count

import pytest
import yaml
from cli_folders import RUNTIME, a_folder, a_route
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fourplane_cli import folder as folders
from fourplane_cli.documents import UnreadableError, parse_documents, pieces_of
from fourplane_cli.folder import Files, read_folder

FIELDS = ("", "metadata.name", "spec.deadline", "spec.backends[0].pool", "spec.pools[1].triton", "a", "a.b", "b[0]")


def said(folder):
    """Return everything that is known of a folder, as values that can be compared."""
    return (
        list(folder.resources.items()),
        [(ref, one.path, repr(one.data), lines(one)) for ref, one in folder.documents.items()],
        folder.findings,
        folder.notes,
        folder.runtimes(),
    )


def lines(document):
    return [document.line_of(field) for field in FIELDS]


DOCUMENTS = st.sampled_from(
    [
        RUNTIME,
        RUNTIME.replace("modelRepository: models", "modelRepository: b"),
        RUNTIME.replace("modelRepository: models", 'modelRepository: "\\0"'),
        RUNTIME.replace("8001", "x"),
        a_route("r"),
        a_route("r", deadline="1s"),
        a_route("s"),
        a_route("s", deadline="soon"),
        a_route("s").replace("name: s\nspec", "label: s\nspec"),
        yaml.safe_dump({"kind": "List", "items": [yaml.safe_load(a_route(name)) for name in "rst"]}),
        "apiVersion: fourplane.dev/v1alpha1\nkind: ModelRout\nmetadata: {name: x}\n",
        "apiVersion: v1\nkind: ConfigMap\n",
        "metadata: {name: x}\nkind: ModelRoute\napiVersion: v1\n",
        "# nothing\n",
        "\n\n",
        "a: [\n",
        "a: 1\na: 2\n",
        "...\n",
    ]
)
TEXTS = st.lists(DOCUMENTS, max_size=4).map("---\n".join)
NAMES = st.sampled_from(["a.yaml", "b/a.yaml", "b/c.yml", "c/1/d.yaml", "d.yaml", "b/1/model.py", "e.txt"])
EDITS = st.one_of(
    st.tuples(st.just("write"), NAMES, TEXTS),
    st.tuples(st.just("rename"), NAMES, NAMES),
    st.tuples(st.just("link"), NAMES, NAMES),
    st.tuples(st.just("delete"), NAMES, st.none()),
)


def edit(root, what, name, other):
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_symlink() and not path.exists():
        path.unlink()
    if what == "write":
        path.write_text(other)
    elif what == "rename" and path.exists():
        (root / other).parent.mkdir(parents=True, exist_ok=True)
        path.replace(root / other)
    elif what == "link" and not path.exists():
        path.symlink_to(root / other)
    elif what == "delete":
        path.unlink(missing_ok=True)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.lists(EDITS, min_size=1, max_size=4), min_size=1, max_size=6), st.booleans())
def test_reading_edit_by_edit_is_reading_anew(tmp_path_factory, batches, are_trusted):
    root = tmp_path_factory.mktemp("resources")
    files, times = Files(), count(1)
    with pytest.MonkeyPatch.context() as patch:
        if are_trusted:
            patch.setattr(folders, "_YOUNG_NS", -(10**30))
        for batch in batches:
            for one in batch:
                edit(root, *one)
                place = root / one[1]
                if place.exists():
                    os.utime(place, ns=(0, next(times)))
            assert said(read_folder(root, files)) == said(read_folder(root))


def parsed(text):
    """Return the documents that the whole text has, and those that its pieces have; None where one is unreadable."""
    try:
        whole = list(parse_documents("x", text))
    except UnreadableError:
        whole = None
    try:
        pieces = [
            document.moved(above)
            for above, piece in pieces_of(text)
            for document in parse_documents("x", piece, is_piece=True)
        ]
    except UnreadableError:
        pieces = None
    return [documents and [(repr(one.data), lines(one)) for one in documents] for documents in (whole, pieces)]


LINES = (
    "---",
    "--- ",
    "---\n",
    "--- a",
    "----",
    "...\n",
    "%YAML 1.1\n",
    "%TAG ! tag:x\n",
    "\n",
    "\r",
    "\r\n",
    "#",
    "#x",
)
MARKS = ("- ", "? ", "|", "|+\n", ">-\n", '"', "'", "[", "]", "{", "}", ", ", "&x ", "*x", "<<: ", "!!str ", "!t ")
OTHERS = ("a: ", "b:\n", "1", " ", "  ", "\t", "é", "\x85", "\u2028", "\ufeff", "\0", "kind: List\nitems:\n")
FRAGMENTS = st.sampled_from(LINES + MARKS + OTHERS)


@settings(max_examples=1000, deadline=None)
@given(st.lists(FRAGMENTS, max_size=14).map("".join).map(str.encode) | st.binary(max_size=8))
@example(b"a: |+\n\n---\n---\n--- |\n x\n\n---\nb: 1\n")
@example(b"a: &x {b: 1}\n---\na: {<<: *x}\n")
@example(b"a: [\n---\n]\n")
@example(b"a: &x {b: 1}\n<<: *x\n---\na: &x {b: 1}\n<<:\n  *x\n---\nkind: List\nitems:\n- a:\n   b: 1\n- b: [1]\n")
def test_pieces_say_what_the_whole_says_or_nothing(text):
    whole, pieces = parsed(text)
    divided = [piece for _, piece in pieces_of(text)]
    assert not divided or b"".join(divided) == text
    if divided and pieces is not None:
        assert pieces == whole


@pytest.fixture
def texts(monkeypatch):
    """What is parsed, as it is parsed."""
    seen = []

    def parse(path, text, **options):
        seen.append(text.decode())
        return parse_documents(path, text, **options)

    monkeypatch.setattr(folders, "parse_documents", parse)
    return seen


def test_what_is_unchanged_is_not_parsed_again(tmp_path, texts):
    pieces = [RUNTIME, "---\n" + a_route("r"), "---\n" + a_route("s")]
    root, files = a_folder(tmp_path, {"a.yaml": "".join(pieces), "b.yaml": a_route("t")}), Files()
    read_folder(root, files)
    assert texts == [*pieces, a_route("t")]
    texts.clear()
    read_folder(root, files)
    assert texts == []
    edited = "---\n" + a_route("r", deadline="1s")
    a_folder(root, {"a.yaml": "# moved\n" + RUNTIME + edited + pieces[2]})
    assert len(read_folder(root, files).resources) == 4
    assert texts == ["# moved\n" + RUNTIME, edited]


def test_what_is_unchanged_for_long_is_not_even_read_again(tmp_path, monkeypatch):
    root, files = a_folder(tmp_path, {"a.yaml": RUNTIME, "b.yaml": a_route()}), Files()
    monkeypatch.setattr(folders, "_YOUNG_NS", -(10**30))
    read_folder(root, files)
    read = []
    monkeypatch.setattr(folders, "read_text", lambda path: read.append(path.name) or path.read_bytes())
    os.utime(root / "b.yaml", ns=(0, 1))
    assert len(read_folder(root, files).resources) == 2
    assert read == ["b.yaml"]


def test_an_edit_that_leaves_size_and_times_is_seen(tmp_path, monkeypatch):
    # Two edits within one tick of a file system's clock.
    root, files = a_folder(tmp_path, {"a.yaml": RUNTIME, "b.yaml": a_route(deadline="1s")}), Files()
    path = root / "b.yaml"
    stat = type(path).stat
    before = stat(path)
    monkeypatch.setattr(
        type(path), "stat", lambda self, **options: before if self == path else stat(self, **options), raising=True
    )
    read_folder(root, files)
    path.write_text(a_route(deadline="2s"))
    assert said(read_folder(root, files)) == said(read_folder(root))


def test_a_model_repository_has_no_part_in_what_is_there_twice(tmp_path):
    root = a_folder(tmp_path, {"a.yaml": RUNTIME, "b.yaml": a_route(), "models/x.yaml": a_route() + "---\na: [\n"})
    folder = read_folder(root)
    assert sorted(ref.name for ref in folder.resources) == ["default/demo", "default/r"]
    assert all(not hasattr(resource, "problems") for resource in folder.resources.values())
    assert not folder.findings


def test_a_link_to_itself_is_a_problem_and_no_end(tmp_path):
    root = a_folder(tmp_path, {"a.yaml": RUNTIME})
    (root / "b.yaml").symlink_to(root / "b.yaml")
    assert [one.path.name for one in read_folder(root).findings] == ["b.yaml"]
