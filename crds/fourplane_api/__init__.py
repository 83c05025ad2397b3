"""The resources of fourplane.dev/v1alpha1 as typed models: the single source of the CRDs and of the API reference."""

from fourplane_api.digests import object_name, short_form
from fourplane_api.documents import UnreadableDocumentError, dump, load
from fourplane_api.limits import Anonymous
from fourplane_api.meta import API_VERSION, GROUP, VERSION, Condition, ConditionStatus, ObjectMeta
from fourplane_api.parse import (
    KINDS,
    MACHINE_KINDS,
    MachineResource,
    check_machine_update,
    check_update,
    is_ours,
    parse,
    parse_machine,
)
from fourplane_api.problems import InvalidResourceError, Problem
from fourplane_api.published import ConfigShard, ConfigSnapshot, RuntimeActivation
from fourplane_api.report import WorkerReport
from fourplane_api.route import ModelRoute
from fourplane_api.runtime import RuntimeDeployment

__all__ = [
    "API_VERSION",
    "GROUP",
    "KINDS",
    "MACHINE_KINDS",
    "VERSION",
    "Anonymous",
    "Condition",
    "ConditionStatus",
    "ConfigShard",
    "ConfigSnapshot",
    "InvalidResourceError",
    "MachineResource",
    "ModelRoute",
    "ObjectMeta",
    "Problem",
    "RuntimeActivation",
    "RuntimeDeployment",
    "UnreadableDocumentError",
    "WorkerReport",
    "check_machine_update",
    "check_update",
    "dump",
    "is_ours",
    "load",
    "object_name",
    "parse",
    "parse_machine",
    "short_form",
]
