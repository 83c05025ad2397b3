"""Values on stdout."""

import errno

import click
import pytest
from cli_folders import RUNTIME, a_folder, a_route, run

from fourplane_cli.output import write_tsv


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (True, "true"),
        (False, "false"),
        (None, ""),
        (["a", "b"], "a,b"),
        ((), ""),
        ((True, 1), "true,1"),
        (0.5, "0.5"),
        ("a\tb\nc", "a b c"),
    ],
)
def test_a_cell_holds_what_shells_expect(capsys, value, written):
    write_tsv(("before", "cell", "after"), [("x", value, "y")])
    assert capsys.readouterr().out == f"before\tcell\tafter\nx\t{written}\ty\n"


def rows(*arguments):
    header, *lines = run(*arguments, "--output", "tsv").stdout.splitlines()
    return [dict(zip(header.split("\t"), line.split("\t"), strict=True)) for line in lines]


def test_lists_and_truths_in_tables_are_not_those_of_python(tmp_path):
    folder = a_folder(tmp_path / "resources", {"runtime.yaml": RUNTIME, "r.yaml": a_route()})
    key, other, bundle = tmp_path / "k", tmp_path / "other", tmp_path / "b"
    run("keygen", "-o", key)
    run("keygen", "-o", other)
    (made,) = rows("compile", folder, "-o", bundle, "--key", key, "--key", other)
    assert made["changed"] == "true"
    (verified,) = rows("verify", bundle, "--key", f"{key}.pub", "--key", f"{other}.pub")
    assert [len(name) for name in verified["keyIds"].split(",")] == [16, 16]
    (candidate,) = rows("explain", "route", "r", folder)
    assert candidate["resolved"] == candidate["chosen"] == "true"


def test_an_output_that_takes_nothing_is_a_failure_of_one_line(tmp_path, monkeypatch):
    folder = a_folder(tmp_path / "resources", {"runtime.yaml": RUNTIME})
    echo = click.echo

    def full(message="", *, err=False, **options):
        if not err:
            raise OSError(errno.ENOSPC, "No space left on device")
        echo(message, err=err, **options)

    monkeypatch.setattr("fourplane_cli.validate.click.echo", full)
    result = run("validate", folder, code=4)
    assert result.output == "Error: output: No space left on device\n"
