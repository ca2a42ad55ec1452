"""Asks the API as programs do."""

import json
from typing import Any

from django.test import Client


def asked(value: str = "", path: str = "token", **more: Any) -> Any:
    headers = {"Authorization": f"Bearer {value}"} if value else {}
    client = more.pop("client", None) or Client(raise_request_exception=False)
    return client.get(f"/api/v1/{path}", headers=headers | more.pop("headers", {}), **more)


def sent(value: str, path: str, body: Any = None, **more: Any) -> Any:
    headers = {"Authorization": f"Bearer {value}"} if value else {}
    data = body if isinstance(body, (str, bytes)) else json.dumps(body)
    more = {"content_type": "application/json"} | more
    client = more.pop("client", None) or Client(raise_request_exception=False)
    return client.post(f"/api/v1/{path}", data, headers=headers | more.pop("headers", {}), **more)


def error_of(answer: Any) -> tuple[int, str]:
    """The status and the code; every error has the one form."""
    assert answer["Content-Type"] == "application/json"
    error = answer.json()["error"]
    assert set(error) <= {"code", "message", "path", "hint", "problems", "id"}
    assert error["message"].endswith(".") or "problems" in error
    return answer.status_code, error["code"]


def a_plan(**more: Any) -> dict[str, Any]:
    steps = [{"id": "wait", "kind": "wait", "with": {"seconds": 0.001}}]
    return {"version": 1, "name": "look", "mode": "background", "steps": steps} | more
