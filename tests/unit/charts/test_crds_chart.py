"""The chart of the kinds is the kinds, and keeps them."""

import yaml
from rendering import CRDS, ROOT, rendered

KEEP = {"helm.sh/resource-policy": "keep"}


def test_it_holds_every_definition_as_it_is_but_for_what_keeps_it():
    ours = {each.name: yaml.safe_load(each.read_text()) for each in (ROOT / "crds").glob("fourplane.dev_*.yaml")}
    charted = {}
    for document in rendered(chart=CRDS):
        assert document["metadata"].pop("annotations") == KEEP
        charted[f"fourplane.dev_{document['spec']['names']['plural']}.yaml"] = document
    assert charted == ours
