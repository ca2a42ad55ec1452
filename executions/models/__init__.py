"""The tables of the domain, one topic a file."""

from executions.models.approval import Approval, ApprovalLink, Vote
from executions.models.asset import Asset
from executions.models.audit_link import AuditLink
from executions.models.effect import EffectRecord
from executions.models.execution import Execution
from executions.models.record import DeadLetter, Event
from executions.models.step import Step
from executions.models.step_gate import StepGate
from executions.models.step_run import OutputChunk, StepRun
from executions.models.worker import Worker

__all__ = [
    "Approval",
    "ApprovalLink",
    "Asset",
    "AuditLink",
    "DeadLetter",
    "EffectRecord",
    "Event",
    "Execution",
    "OutputChunk",
    "Step",
    "StepGate",
    "StepRun",
    "Vote",
    "Worker",
]
