"""`fourplane operator` up to the moment when it would connect."""

import pytest
from cli_folders import run

from fourplane_cli.operator import operator, settings_of

WATCH = ("--namespace", "models")


def test_help_says_what_it_writes_and_shows_examples():
    said = run("operator", "--help").output
    for part in ("ConfigSnapshots", "Examples:", "--signing-key-secret", "--lease-duration", "Exit codes:"):
        assert part in said


@pytest.mark.parametrize(
    ("given", "remedy"),
    [
        ((), "--namespace NAME, as often as needed, or --all-namespaces"),
        ((*WATCH, "--all-namespaces", "--signing-key", "k"), "--namespace NAME, as often as needed"),
        (WATCH, "either --signing-key FILE or --signing-key-secret NAME"),
        ((*WATCH, "--signing-key", "k", "--signing-key-secret", "s"), "either --signing-key FILE"),
        ((*WATCH, "--signing-key", "k", "--lease-duration", "2"), "2 is not in the range"),
        ((*WATCH, "--signing-key", "k", "--lease-duration", "soon"), "not a valid integer"),
        (("--namespace", "A_b", "--signing-key", "k"), "--namespace A_b: a namespace's name has lower-case letters"),
        (("--namespace", "*", "--signing-key", "k"), "for every namespace say --all-namespaces"),
        ((*WATCH, "--namespace", "", "--signing-key", "k"), "a letter or digit at both ends"),
        (("--namespace", "a" * 64, "--signing-key", "k"), "at most 63"),
        ((*WATCH, "--signing-key", "k", "--triton-image", "t"), "--triton-image: only of use for the pods of"),
        ((*WATCH, "--signing-key", "k", "--worker-role", "r"), "--worker-role: only of use for the pods of"),
        (
            (*WATCH, "--signing-key", "k", "--image-pull-policy", "Never", "--image-pull-secret", "s"),
            "--image-pull-policy, --image-pull-secret: only of use for the pods of --worker-image IMAGE",
        ),
    ],
)
def test_a_setting_that_can_not_work_is_told_with_its_remedy(given, remedy):
    assert remedy in " ".join(run("operator", *given, code=2).output.split())


def test_what_is_not_said_of_workloads_has_its_default():
    options = (*WATCH, *WATCH, "--signing-key", "k", "--worker-image", "w")
    with operator.make_context("operator", list(options)) as context:
        given = {name: value for name, value in context.params.items() if not name.startswith("log_")}
        settings = settings_of(**given)
    assert settings.namespaces == ("models",)
    assert (settings.workloads.worker_role, settings.workloads.image_pull_policy) == (
        "fourplane-worker",
        "IfNotPresent",
    )


@pytest.mark.parametrize(
    ("keys", "secrets"),
    [
        (("--signing-key-secret", "key"), {"key"}),
        (("--signing-key-secret", "key", "--own-secret", "mine"), {"key", "mine"}),
        (("--signing-key", "k", "--own-secret", "mine", "--own-secret", "old"), {"mine", "old"}),
        (("--signing-key", "k"), set()),
    ],
)
def test_the_secret_with_the_key_is_for_no_pod(keys, secrets):
    options = (*WATCH, *keys, "--worker-image", "w", "--lease-namespace", "home")
    with operator.make_context("operator", list(options)) as context:
        given = {name: value for name, value in context.params.items() if not name.startswith("log_")}
        assert settings_of(**given).workloads.own_secrets == {("home", name) for name in secrets}


@pytest.mark.parametrize("address", ["8013", "localhost", "localhost:many"])
def test_an_address_that_is_none_is_told(address, tmp_path):
    said = run("operator", *WATCH, "--signing-key", tmp_path / "k", "--metrics", address, code=2).output
    assert f"--metrics {address}: write HOST:PORT" in said


def test_a_kubeconfig_that_is_not_there_is_told(tmp_path):
    missing = tmp_path / "kubeconfig"
    options = (*WATCH, "--metrics", "off", "--signing-key", tmp_path / "k", "--kubeconfig", missing)
    assert "--kubeconfig" in run("operator", *options, code=2).output
