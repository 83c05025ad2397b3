"""Resources in the situations that a GitOps tool must tell apart, their conditions as the operator computes them."""

import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "compiler"))

import yaml
from compiler_resources import RUNTIME_REF, a_backend, a_document, a_pool, a_route, a_runtime, broken
from test_conditions_support import NOW, R, a_world, active, digest_of, on, written

from fourplane_api import API_VERSION, RuntimeDeployment, parse
from fourplane_compiler.conditions import PATIENCE, Rejection, Subject, answers_of, conditions

Document = dict[str, Any]
CRDS = Path(__file__).resolve().parents[3] / "crds"
NEW, EDITED = {"generation": 1}, {"generation": 2}


def a_resource(kind: str, generation: int, found: tuple = (), observed: int | None = None, **status: str) -> Document:
    """Return what the API server would hand over, as far as a health check reads it."""
    name = "r" if kind == "ModelRoute" else "demo"
    metadata = {"name": name, "namespace": "default", "generation": generation}
    document: Document = {"apiVersion": API_VERSION, "kind": kind, "metadata": metadata}
    if found:
        listed = [one.model_dump(by_alias=True, mode="json") for one in found]
        document["status"] = {"observedGeneration": observed or generation, **status, "conditions": listed}
    return document


def a_new_runtime() -> RuntimeDeployment:
    return parse(a_document("RuntimeDeployment", "demo", {"pools": [a_pool()]}, **NEW))


def just_applied() -> Document:
    """The API server fills in what the definition says of a resource that nobody has looked at."""
    document = a_resource("ModelRoute", 1)
    definition = yaml.safe_load((CRDS / "fourplane.dev_modelroutes.yaml").read_text())
    schema = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    return document | {"status": schema["properties"]["status"]["default"]}


def seen() -> Document:
    return a_resource("ModelRoute", 1, conditions(Subject(ref=R, generation=1), answers_of(None, ()), (), NOW))


def serving() -> Document:
    world = a_world(a_runtime(), a_route(metadata=NEW))
    return a_resource("ModelRoute", 1, written(world, on(world), on(world)))


def runtime_serving() -> Document:
    world = a_world(a_new_runtime(), a_route())
    return a_resource("RuntimeDeployment", 1, written(world, on(world), on(world), ref=RUNTIME_REF), applied="2/2")


def edited() -> Document:
    """The operator has not seen the edit: everything that stands is of the generation before."""
    world = a_world(a_runtime(), a_route(metadata=NEW))
    return a_resource("ModelRoute", 2, written(world, on(world)), observed=1)


def broken_edit() -> Document:
    before = a_world(a_runtime(), a_route(metadata=NEW))
    after = a_world(broken("r", **EDITED), before=before)
    return a_resource("ModelRoute", 2, written(after, on(before), others=[before]))


def conflict() -> Document:
    older = a_route("a", model="digits", created="2026-01-01T00:00:00Z")
    newer = a_route("r", model="digits", created="2026-01-02T00:00:00Z", metadata=NEW)
    world = a_world(a_runtime(), older, newer)
    return a_resource("ModelRoute", 1, written(world, on(world)))


def waiting_for_pool() -> Document:
    world = a_world(a_runtime(), a_route("r", a_backend("absent"), metadata=NEW))
    return a_resource("ModelRoute", 1, written(world, on(world)))


def pool_does_not_come() -> Document:
    world = a_world(a_runtime(), a_route("r", a_backend("absent"), metadata=NEW))
    found = written(world, on(world))
    late = written(world, on(world), before=found, now=NOW + PATIENCE + timedelta(seconds=1))
    return a_resource("ModelRoute", 1, late)


def no_workers() -> Document:
    world = a_world(a_new_runtime(), a_route())
    return a_resource("RuntimeDeployment", 1, written(world, ref=RUNTIME_REF), applied="0/0")


def worker_behind() -> Document:
    before = a_world(a_runtime(), a_route(metadata=NEW))
    after = a_world(a_route(deadline="1s", metadata=EDITED), before=before)
    standing = written(before, on(before), on(before))
    reports = (on(after), on(before))
    found = written(after, *reports, activated=active(after, 2), others=[before], before=standing)
    return a_resource("ModelRoute", 2, found)


def rejected() -> Document:
    before = a_world(a_runtime(), a_route(metadata=NEW))
    after = a_world(a_route(deadline="1s", metadata=EDITED), before=before)
    why = Rejection(digest=digest_of(after), message="the deadline is too short", source=R, field="spec.deadline")
    found = written(after, on(before, why), on(after), activated=active(after, 2), others=[before])
    return a_resource("ModelRoute", 2, found)


def _with_conditions(change: Callable[[list[Document]], list[Document]], of: Callable[[], Document]) -> Document:
    document = of()
    document["status"]["conditions"] = change(document["status"]["conditions"])
    return document


def ready_of_older_generation() -> Document:
    document = edited()
    document["status"]["observedGeneration"] = 2
    return document


def stalled_of_older_generation() -> Document:
    document = broken_edit()
    document["metadata"]["generation"] = document["status"]["observedGeneration"] = 3
    return document


def no_conditions() -> Document:
    document = seen()
    del document["status"]["conditions"]
    return document


def unknown_conditions() -> Document:
    """A later operator writes other types, in another order."""
    odd = {"type": "Degraded", "status": "True", "reason": "Odd", "message": "not known here"}
    return _with_conditions(
        lambda listed: [odd | {"lastTransitionTime": "2026-01-31T12:00:00Z"}, *reversed(listed[1:])], of=serving
    )


def conditions_without_generation() -> Document:
    def without(listed: list[Document]) -> list[Document]:
        return [{key: value for key, value in one.items() if key != "observedGeneration"} for one in listed]

    return _with_conditions(without, of=serving)
