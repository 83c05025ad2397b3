"""The resources of fourplane.dev/v1alpha1 as typed models: the single source of the CRDs and of the API reference."""

from fourplane_api.documents import UnreadableDocumentError, dump, load
from fourplane_api.meta import API_VERSION, GROUP, VERSION, Condition, ConditionStatus, ObjectMeta
from fourplane_api.parse import KINDS, check_update, is_ours, parse
from fourplane_api.problems import InvalidResourceError, Problem
from fourplane_api.route import ModelRoute
from fourplane_api.runtime import Anonymous, RuntimeDeployment

__all__ = [
    "API_VERSION",
    "GROUP",
    "KINDS",
    "VERSION",
    "Anonymous",
    "Condition",
    "ConditionStatus",
    "InvalidResourceError",
    "ModelRoute",
    "ObjectMeta",
    "Problem",
    "RuntimeDeployment",
    "UnreadableDocumentError",
    "check_update",
    "dump",
    "is_ours",
    "load",
    "parse",
]
