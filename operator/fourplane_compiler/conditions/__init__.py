"""What the status of a resource says: a pure function of its compile, the activation and the workers' reports."""

from fourplane_compiler.conditions.facts import (
    Activated,
    Answers,
    Form,
    Rejection,
    Report,
    Subject,
    answers_of,
    applied,
)
from fourplane_compiler.conditions.placement import Held, subject_of
from fourplane_compiler.conditions.provisioned import NOT_YET, Provisioning, Shortfall
from fourplane_compiler.conditions.reasons import ConditionReason, ConditionType
from fourplane_compiler.conditions.writing import PATIENCE, conditions, look_again, standing

__all__ = [
    "NOT_YET",
    "PATIENCE",
    "Activated",
    "Answers",
    "ConditionReason",
    "ConditionType",
    "Form",
    "Held",
    "Provisioning",
    "Rejection",
    "Report",
    "Shortfall",
    "Subject",
    "answers_of",
    "applied",
    "conditions",
    "look_again",
    "standing",
    "subject_of",
]
