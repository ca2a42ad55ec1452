"""What is wrong with a request, as the JSON that says so."""

from typing import Any, Final

from django.http import JsonResponse

from executions.errors import Refused
from executions.plans import PlanInvalid
from executions.web.refusals import status_of

CHALLENGE: Final = 'Bearer realm="OpsConductor"'
_NOT_READABLE: Final = {"plan.empty", "plan.encoding", "plan.syntax", "plan.not_object"}
_TOO_LARGE: Final = "plan.too_large"


class Wrong(Exception):
    """The request cannot be answered as it is; nothing was changed. `headers` go with the answer."""

    def __init__(
        self, status: int, code: str, message: str, *, hint: str = "", headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status, self.code, self.hint, self.headers = status, code, hint, headers or {}


def answer(status: int, code: str, message: str, **more: Any) -> JsonResponse:
    """`{"error": {"code", "message", …}}`; what is empty is left out."""
    said = {"code": code, "message": message} | {name: value for name, value in more.items() if value}
    return JsonResponse({"error": said}, status=status)


def of_request(wrong: Wrong) -> JsonResponse:
    """The answer to a request that cannot be answered."""
    response = answer(wrong.status, wrong.code, str(wrong), hint=wrong.hint)
    for name, value in wrong.headers.items():
        response[name] = value
    return response


def of_refusal(refusal: Refused) -> JsonResponse:
    """The domain said no."""
    return answer(status_of(refusal), refusal.code, str(refusal), hint=refusal.hint)


def of_plan(invalid: PlanInvalid) -> JsonResponse:
    """Every problem of the plan, the first one also by itself."""
    first = invalid.problems[0]
    status = 413 if first.code == _TOO_LARGE else 400 if first.code in _NOT_READABLE else 422
    problems = [
        {"code": one.code, "path": one.path, "message": one.message, "hint": one.hint}
        for one in invalid.problems
    ]
    return answer(status, first.code, first.message, path=first.path, hint=first.hint, problems=problems)
