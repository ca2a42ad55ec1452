"""The output of one step run: its end on the page, all of it as a download."""

from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.http import content_disposition_header
from django.utils.safestring import SafeString
from django.utils.text import slugify
from django.views.decorators.http import require_safe

from executions.models import EffectRecord, OutputChunk, StepRun
from executions.web.ansi import ansi_html
from executions.web.permission import require

SHOWN_CHARACTERS = 128 * 1024
SHOWN_CHUNKS = 400


@dataclass(frozen=True)
class Output:
    """The end of what one attempt wrote. `is_cut`: there is more before it, in the download.

    `effect`: when its effect was about to begin and what is known of its end; None when it has or had none.
    """

    run: StepRun
    attempt: int
    pieces: list[tuple[str, SafeString]]
    is_cut: bool
    effect: EffectRecord | None

    @property
    def attempts(self) -> list[int]:
        """Every attempt there was, the latest first."""
        return list(range(self.run.attempt, 0, -1))


def output_of(run: StepRun, wanted: str) -> Output:
    """The output of the wanted attempt, or of the last one."""
    attempt = _attempt(run, wanted)
    newest_first = OutputChunk.objects.filter(step_run_id=run.pk, attempt=attempt).order_by("-sequence")
    texts: list[tuple[str, str]] = []
    room = SHOWN_CHARACTERS
    is_cut = False
    for number, (stream, text) in enumerate(newest_first.values_list("stream", "text")[: SHOWN_CHUNKS + 1]):
        if number == SHOWN_CHUNKS or room <= 0:
            is_cut = True
            break
        is_cut = len(text) > room
        texts.append((stream, text[-room:]))
        room -= len(text)
    effect = EffectRecord.objects.filter(step_run_id=run.pk, attempt=attempt).first()
    return Output(run, attempt, list(ansi_html(reversed(texts))), is_cut, effect)


@require_safe
def download(request: HttpRequest, step_run_id: str) -> HttpResponse:
    """All stored output of one attempt, as plain text that no browser takes for anything else."""
    run = get_object_or_404(StepRun.objects.visible_to(request.user), pk=step_run_id)
    require(request, "executions.view_execution", run)
    attempt = _attempt(run, request.GET.get("attempt", ""))
    chunks = OutputChunk.objects.filter(step_run_id=run.pk, attempt=attempt).order_by("sequence")
    name = f"{str(run.execution_id)[:8]}-{slugify(str(run.step.key))}-{slugify(_target(run))}-{attempt}.txt"
    answer = HttpResponse(
        "".join(chunks.values_list("text", flat=True)), content_type="text/plain; charset=utf-8"
    )
    answer["Content-Disposition"] = content_disposition_header(True, name)
    answer["X-Content-Type-Options"] = "nosniff"
    return answer


def _target(run: StepRun) -> str:
    return run.asset.name if run.asset else "no-target"


def _attempt(run: StepRun, wanted: str) -> int:
    chosen = int(wanted) if wanted.isascii() and wanted.isdecimal() and len(wanted) < 5 else run.attempt
    return chosen if 1 <= chosen <= run.attempt else run.attempt
