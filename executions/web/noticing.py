"""Tells a person on the next page that what they typed was stored without what looked like a secret."""

from collections.abc import Callable

from django.contrib import messages
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from safety.masking.typed import NOTICE, noticing


class MaskedNoticeMiddleware:
    """Only where the answer leads to a page: a page that refuses stored nothing, and programs read no messages."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        with noticing() as seen:
            answer = self.get_response(request)
        if seen.masked and request.method == "POST" and "Location" in answer:
            messages.warning(request, NOTICE)
        return answer
