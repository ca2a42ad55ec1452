"""The addresses of the pages."""

from django.urls import path
from django.views.generic.base import RedirectView

from executions.web import (
    approvals,
    assets,
    changes,
    dead_letters,
    detail,
    events,
    evidence,
    gates,
    listing,
    new_run,
    output,
    rollouts,
    switches,
    why,
)

app_name = "executions"

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="executions:list"), name="home"),
    path("executions/", listing.executions, name="list"),
    path("executions/new/", new_run.write, name="new"),
    path("executions/new/preview/", new_run.preview, name="preview"),
    path("executions/new/confirm/", new_run.confirm, name="confirm"),
    path("executions/<uuid:execution_id>/", detail.execution, name="detail"),
    path("executions/<uuid:execution_id>/live/", detail.live, name="live"),
    path("executions/<uuid:execution_id>/plan/", detail.plan, name="plan"),
    path("executions/<uuid:execution_id>/events/", events.events, name="events"),
    path("executions/<uuid:execution_id>/evidence.jsonl", evidence.download, name="evidence"),
    path("executions/<uuid:execution_id>/cancel/", changes.cancel, name="cancel"),
    path("executions/<uuid:execution_id>/retry/", changes.retry, name="retry"),
    path("executions/<uuid:execution_id>/approve/", approvals.approve, name="approve"),
    path("executions/<uuid:execution_id>/reject/", approvals.reject, name="reject"),
    path("executions/<uuid:execution_id>/steps/<str:step>/approve/", gates.approve, name="approve_step"),
    path("executions/<uuid:execution_id>/steps/<str:step>/reject/", gates.reject, name="reject_step"),
    path("step-runs/<uuid:step_run_id>/resolve/", changes.resolve, name="resolve"),
    path("step-runs/<uuid:step_run_id>/confirm/", changes.confirm, name="confirm_stop"),
    path("step-runs/<uuid:step_run_id>/output.txt", output.download, name="output"),
    path("approvals/", approvals.queue, name="approvals"),
    path("assets/<uuid:asset_id>/", assets.asset, name="asset"),
    path("assets/<uuid:asset_id>/reserve/", assets.reserve, name="reserve"),
    path("assets/<uuid:asset_id>/unreserve/", assets.unreserve, name="unreserve"),
    path("assets/<uuid:asset_id>/release/<uuid:execution_id>/", assets.release, name="release"),
    path("rollout/", rollouts.rollouts, name="rollouts"),
    path("rollout/<slug:slug>/", rollouts.change, name="change_rollout"),
    path("switches/", switches.switches, name="switches"),
    path("switches/turn/", switches.turn, name="turn_switch"),
    path("switches/<int:switch_id>/lift/", switches.lift, name="lift_switch"),
    path("dead-letters/", dead_letters.dead_letters, name="dead_letters"),
    path("why/", why.why, name="why"),
]
