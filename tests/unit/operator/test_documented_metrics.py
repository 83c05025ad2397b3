import re
from pathlib import Path

from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from fourplane_operator.metrics import Metrics

DOCUMENT = Path(__file__).parents[3] / "docs" / "operations.md"
OF_THE_CLUSTER = {"fourplane_api_requests_total", "fourplane_api_written_bytes_total"}
"""Counted by the edge to the API server."""
HOW_MUCH = {"fourplane_operator_runtimes", "fourplane_operator_resources"}
"""How much there is: nothing to act on."""


def test_the_document_names_every_metric_of_the_operator_and_no_other():
    section = DOCUMENT.read_text().partition("## The operator")[2].partition("\n## ")[0]
    documented = set(re.findall(r"`(fourplane_[a-z_]+)", section))
    families = text_string_to_metric_families(generate_latest(Metrics().registry).decode())
    exposed = {f"{one.name}_total" if one.type == "counter" else one.name for one in families}
    exposed = {name for name in exposed if not name.endswith("_created")}
    assert documented == exposed - HOW_MUCH | OF_THE_CLUSTER
