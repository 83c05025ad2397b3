"""What is written is what is read, for any resource."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

import fourplane_api as api
from fourplane_api import durations
from fourplane_core.control.snapshot import DataType


def matching(regex):
    return st.from_regex(regex, fullmatch=True)


def optional(**fields):
    return st.fixed_dictionaries({}, optional=fields)


labels = matching(r"[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?")
engine_models = matching(r"[A-Za-z0-9][A-Za-z0-9._-]{0,20}")
versions = matching(r"[A-Za-z0-9._-]{0,20}")
duration_texts = matching(r"([0-9]{1,5}(h|m|s|ms)){1,4}").filter(
    lambda text: len(text) <= 24 and 1 <= durations.milliseconds(text) <= durations.DAY_MS
)
endpoints = matching(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,20}[A-Za-z0-9])?:[1-9][0-9]{0,3}")
tensors = st.lists(
    st.fixed_dictionaries(
        {
            "name": matching(r"[!-~]{1,20}"),
            "datatype": st.sampled_from([kind.value for kind in DataType]),
            "shape": st.lists(st.integers(-1, 2**31 - 1), max_size=4),
        }
    ),
    max_size=3,
    unique_by=lambda tensor: tensor["name"],
)
models = st.lists(
    st.fixed_dictionaries(
        {"name": engine_models}, optional={"decoupled": st.booleans(), "inputs": tensors, "outputs": tensors}
    ),
    min_size=1,
    max_size=3,
    unique_by=lambda model: model["name"],
)
tritons = st.one_of(
    st.fixed_dictionaries({"models": models, "endpoints": st.lists(endpoints, min_size=1, max_size=3, unique=True)}),
    st.fixed_dictionaries({"models": models, "modelRepository": matching(r"[a-z0-9][a-z0-9/_-]{0,20}")}),
)
pools = st.lists(
    st.fixed_dictionaries({"name": labels, "triton": tritons}),
    min_size=1,
    max_size=3,
    unique_by=lambda pool: pool["name"],
)
runtime_specs = st.fixed_dictionaries(
    {"pools": pools},
    optional={
        "callers": optional(anonymous=st.sampled_from(["Allow", "Deny"])),
        "limits": optional(
            maxRequestBytes=st.integers(1, 2**31 - 1),
            maxMetadataBytes=st.integers(1024, 1024**2),
            maxDeadline=duration_texts,
        ),
        "telemetry": optional(
            tracing=st.fixed_dictionaries(
                {"endpoint": st.just("http://collector:4318")},
                optional={"samplePerMillion": st.integers(0, 1_000_000)},
            )
        ),
    },
)
backends = st.lists(
    st.fixed_dictionaries(
        {"pool": labels, "model": engine_models, "weight": st.integers(0, 1_000_000)}, optional={"version": versions}
    ),
    min_size=1,
    max_size=4,
    unique_by=lambda backend: (backend["pool"], backend["model"], backend.get("version", "")),
).filter(lambda found: any(backend["weight"] for backend in found))
route_specs = st.fixed_dictionaries(
    {
        "runtimeRef": st.fixed_dictionaries({"name": labels}),
        "model": st.fixed_dictionaries({"name": engine_models}, optional={"version": versions}),
        "backends": backends,
    },
    optional={
        "deadline": duration_texts,
        "affinity": st.fixed_dictionaries(
            {"header": matching(r"[a-df-w][a-z0-9_.-]{0,20}").filter(lambda h: h[:5] != "grpc-")}
        ),
    },
)
metadata = st.fixed_dictionaries(
    {"name": labels},
    optional={
        "namespace": labels,
        "labels": st.dictionaries(labels, labels, max_size=3),
        "generation": st.integers(0, 2**53),
        "uid": matching(r"[0-9a-f-]{0,36}"),
    },
)


def documents(kind, specs):
    return st.fixed_dictionaries(
        {
            "apiVersion": st.just("fourplane.dev/v1alpha1"),
            "kind": st.just(kind),
            "metadata": metadata,
            "spec": specs,
        }
    )


resources = st.one_of(documents("RuntimeDeployment", runtime_specs), documents("ModelRoute", route_specs)).map(
    api.parse
)


@given(resources)
def test_what_is_written_is_what_is_read(resource):
    assert api.parse(resource.document()) == resource


@given(resources)
def test_it_survives_yaml(resource):
    assert api.parse(api.load(api.dump(resource.document()))[0]) == resource


@given(resources)
def test_writing_twice_gives_the_same(resource):
    assert api.parse(resource.document()).document() == resource.document()


@given(duration_texts, duration_texts)
def test_durations_add_up(one, other):
    assert durations.milliseconds(one + other) == durations.milliseconds(one) + durations.milliseconds(other)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["spec", "metadata", "name", "pools", "backends", "triton", "x"]), inner, max_size=3
            )
        ),
        max_leaves=12,
    )
)
def test_any_wrong_value_is_refused_with_problems(value):
    document = {"apiVersion": "fourplane.dev/v1alpha1", "kind": "ModelRoute", "metadata": value, "spec": value}
    with pytest.raises(api.InvalidResourceError) as caught:
        api.parse(document)
    assert caught.value.problems
    assert all(problem.message for problem in caught.value.problems)
