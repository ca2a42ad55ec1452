"""The evidence of one execution as a download."""

import tempfile
from collections.abc import AsyncIterator
from typing import IO
from uuid import UUID

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.http import FileResponse, HttpRequest, StreamingHttpResponse
from django.shortcuts import get_object_or_404
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_safe

from executions.audit import evidence
from executions.models import Execution
from executions.web.permission import person
from executions.web.refusals import shows_refusals

PIECE_BYTES = 64 * 1024
CONTENT_TYPE = "application/jsonl"


@require_safe
@shows_refusals
def download(request: HttpRequest, execution_id: UUID) -> FileResponse | StreamingHttpResponse:
    """Everything that is on record about the execution, in a file that verifies without us.

    It is written to a temporary file first: a slow browser must not keep a transaction open.
    """
    found = get_object_or_404(Execution.objects.visible_to(request.user).defer("plan"), pk=execution_id)
    evidence.require_reader(found, person(request))
    file = tempfile.TemporaryFile()  # noqa: SIM115  the answer closes it
    try:
        evidence.write(found.pk, person=person(request).get_username(), file=file)
        size = file.tell()
        file.seek(0)
    except BaseException:
        file.close()
        raise
    answer: FileResponse | StreamingHttpResponse
    if isinstance(request, ASGIRequest):
        # Django would read all of a file's pieces into memory before it sends the first.
        answer = StreamingHttpResponse(_pieces(file), content_type=CONTENT_TYPE)
    else:
        answer = FileResponse(file, content_type=CONTENT_TYPE)
    answer["Content-Length"] = str(size)
    answer["Content-Disposition"] = content_disposition_header(True, evidence.file_name(found))
    answer["X-Content-Type-Options"] = "nosniff"
    return answer


async def _pieces(file: IO[bytes]) -> AsyncIterator[bytes]:
    with file:
        while piece := await sync_to_async(file.read)(PIECE_BYTES):
            yield piece
