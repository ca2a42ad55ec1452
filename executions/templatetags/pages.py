"""How pages show states, times and durations."""

import json
from datetime import datetime
from typing import Any

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from executions.models import Execution
from executions.states import ExecutionStatus, StepStatus
from executions.web import happened as telling_events
from executions.web import telling
from executions.web.ansi import ansi_html

register = template.Library()

# Each state by shape, colour and word. The shapes are drawn in templates/executions/shapes.html.
_LOOKS: dict[str, tuple[str, str]] = {
    StepStatus.PENDING: ("dots", "calm"),
    StepStatus.READY: ("ring", "calm"),
    StepStatus.RUNNING: ("play", "busy"),
    StepStatus.RETRYING: ("again", "warn"),
    StepStatus.SUCCEEDED: ("check", "good"),
    StepStatus.FAILED: ("cross", "bad"),
    StepStatus.SKIPPED: ("skip", "calm"),
    StepStatus.CANCELLED: ("slash", "calm"),
    StepStatus.TIMED_OUT: ("clock", "bad"),
    StepStatus.INTERRUPTED: ("alarm", "warn"),
    ExecutionStatus.PENDING_APPROVAL: ("pause", "warn"),
    ExecutionStatus.APPROVED: ("dot", "busy"),
    ExecutionStatus.QUEUED: ("ring", "calm"),
    ExecutionStatus.NEEDS_ATTENTION: ("alarm", "warn"),
    ExecutionStatus.PARTIAL: ("half", "warn"),
    ExecutionStatus.REJECTED: ("bar", "bad"),
    ExecutionStatus.EXPIRED: ("clock", "calm"),
}
_WORDS = dict(StepStatus.choices) | dict(ExecutionStatus.choices)


@register.inclusion_tag("executions/state.html")
def state(status: str) -> dict[str, str]:
    """A state as shape, colour and word."""
    shape, tone = _LOOKS.get(status, ("dots", "calm"))
    return {"shape": shape, "tone": tone, "word": _WORDS.get(status, status.replace("_", " ")).lower()}


@register.filter
def when(at: datetime | None) -> SafeString | str:
    """A time relative to now, the exact one on hover."""
    if at is None:
        return ""
    return format_html(
        '<time datetime="{}" title="{}">{}</time>', at.isoformat(), telling.exact(at), telling.relative(at)
    )


@register.filter
def exactly(at: datetime | None) -> SafeString | str:
    """The exact time."""
    return format_html('<time datetime="{}">{}</time>', at.isoformat(), telling.exact(at)) if at else ""


@register.filter
def duration(seconds: float | None) -> str:
    """Seconds in a few words."""
    return telling.duration(seconds)


@register.filter
def facts(data: Any) -> str:
    """What came with an event, in words."""
    return telling_events.facts(data)


@register.filter
def happened(type_: str) -> str:
    """What an event of this type is, in words."""
    return telling_events.happened(type_)


@register.filter
def words(name: str) -> str:
    """A name with blanks for underscores."""
    return name.replace("_", " ")


@register.filter
def short(digest: str) -> str:
    """The first twelve characters of a hash."""
    return digest[:12]


@register.filter
def took(execution: Execution) -> str:
    """How long the execution took, or has been running."""
    return telling.duration(telling.elapsed_s(execution.started_at, execution.finished_at))


@register.filter
def done_runs(execution: Execution) -> int:
    """How many step runs are over."""
    return execution.total_runs - execution.open_runs


@register.filter
def unsuccessful_runs(execution: Execution) -> int:
    """How many step runs did not succeed."""
    return execution.total_runs - execution.succeeded_runs


@register.filter
def plan_text(execution: Execution) -> SafeString:
    """The stored plan, indented for reading; what could deceive a reader is made visible."""
    return visible(json.dumps(json.loads(execution.plan), indent=2, ensure_ascii=False))


@register.filter
def as_json(data: Any) -> str:
    """What is stored as data, indented for reading; to be shown by `visible`."""
    return json.dumps(data, indent=2, ensure_ascii=False)


@register.filter
def visible(text: str) -> SafeString:
    """Text from a target or a plan: no control or direction change stays hidden."""
    return SafeString("".join(html for _, html in ansi_html([("", text)])))
