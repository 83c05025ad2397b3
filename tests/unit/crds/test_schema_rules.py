"""The conventions of Kubernetes APIs, asked of the generated definitions as kube-api-linter asks them of Go types."""

from pathlib import Path

import pytest
import yaml

FILES = sorted((Path(__file__).resolve().parents[3] / "crds").glob("*.yaml"))
DEFINITIONS = {path.stem.partition("_")[2]: yaml.safe_load(path.read_text())["spec"] for path in FILES}
STANDARD = {"apiVersion", "kind", "metadata"}


def schema_of(definition):
    return definition["versions"][0]["schema"]["openAPIV3Schema"]


def nodes(node, path=""):
    """Yield every schema below spec and status with its path."""
    for name, child in node.get("properties", {}).items():
        if path or name not in STANDARD:
            yield f"{path}.{name}".strip("."), child
            yield from nodes(child, f"{path}.{name}")
    for key, mark in (("items", "[]"), ("additionalProperties", "[*]")):
        if key in node:
            yield f"{path}{mark}".strip("."), node[key]
            yield from nodes(node[key], f"{path}{mark}")


NODES = [
    pytest.param(node, path, id=f"{name}:{path}")
    for name, definition in DEFINITIONS.items()
    for path, node in nodes(schema_of(definition))
]
every_node = pytest.mark.parametrize(("node", "path"), NODES)
USERS = {name: DEFINITIONS[name] for name in ("runtimedeployments", "modelroutes")}
MACHINES = {name: definition for name, definition in DEFINITIONS.items() if name not in USERS}
every_definition = pytest.mark.parametrize("definition", USERS.values(), ids=USERS)
every_machine_definition = pytest.mark.parametrize("definition", MACHINES.values(), ids=MACHINES)


@every_node
def test_every_field_has_a_description(node, path):
    assert path.endswith("]") or node["description"].endswith(".")


@every_node
def test_every_optional_field_of_a_spec_tells_its_default(node, path):
    if path.startswith("spec") and "default" in node:
        assert "Default: " in node["description"]


@every_node
def test_everything_is_bounded(node, path):
    match node.get("type"):
        case None:  # an integer or a string
            assert node["x-kubernetes-int-or-string"]
            assert {"minimum", "maxLength", "pattern"} <= node.keys()
        case "string":
            assert "enum" in node or "maxLength" in node
        case "array":
            assert "maxItems" in node
        case "integer":
            assert "minimum" in node
            # An API server keeps bounds as floating-point numbers: a larger one turns into nonsense.
            assert node["maximum"] <= 2**53
            assert node["format"] in {"int32", "int64"}
        case kind:
            assert kind in {"object", "boolean"}


@every_node
def test_nothing_is_open(node, path):
    assert "x-kubernetes-preserve-unknown-fields" not in node
    if "additionalProperties" in node:
        assert "maxProperties" in node
        assert "properties" not in node
    else:
        assert node.get("type") != "object" or node["properties"]


@every_node
def test_every_list_says_how_it_is_merged(node, path):
    if node.get("type") != "array":
        return
    kind = node["x-kubernetes-list-type"]
    assert kind in {"map", "set", "atomic"}
    if kind == "map":
        assert set(node["x-kubernetes-list-map-keys"]) <= set(node["items"]["required"])


@every_node
def test_every_rule_has_a_message(node, path):
    for rule in node.get("x-kubernetes-validations", []):
        assert rule["message"]
        assert rule["rule"]


@every_node
def test_a_required_field_has_no_default(node, path):
    for name in node.get("required", ()):
        assert "default" not in node["properties"][name]


@every_node
def test_no_number_is_a_float(node, path):
    assert node.get("type") != "number"


@every_definition
def test_conditions_come_first_and_are_a_map_by_type(definition):
    status = schema_of(definition)["properties"]["status"]["properties"]
    assert next(iter(status)) == "conditions"
    assert status["conditions"]["x-kubernetes-list-map-keys"] == ["type"]
    assert status["conditions"]["maxItems"] == 12
    condition = status["conditions"]["items"]
    assert set(condition["properties"]) == {
        *("type", "status", "reason", "message"),
        *("lastTransitionTime", "observedGeneration"),
    }
    assert "observedGeneration" in status


@every_definition
def test_status_is_a_subresource(definition):
    assert [version["subresources"] for version in definition["versions"]] == [{"status": {}}]
    assert "status" not in schema_of(definition)["required"]


@every_definition
def test_kubectl_finds_it_by_short_name_and_category(definition):
    assert definition["names"]["categories"] == ["fourplane"]
    assert definition["names"]["shortNames"] in (["rtd"], ["mroute"])
    assert definition["scope"] == "Namespaced"


@every_definition
def test_kubectl_prints_the_state_and_the_age(definition):
    columns = {column["name"]: column for column in definition["versions"][0]["additionalPrinterColumns"]}
    assert {"Ready", "Reason", "Age", "Message"} <= columns.keys()
    assert columns["Message"]["priority"] == 1
    assert columns["Age"]["type"] == "date"


@every_machine_definition
def test_what_machines_write_has_no_status(definition):
    assert [version.get("subresources") for version in definition["versions"]] == [None]
    assert "status" not in schema_of(definition)["properties"]


@every_machine_definition
def test_what_machines_write_is_in_a_category_of_its_own(definition):
    assert definition["names"]["categories"] == ["fourplane-internal"]
    assert definition["names"]["shortNames"] in (["csh"], ["csnap"], ["ract"], ["wrep"])
    assert definition["scope"] == "Namespaced"


@pytest.mark.parametrize("name", ["configshards", "configsnapshots"])
def test_what_is_named_after_its_content_is_frozen(name):
    rules = schema_of(DEFINITIONS[name])["properties"]["spec"]["x-kubernetes-validations"]
    [frozen] = [rule for rule in rules if "oldSelf" in rule["rule"]]
    assert frozen["rule"] == "self == oldSelf"
    assert "snapshots are immutable" in frozen["message"]


def test_kubectl_prints_the_most_of_each_kind():
    columns = {
        name: [column["name"] for column in definition["versions"][0]["additionalPrinterColumns"]]
        for name, definition in DEFINITIONS.items()
    }
    assert columns == {
        "runtimedeployments": [
            *("Ready", "Reason", "Digest", "Revision", "Applied", "Age", "Message", "Propagation"),
        ],
        "modelroutes": ["Model", "Runtime", "Ready", "Reason", "Age", "Message"],
        "configshards": ["Entries", "Bytes", "Age"],
        "configsnapshots": ["Runtime", "Age", "Contract"],
        "runtimeactivations": ["Digest", "Epoch", "Sequence", "Age", "Previous"],
        "workerreports": ["Runtime", "Digest", "Processes", "Rejected", "Age", "Version", "Epoch", "Sequence"],
    }


def test_the_runtime_of_a_route_is_immutable():
    reference = schema_of(DEFINITIONS["modelroutes"])["properties"]["spec"]["properties"]["runtimeRef"]
    name = reference["properties"]["name"]
    assert [rule["rule"] for rule in name["x-kubernetes-validations"]] == ["self == oldSelf"]
    [namespace] = [rule["rule"] for rule in reference["x-kubernetes-validations"]]
    assert "has(self.__namespace__) == has(oldSelf.__namespace__)" in namespace
